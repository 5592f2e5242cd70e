// Joins the parts: what comes live goes to the view that is open, and the hash chooses the view.

import { byId, make, setAttribute, setText } from "./dom.js";
import { notesOfDaemon, notesOfLastDaemon } from "./daemon_notes.js";
import { Detail } from "./detail.js";
import { EventList } from "./events.js";
import { follow } from "./live.js";
import { aged } from "./notes.js";
import { Pairs } from "./pairs.js";
import { linkTo } from "./row.js";
import { setZone, showCount, showMoment } from "./words.js";

const TICK_MS = 1_000;
const QUIET_MS = 3_000;
const WORDS = ["critical", "warning", "unknown"];

const pairs = new Pairs();
const detail = new Detail(byId("detail"));
const events = new EventList(byId("all-events").querySelector(".events"), null);

/** The last status, when it came (monotonic), and since when the connection is lost. */
const seen = { status: null, atMs: 0, lostSince: null, hasSparklines: false, isLoading: false };
let openName = null;
let returnTo = null;
const pendingChanges = [];
let announceTimer = null;

// --- time ---------------------------------------------------------------------------------------

/** Return the seconds since the last status; 0 while nothing grows, as nothing is known. */
function ageS() {
  return isFresh() ? (performance.now() - seen.atMs) / 1000 : 0;
}

function isFresh() {
  return seen.status !== null && seen.status.is_running !== false && seen.lostSince === null;
}

/** Return the daemon's time of now: the clock of this browser may be wrong. */
function nowDate() {
  const measured = Date.parse(seen.status?.measured_time ?? "");
  return Number.isNaN(measured) ? new Date() : new Date(measured + ageS() * 1000);
}

function pairsNow() {
  const age = ageS();
  return seen.status.pairs.map((pair) => aged(pair, age));
}

// --- what comes ---------------------------------------------------------------------------------

function onStatus(status) {
  const before = seen.status;
  seen.status = status;
  seen.atMs = performance.now();
  if (seen.lostSince !== null) {
    // The days have a gap of what was not seen.
    seen.lostSince = null;
    seen.hasSparklines = false;
  }
  byId("loading").hidden = true;
  const changed = pairs.show(pairsNow(), nowDate());
  if (before !== null) announce(changed);
  showRest();
  const nowMs = nowDate().getTime();
  for (const pair of status.pairs) pairs.rows.get(pair.pair).see(pair.lag_s, nowMs);
  const hasAll = seen.hasSparklines && [...pairs.rows.values()].every((row) => row.day !== null);
  if (!hasAll && !seen.isLoading) {
    seen.isLoading = true;
    setTimeout(loadSparklines);
  }
  if (openName === null) route();
  else detail.onStatus();
  if (byId("all-events").open) events.refresh();
}

async function loadSparklines() {
  try {
    const reply = await fetch("api/v1/sparklines");
    const days = reply.ok ? await reply.json() : {};
    for (const [name, row] of pairs.rows) row.showDay(days[name], nowDate().getTime());
    seen.hasSparklines = true;
  } catch {
    // The server is away: the next status tries again, and the table is whole without them.
  }
  seen.isLoading = false;
}

function onLost() {
  seen.lostSince ??= seen.status ? nowDate() : new Date();
  showRest();
}

function onConnecting() {
  showConnection();
}

// --- what is shown beside the pairs -------------------------------------------------------------

function showRest() {
  if (seen.status === null) {
    setText(byId("loading"), "hammerd web does not answer. This page tries again by itself.");
    showConnection();
    return;
  }
  document.body.classList.toggle("is-old", !isFresh());
  showDaemon();
  showConnection();
  showTroubles();
  showTitle();
  if (openName !== null) showDetail();
}

function showDaemon() {
  const { is_running: isRunning } = seen.status;
  const hammerd = seen.status.hammerd ?? {};
  const version = hammerd.version ? `${hammerd.version} ` : "";
  const pid = hammerd.pid ? `(pid ${hammerd.pid}) ` : "";
  const state = isRunning === false ? "does not answer" : `is ${hammerd.state}`;
  setText(byId("daemon"), `${version}${pid}${state}`);
  setAttribute(byId("daemon"), "title", hammerd.config ?? null);
}

function showConnection() {
  const place = byId("connection");
  const state = seen.lostSince !== null ? "lost" : seen.status ? "live" : "connecting";
  setAttribute(place, "data-state", state);
  if (state === "lost") {
    setText(place, `connection lost since ${showMoment(seen.lostSince, new Date(), true)}`);
  } else {
    setText(place, state);
  }
}

function showTroubles() {
  const { hammerd, is_running: isRunning } = seen.status;
  const [level, told] =
    isRunning === false
      ? ["critical", notesOfLastDaemon(seen.status, nowDate())]
      : ["warning", notesOfDaemon(hammerd, nowDate())];
  const notes = told.map(([text, hint]) => [level, text, hint]);
  if (seen.lostSince !== null) {
    const since = showMoment(seen.lostSince, new Date(), true);
    const text = `connection to hammerd web lost since ${since}: all below is as of then`;
    notes.unshift(["warning", text, "this page connects again by itself"]);
  }
  const place = byId("troubles");
  const signature = JSON.stringify(notes);
  if (place.signature === signature) return;
  place.signature = signature;
  place.hidden = !notes.length;
  place.replaceChildren(
    ...notes.map(([level, text, hint]) =>
      make(
        "div",
        { class: `trouble is-${level}` },
        make("p", { dir: "auto" }, text),
        hint ? make("p", { class: "hint", dir: "auto" }, hint) : null,
      ),
    ),
  );
}

