// The history of a pair's lag: a chart that can be zoomed, its summary, its marks, its table.

import { make, setAttribute, setText } from "./dom.js";
import { ask } from "./events.js";
import {
  otherZone,
  showMoment,
  showPeriod,
  showRoughPeriod,
  showToSecond,
  usesLocalTime,
  zoneName,
} from "./words.js";

const RANGES = [
  ["1h", 3600],
  ["6h", 6 * 3600],
  ["24h", 86400],
  ["7d", 7 * 86400],
  ["30d", 30 * 86400],
  ["1y", 365 * 86400],
];
const SHORTEST_S = 60;
const LONGEST_S = 10 * 365 * 86400;
const REFRESH_S = 10;
const ZOOM_DELAY_MS = 120;
const MOST_ROWS = 24;
const MOST_MARKS = 200;

/** The history of a pair in an element. */
export class History {
  constructor(place, pair, range, nowS) {
    this.pair = pair;
    this.nowS = nowS;
    this.limits = {};
    this.chart = null;
    this.abort = null;
    this.index = null;
    this.isLog = false;
    this.build(place);
    this.choose(RANGES.find(([name]) => name === range) ?? RANGES[2]);
  }

  build(place) {
    this.buttons = RANGES.map(([name, length]) =>
      make(
        "button",
        { type: "button", "aria-pressed": "false", onclick: () => this.choose([name, length]) },
        name,
      ),
    );
    const button = (label, text, act) =>
      make("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    this.log = make("input", { type: "checkbox", onchange: () => this.chooseScale() });
    this.canvas = make("div", {
      class: "canvas",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "chart",
      "aria-label": `lag of ${this.pair}`,
      "aria-describedby": "chart-keys",
    });
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.span = make("p", { class: "span" });
    this.readout = make("p", { class: "readout", role: "status" });
    this.summary = make("dl", { class: "figures" });
    this.failure = make("p", { class: "failure", role: "alert", hidden: true });
    this.table = make("tbody");
    this.tableHead = make("th", { scope: "col" });
    this.marksBody = make("tbody");
    this.marksHead = make("th", { scope: "col" });
    this.marks = make("details", { class: "panel" });
    this.marksTitle = make("summary", {}, "Marks");
    this.marks.append(
      this.marksTitle,
      make(
        "table",
        { class: "list" },
        make("caption", { class: "visually-hidden" }, "Marks of the chart"),
        make("thead", {}, make("tr", {}, this.marksHead, make("th", { scope: "col" }, "Mark"),
          make("th", { scope: "col" }, "What happened"))),
        this.marksBody,
      ),
    );
    place.replaceChildren(
      make(
        "div",
        { class: "controls" },
        make("div", { class: "switch", role: "group", "aria-label": "Span of time" }, ...this.buttons),
        make(
          "div",
          { class: "switch", role: "group", "aria-label": "Zoom" },
          button("Earlier", "\u2190", () => this.pan(-0.5)),
          button("Zoom in", "+", () => this.zoom(0.5)),
          button("Zoom out", "\u2212", () => this.zoom(2)),
          button("Later", "\u2192", () => this.pan(0.5)),
        ),
        make("label", { class: "check" }, this.log, " log scale"),
      ),
      this.failure,
      this.summary,
      make("div", { class: "above" }, this.span, this.readout),
      this.canvas,
      make(
        "p",
        { id: "chart-keys", class: "keys" },
        "Line: worst lag; band: down to the least; hatched: unknown or no data. Drag or wheel to " +
          "zoom. Keys: arrows read values, Shift and arrows move, + and - zoom, 0 the last 24 hours.",
      ),
      this.marks,
      make(
        "details",
        { class: "panel" },
        make("summary", {}, "The chart as a table"),
        make(
          "table",
          { class: "list numbers" },
          make("caption", { class: "visually-hidden" }, "Lag over time"),
          make("thead", {}, make("tr", {}, this.tableHead, make("th", { scope: "col" }, "Min"),
            make("th", { scope: "col" }, "Max"), make("th", { scope: "col" }, "Marks"))),
          this.table,
        ),
      ),
    );
  }

  // --- the span of time -------------------------------------------------------------------------

  choose([name, length]) {
    this.range = name;
    const until = this.nowS();
    this.goTo(until - length, until, true);
    this.onRange?.(name);
  }

  goTo(since, until, isLive = false) {
    const now = this.nowS();
    const length = Math.min(Math.max(until - since, SHORTEST_S), LONGEST_S);
    this.isLive = isLive || until >= now;
    this.until = this.isLive ? now : until;
    this.since = this.until - length;
    this.buttons.forEach((button, index) => {
      const isIt = this.isLive && Math.abs(length - RANGES[index][1]) < 1;
      setAttribute(button, "aria-pressed", String(isIt));
    });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), this.reply ? ZOOM_DELAY_MS : 0);
  }

  zoom(factor, center = (this.since + this.until) / 2) {
    const [before, after] = [center - this.since, this.until - center];
    this.goTo(center - before * factor, center + after * factor);
  }

  pan(share) {
    const by = share * (this.until - this.since);
    this.goTo(this.since + by, this.until + by);
  }

  chooseScale() {
    this.isLog = this.log.checked;
    this.drawChart();
  }

  onWheel(event) {
    if (!this.chart?.plot || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    const left = event.clientX - this.chart.plot.over.getBoundingClientRect().left;
    this.zoom(event.deltaY < 0 ? 0.7 : 1.4, this.chart.plot.posToVal(left, "x"));
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.choose(RANGES[2]),
      Home: () => this.read(-Infinity),
      End: () => this.read(Infinity),
      ArrowLeft: () => (event.shiftKey ? this.pan(-0.25) : this.read(-1)),
      ArrowRight: () => (event.shiftKey ? this.pan(0.25) : this.read(1)),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** Read the value of a bucket that is so many buckets on. */
  read(by) {
    if (!this.reply?.times.length || !this.chart) return;
    const last = this.reply.times.length - 1;
    const from = this.index ?? (by > 0 ? -1 : last + 1);
    this.chart.pointAt(Math.min(Math.max(from + by, 0), last));
  }

  // --- data -------------------------------------------------------------------------------------

  /** Ask anew if the span ends now and its last bucket may have changed. */
  refresh() {
    if (!this.isLive || !this.reply) return;
    const now = this.nowS();
    if (now - this.until < Math.max(REFRESH_S, this.reply.step_s / 2)) return;
    const length = this.until - this.since;
    this.until = now;
    this.since = now - length;
    this.load();
  }

  async load() {
    this.abort?.abort();
    this.abort = new AbortController();
    const points = Math.min(1000, Math.max(120, Math.round(this.canvas.clientWidth / 1.5)));
    const parameters = {
      pair: this.pair,
      since: this.since.toFixed(3),
      until: this.until.toFixed(3),
      points,
    };
    try {
      const [reply, { Chart }] = await Promise.all([
        ask("api/v1/lag", parameters, this.abort.signal),
        import("./chart.js"),
      ]);
      if (this.isClosed) return;
      this.chart ??= new Chart(this.canvas, {
        onCursor: (index) => this.onCursor(index),
        onSelect: (since, until) => this.goTo(since, until),
      });
      this.reply = reply;
      this.failure.hidden = true;
      this.redraw();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.failure.hidden = false;
      setText(this.failure, `the history of the lag cannot be read: ${error.message}`);
    }
  }

  // --- what is shown ----------------------------------------------------------------------------

  drawChart() {
    if (this.reply && this.chart) {
      this.chart.draw(this.reply, this.limits, this.isLog, usesLocalTime());
    }
  }

  /** Show all anew: the data, the zone of times or the colours are others. */
  redraw(areColoursNew = false) {
    if (!this.reply || !this.chart) return;
    this.drawChart();
    if (areColoursNew) this.chart.redraw();
    const [since, until] = [this.reply.since, this.reply.until].map((time) => new Date(time * 1000));
    setText(this.span, `${showMoment(since, until)} to ${showMoment(until, since)}`);
    setText(this.tableHead, `From (${zoneName()})`);
    setText(this.marksHead, `Time (${zoneName()})`);
    this.showSummary();
    this.showMarks();
    this.showTable();
    if (this.index === null) this.onCursor(null);
  }

  showSummary() {
    const { summary } = this.reply;
    const period = (seconds) => (typeof seconds === "number" ? showPeriod(seconds) : "unknown");
    const share = (value) => (typeof value === "number" ? showShare(value) : "unknown");
    const max = summary.max_time ? ` at ${showMoment(new Date(summary.max_time), new Date(this.nowS() * 1000))}` : "";
    const figures = [
      ["median", period(summary.median_s)],
      ["p95", period(summary.p95_s)],
      ["max", `${period(summary.max_s)}${max}`],
      ["in sync", share(summary.in_sync_share)],
      ["within lag_warning", share(summary.within_warning_share)],
      ["unknown", share(summary.unknown_share)],
      ["no data", share(summary.no_data_share)],
    ];
    this.summary.replaceChildren(
      ...figures.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
    );
    const told = figures.map(([name, text]) => `${name} ${text}`).join(", ");
    setAttribute(this.canvas, "aria-label", `lag of ${this.pair}: ${told}`);
  }

  showMarks() {
    const marks = [...this.reply.marks].sort((one, other) => other.time - one.time);
    setText(this.marksTitle, `Marks (${marks.length})`);
    this.marks.hidden = !marks.length;
    this.marksBody.replaceChildren(
      ...marks.slice(0, MOST_MARKS).map((mark) => {
        const time = new Date(mark.time * 1000);
        const shown = make("time", { datetime: time.toISOString(), title: otherZone(time) }, showToSecond(time));
        return make("tr", {}, make("td", { class: "time" }, shown), make("td", {}, kindWord(mark.kind)),
          make("td", { class: "what", dir: "auto" }, this.lasting(mark)));
      }),
    );
  }

  /** Return what a mark tells, and how long it lasted. */
  lasting(mark) {
    const [begin, end] = [mark.time, mark.until ?? this.reply.until];
    const period = showRoughPeriod(end - begin);
    const lasts = mark.until === null ? `for ${period} so far` : end > begin ? `for ${period}` : "";
    return [mark.text, lasts].filter(Boolean).join(", ");
  }

  showTable() {
    const { times, step_s: step } = this.reply;
    const by = Math.max(1, Math.ceil(times.length / MOST_ROWS));
    const rows = [];
    for (let first = 0; first < times.length; first += by) {
      const least = extreme(this.reply.min_s.slice(first, first + by), Math.min);
      const worst = extreme(this.reply.max_s.slice(first, first + by), Math.max);
      const end = times[first] + by * step;
      const marks = this.marksWithin(times[first], end);
      rows.push(
        make("tr", {}, make("th", { scope: "row" }, showToSecond(new Date(times[first] * 1000))),
          make("td", {}, lagText(least)), make("td", {}, lagText(worst)),
          make("td", { class: "what" }, markWords(marks))),
      );
    }
    this.table.replaceChildren(...rows.reverse());
  }

  marksWithin(begin, end) {
    const { marks, until } = this.reply;
    return marks.filter((mark) => mark.time < end && (mark.until ?? until) >= begin);
  }

  onCursor(index) {
    const { times, max_s: max, min_s: min, step_s: step } = this.reply;
    this.index = index === null || index === undefined ? null : Math.min(index, times.length - 1);
    if (this.index === null || !times.length) return setText(this.readout, "");
    const begin = times[this.index];
    const at = this.marksWithin(begin, begin + step);
    const moment = `${showToSecond(new Date(begin * 1000))} ${zoneName()}`;
    const [worst, least] = [max[this.index], min[this.index]];
    const lag = worst === null ? "unknown or no data" : worst === least ? `lag ${lagText(worst)}`
      : `lag ${lagText(least)} to ${lagText(worst)}`;
    const told = at.slice(0, 3).map((mark) => [kindWord(mark.kind), mark.text].filter(Boolean).join(": "));
    setText(this.readout, [`${moment}, for ${showPeriod(step)}: ${lag}`, ...told].join("; "));
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.chart?.close();
  }
}

/** Format a share; 0 % and 100 % are exact. */
export function showShare(share) {
  const percent = 100 * share;
  if (percent === 0 || percent === 100) return `${percent} %`;
  return `${Math.min(Math.max(percent, 0.1), 99.9).toFixed(1)} %`;
}

function kindWord(kind) {
  return kind.replaceAll("_", " ");
}

function markWords(marks) {
  const counts = new Map();
  for (const { kind } of marks) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => (count > 1 ? `${kindWord(kind)} x${count}` : kindWord(kind))).join(", ");
}

function extreme(values, choose) {
  const known = values.filter((value) => value !== null);
  return known.length ? choose(...known) : null;
}

function lagText(value) {
  return value === null ? "-" : showPeriod(value);
}
