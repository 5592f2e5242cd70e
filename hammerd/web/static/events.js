// Lists events of the history, the latest first; older ones are asked for on demand.

import { icon, make, setText } from "./dom.js";
import { linkTo } from "./row.js";
import { otherZone, showToSecond, zoneName } from "./words.js";

const PAGE = 50;
const REFRESH_MS = 2_000;
const SIGNS = { error: "critical", critical: "critical", warning: "warning" };
const LEVELS = [
  ["", "all"],
  ["warning", "warnings and errors"],
  ["error", "errors"],
];

/** Ask for JSON; an error has the words of the server. */
export async function ask(path, parameters, signal) {
  const query = new URLSearchParams(parameters);
  let reply;
  try {
    reply = await fetch(`${path}?${query}`, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("hammerd web does not answer", { cause: error });
  }
  if (reply.ok) return reply.json();
  let told = {};
  try {
    told = await reply.json();
  } catch {
    // The answer is not ours: a proxy's, for example.
  }
  const reason = told.error ?? told.reason ?? told.message ?? `${reply.status} ${reply.statusText}`;
  throw new Error(told.hint ? `${reason} (${told.hint})` : reason);
}

/** The events of one pair, or of all pairs and the daemon if `pair` is null. */
export class EventList {
  constructor(place, pair) {
    this.pair = pair;
    this.found = [];
    this.isEnd = false;
    this.level = "";
    this.abort = null;
    this.select = make(
      "select",
      { onchange: () => this.choose() },
      ...LEVELS.map(([value, text]) => make("option", { value }, text)),
    );
    this.status = make("p", { class: "found", role: "status" });
    this.body = make("tbody");
    this.timeHead = make("th", { scope: "col" });
    this.more = make("button", { type: "button", onclick: () => this.older() }, "Show older events");
    const pairHead = pair === null ? make("th", { scope: "col" }, "Pair") : null;
    place.replaceChildren(
      make("div", { class: "find" }, make("label", {}, "Level ", this.select), this.status),
      make(
        "table",
        { class: "list" },
        make("caption", { class: "visually-hidden" }, "Events, the latest first"),
        make(
          "thead",
          {},
          make("tr", {}, this.timeHead, make("th", { scope: "col" }, "Level"), pairHead,
            make("th", { scope: "col" }, "Event")),
        ),
        this.body,
      ),
      this.more,
    );
    this.more.hidden = true;
  }

  choose() {
    this.level = this.select.value;
    this.load();
  }

  async load() {
    await this.take({}, (events) => {
      this.found = events;
      this.isEnd = events.length < PAGE;
    });
  }

  async older() {
    const last = this.found.at(-1);
    await this.take({ before_id: last.id }, (events) => {
      this.found.push(...events);
      this.isEnd = events.length < PAGE;
    });
  }

  /** Ask for what is new; called as statuses come, and asks at most once in a while. */
  refresh() {
    if (this.timer || !this.found.length) return;
    this.timer = setTimeout(async () => {
      this.timer = null;
      await this.take({}, (events) => {
        const known = new Set(this.found.map((event) => event.id));
        const fresh = events.filter((event) => !known.has(event.id));
        // Of more than a page nobody knows what lies between: begin anew.
        if (fresh.length === PAGE) this.found = [];
        this.found.unshift(...fresh);
      });
    }, REFRESH_MS);
  }

  async take(more, use) {
    this.abort?.abort();
    this.abort = new AbortController();
    const parameters = { limit: PAGE, ...more };
    if (this.pair !== null) parameters.pair = this.pair;
    if (this.level) parameters.level = this.level;
    try {
      const reply = await ask("api/v1/events", parameters, this.abort.signal);
      use(reply.events);
      setText(this.status, this.found.length ? "" : "no event");
    } catch (error) {
      if (error.name === "AbortError") return;
      setText(this.status, `the events cannot be read: ${error.message}`);
    }
    this.redraw();
  }

  redraw() {
    setText(this.timeHead, `Time (${zoneName()})`);
    const rows = this.found.map((event) => this.row(event));
    this.body.replaceChildren(...rows);
    this.more.hidden = this.isEnd || !this.found.length;
  }

  row(event) {
    const time = new Date(event.time);
    const sign = SIGNS[event.level];
    const fields = Object.entries(event.fields ?? {}).map(([key, value]) => [
      make("span", { class: "field" }, make("span", { class: "key" }, `${key}=`), make("bdi", {}, shown(value))),
      " ",
    ]);
    const pair = event.pair
      ? make("a", { class: "open", href: linkTo(event.pair) }, make("bdi", {}, event.pair))
      : "hammerd";
    return make(
      "tr",
      { class: `level-${sign ?? "plain"}` },
      make("td", { class: "time" }, make("time", { datetime: event.time, title: otherZone(time) }, showToSecond(time))),
      make("td", { class: `level is-${sign ?? "plain"}` }, sign ? icon(sign) : null, event.level),
      this.pair === null ? make("td", {}, pair) : null,
      make("td", { class: "what" }, make("b", {}, event.event), " ", ...fields.flat()),
    );
  }

  close() {
    clearTimeout(this.timer);
    this.abort?.abort();
  }
}

function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