function showTitle() {
  const { tally } = pairs;
  const worst = WORDS.find((word) => tally[word]);
  let health = worst ?? "ok";
  let words = worst ? `${tally[worst]} ${worst}` : `${pairs.rows.size} ok`;
  if (seen.status.is_running === false) [words, health] = ["no answer", "critical"];
  else if (!worst && seen.status.health !== "ok") {
    [words, health] = [seen.status.health ?? "unknown", seen.status.health ?? "unknown"];
  }
  if (seen.lostSince !== null) [words, health] = ["connection lost", "unknown"];
  const subject = openName === null ? "" : `${openName}, `;
  document.title = `${subject}${words} - hammerd`;
  setAttribute(byId("icon"), "href", `static/icons/${health}.svg`);
}

/** Tell a screen reader which pairs changed: at most once in some seconds. */
function announce(changed) {
  pendingChanges.push(...changed.map(([row]) => row));
  if (!pendingChanges.length || announceTimer !== null) return;
  announceTimer = setTimeout(() => {
    announceTimer = null;
    const rows = [...new Set(pendingChanges.splice(0))];
    const named = rows.slice(0, 3).map((row) => `${row.name} is ${row.word}`);
    const more = rows.length > 3 ? `, and ${showCount(rows.length - 3, "other pair")} changed` : "";
    setText(byId("changes"), `${named.join(", ")}${more}`);
  }, QUIET_MS);
}

// --- views --------------------------------------------------------------------------------------

function route() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const name = parameters.get("pair");
  if (seen.status === null) return;
  const isOpen = name !== null;
  byId("overview").hidden = isOpen;
  byId("detail").hidden = !isOpen;
  if (isOpen && name !== openName) {
    returnTo ??= { name, top: scrollY };
    returnTo.name = name;
    openName = name;
    detail.open(name, parameters);
    showDetail();
    scrollTo(0, 0);
    detail.focus();
  } else if (!isOpen && openName !== null) {
    detail.close();
    openName = null;
    pairs.show(pairsNow(), nowDate());
    scrollTo(0, returnTo.top);
    pairs.rows.get(returnTo.name)?.link.focus({ preventScroll: true });
    returnTo = null;
  }
  showTitle();
}

function showDetail() {
  const row = pairs.rows.get(openName);
  const alarms = seen.status.hammerd?.alarms ?? [];
  const own = alarms.filter((alarm) => alarm.pair === openName);
  detail.show(row?.pair ?? null, row?.word ?? null, own, nowDate());
}

function backToAll() {
  if (openName === null) return;
  // The history gets no entry more if this page has the overview as its last one.
  if (history.state?.fromOverview) history.back();
  else location.hash = "";
}

addEventListener("hashchange", route);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.open");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  returnTo = { name: openName, top: scrollY };
  history.pushState({ fromOverview: openName === null }, "", link.getAttribute("href"));
  route();
});
addEventListener("popstate", route);
byId("detail").addEventListener("back", backToAll);
document.querySelector(".name a").addEventListener("click", (event) => {
  event.preventDefault();
  backToAll();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  // The hash chooses the view, so it must not change.
  event.preventDefault();
  const first = openName === null ? document.querySelector("#pairs tbody:not([hidden]) a") : null;
  (first ?? byId("content")).focus();
});
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && openName !== null) backToAll();
  else if (event.key === "Escape" && event.target.id === "filter") event.target.blur();
  else if (event.key === "/" && !isTyping && openName === null) {
    event.preventDefault();
    byId("filter").focus();
  } else if ((event.key === "j" || event.key === "k") && !isTyping && openName === null) {
    step(event.key === "j" ? 1 : -1);
  }
});

/** Move the focus to the next or the previous pair. */
function step(by) {
  const links = [...document.querySelectorAll("#pairs tbody:not([hidden]) a.open")];
  const at = links.indexOf(document.activeElement);
  const next = links[at === -1 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

byId("all-events").addEventListener("toggle", () => byId("all-events").open && events.load());

// --- switches -----------------------------------------------------------------------------------

function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
}

function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function chooseTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  for (const each of ["auto", "light", "dark"]) {
    setAttribute(byId(`theme-${each}`), "aria-pressed", String(each === (theme ?? "auto")));
  }
  detail.redraw();
}

function chooseZone(isLocal) {
  setZone(isLocal);
  setAttribute(byId("zone-utc"), "aria-pressed", String(!isLocal));
  setAttribute(byId("zone-local"), "aria-pressed", String(isLocal));
  if (seen.status === null) return;
  pairs.show(pairsNow(), nowDate());
  showRest();
  events.redraw();
  detail.redraw();
}

for (const [id, theme] of [["auto", null], ["light", "light"], ["dark", "dark"]]) {
  byId(`theme-${id}`).addEventListener("click", () => {
    keep("theme", theme);
    chooseTheme(theme);
  });
}
for (const [id, isLocal] of [["utc", false], ["local", true]]) {
  byId(`zone-${id}`).addEventListener("click", () => {
    keep("zone", isLocal ? "local" : null);
    chooseZone(isLocal);
  });
}
chooseTheme(document.documentElement.dataset.theme ?? null);
chooseZone(kept("zone") === "local");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => detail.redraw());

/** Show what has grown by the clock, where it is seen. */
function tick() {
  if (openName === null) {
    pairs.tick(seen.status.pairs, ageS(), nowDate());
    return;
  }
  const pair = seen.status.pairs.find((each) => each.pair === openName);
  if (pair) pairs.rows.get(openName).show(aged(pair, ageS()), nowDate());
  showDetail();
}

setInterval(() => {
  if (document.hidden || !isFresh()) return;
  tick();
}, TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isFresh()) tick();
});

follow("api/v1/live", { onStatus, onLost, onConnecting });
