// Shows one pair in the table: a row, and below it the notes if it is in trouble.

import { icon, make, setAttribute, setText } from "./dom.js";
import {
  bulkShare,
  countedWord,
  isDisabled,
  lagWord,
  notesOf,
  stateWord,
} from "./notes.js";
import { Day, drawSparkline, makeSparkline } from "./sparkline.js";
import { otherZone, showBytes, showMoment, showPercent } from "./words.js";

const RANK = { critical: 0, warning: 1, unknown: 2, ok: 3, paused: 4, disabled: 5 };

/** Return the link to the detail of a pair. */
export function linkTo(name) {
  return `#pair=${encodeURIComponent(name)}`;
}

/** Return where a word of `countedWord` stands, the worst first. */
export function rankOf(word) {
  return RANK[word] ?? RANK.unknown;
}

/** A row of the table, which changes only what has changed. */
export class Row {
  constructor(name, index) {
    this.name = name;
    this.index = index;
    this.day = null;
    this.pair = null;
    this.word = null;
    this.sparkline = makeSparkline();
    const cell = (column, label, ...children) =>
      make("td", { role: "cell", class: column, "data-label": label }, ...children);
    this.healthIcon = make("span", { class: "sign" });
    this.healthWord = make("span");
    this.link = make("a", { href: linkTo(name), class: "open" }, make("bdi", {}, name));
    this.state = make("span");
    this.gear = make("span");
    this.lag = make("span");
    this.safe = make("time");
    this.free = make("span");
    this.freeBar = make("span", { class: "room", "aria-hidden": "true" });
    this.restarts = make("span");
    this.lagCell = cell("lag", "Lag now", this.lag);
    this.freeCell = cell("free", "Slave free", this.freeBar, this.free);
    this.main = make(
      "tr",
      { role: "row", class: "main" },
      cell("health", "Health", this.healthIcon, this.healthWord),
      make("th", { role: "rowheader", scope: "row", class: "pair" }, this.link),
      cell("state", "State", this.state),
      cell("gear", "Gear", this.gear),
      this.lagCell,
      cell("day", "24 hours", this.sparkline.svg),
      cell("safe", "Safe until", this.safe),
      this.freeCell,
      cell("restarts", "Restarts", this.restarts),
    );
    this.notes = make("ul");
    this.below = make(
      "tr",
      { role: "row", class: "below", hidden: true },
      make("td", { role: "cell", colspan: 9 }, this.notes),
    );
    this.body = make("tbody", { role: "rowgroup" }, this.main, this.below);
    this.body.addEventListener("click", (event) => {
      const isText = String(getSelection()) !== "";
      if (!isText && !event.target.closest("a, button")) this.link.click();
    });
  }

  /** Show a pair as it is at `now`; `isOld`: no daemon answers, so this is what was. */
  show(pair, now) {
    this.pair = pair;
    const word = countedWord(pair);
    if (word !== this.word) {
      this.word = word;
      this.body.className = `is-${word}`;
      this.healthIcon.replaceChildren(icon(word));
      setText(this.healthWord, word);
    }
    setText(this.state, stateWord(pair));
    setText(this.gear, gearWord(pair));
    setText(this.lag, lagWord(pair));
    setAttribute(this.lagCell, "data-level", lagLevel(pair));
    this.showSafe(pair, now);
    this.showFree(pair);
    setText(this.restarts, pair.restarts ?? "-");
    this.showNotes(pair, now);
  }

  showSafe(pair, now) {
    const time = pair.safe_until_time ? new Date(pair.safe_until_time) : null;
    if (setText(this.safe, time ? showMoment(time, now, true) : isDisabled(pair) ? "-" : "unknown")) {
      setAttribute(this.safe, "datetime", pair.safe_until_time ?? null);
      setAttribute(this.safe, "title", time ? otherZone(time) : (pair.safe_unknown_because ?? null));
    }
  }

  showFree(pair) {
    const share = freeShare(pair);
    setText(
      this.free,
      share === null ? "unknown" : `${showBytes(pair.slave_free_bytes)}, ${showPercent(share)}`,
    );
    this.freeBar.hidden = share === null;
    if (share !== null) this.freeBar.style.setProperty("--share", share.toFixed(3));
    setAttribute(
      this.freeCell,
      "data-level",
      pair.slave_is_read_only ? "critical" : pair.slave_is_short_of_room ? "warning" : null,
    );
  }

  showNotes(pair, now) {
    // The table has a column for what is safe.
    const notes = notesOf(pair, now).filter(([kind]) => kind !== "proof" && kind !== "safe");
    const kinds = notes.map(([kind]) => kind).join();
    if (kinds !== this.kinds) {
      this.kinds = kinds;
      this.notes.replaceChildren(...notes.map(([kind]) => make("li", { class: kind, dir: "auto" })));
      this.below.hidden = !notes.length;
    }
    notes.forEach(([, text], index) => setText(this.notes.children[index], text));
  }

  /** Draw the lag of the last day: what the history has, and what was seen since. */
  showDay(values, endMs) {
    this.day = new Day(values, endMs);
    drawSparkline(this.sparkline, this.day.values);
  }

  /** Add the lag of now to the day. */
  see(lag, nowMs) {
    if (this.day?.see(lag, nowMs)) drawSparkline(this.sparkline, this.day.values);
  }

  /** Return whether the pair has a text in its name, words or ends. */
  has(text) {
    const { pair } = this;
    const all = [
      pair.pair,
      this.word,
      stateWord(pair),
      pair.gear,
      pair.because,
      pair.master,
      pair.slave,
      pair.wanted,
    ];
    return all.some((each) => each && String(each).toLowerCase().includes(text));
  }
}

function gearWord(pair) {
  if (!pair.gear) return "-";
  const share = pair.gear === "bulk" ? bulkShare(pair) : null;
  return share === null ? pair.gear : `${pair.gear} ${showPercent(share)}`;
}

/** Return whether the lag is over a limit of the pair: warning, critical, or null. */
export function lagLevel(pair) {
  if (typeof pair.lag_s !== "number") return isDisabled(pair) ? null : "unknown";
  if (pair.lag_s >= (pair.lag_critical_s ?? Infinity)) return "critical";
  return pair.lag_s >= (pair.lag_warning_s ?? Infinity) ? "warning" : null;
}

/** Return the free share of the slave's file system, null if it is unknown. */
export function freeShare(pair) {
  const [free, total] = [pair.slave_free_bytes, pair.slave_total_bytes];
  return typeof free === "number" && total ? free / total : null;
}
