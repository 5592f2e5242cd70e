// Shows all pairs at a glance: counts by health, a filter, a table that can be sorted.

import { byId, icon, make, setAttribute, setText } from "./dom.js";
import { freeShare, rankOf, Row } from "./row.js";
import { aged, stateWord } from "./notes.js";
import { showCount } from "./words.js";

const COUNTED = ["critical", "warning", "unknown", "ok", "paused", "disabled"];

const KEYS = {
  health: (row) => rankOf(row.word),
  pair: (row) => row.name,
  state: (row) => stateWord(row.pair),
  gear: (row) => row.pair.gear ?? "~",
  // What is unknown may be worst, so it goes with the longest.
  lag: (row) => -(row.pair.lag_s ?? Infinity),
  safe: (row) => Date.parse(row.pair.safe_until_time ?? "") || 0,
  free: (row) => freeShare(row.pair) ?? -1,
  restarts: (row) => -(row.pair.restarts ?? 0),
};

/** The table of pairs, with its filter and its counts. */
export class Pairs {
  constructor() {
    this.rows = new Map();
    this.sight = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) entry.target.isNear = entry.isIntersecting;
      },
      { rootMargin: "300px" },
    );
    this.table = byId("pairs");
    this.text = "";
    this.words = new Set();
    this.sort = { key: "health", isReversed: false };
    this.chips = new Map(COUNTED.map((word) => [word, this.makeChip(word)]));
    byId("counts").append(...this.chips.values());
    byId("filter").addEventListener("input", (event) => {
      this.text = event.target.value.trim().toLowerCase();
      this.refilter();
    });
    for (const head of this.table.querySelectorAll("th[data-sort]")) {
      head.firstElementChild.addEventListener("click", () => this.sortBy(head.dataset.sort));
    }
    this.showSort();
  }

  makeChip(word) {
    const number = make("b", {}, "0");
    const chip = make(
      "button",
      { type: "button", class: `chip is-${word}`, "aria-pressed": "false" },
      icon(word),
      make("span", {}, number, ` ${word}`),
    );
    chip.number = number;
    chip.addEventListener("click", () => {
      const isOn = !this.words.has(word);
      if (isOn) this.words.add(word);
      else this.words.delete(word);
      setAttribute(chip, "aria-pressed", String(isOn));
      this.refilter();
    });
    return chip;
  }

  /** Show the pairs of a status as they are at `now`. Return the rows whose health changed. */
  show(pairs, now) {
    const changed = [];
    const names = new Set();
    const fresh = [];
    pairs.forEach((pair, index) => {
      names.add(pair.pair);
      let row = this.rows.get(pair.pair);
      if (row === undefined) {
        row = new Row(pair.pair, index);
        this.sight.observe(row.body);
        this.rows.set(pair.pair, row);
        fresh.push(row);
      }
      row.index = index;
      const before = row.word;
      row.show(pair, now);
      if (before !== row.word) changed.push([row, before]);
    });
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      this.sight.unobserve(row.body);
      row.body.remove();
      this.rows.delete(name);
    }
    this.showCounts();
    this.refilter();
    this.arrange();
    return changed.filter(([row]) => !fresh.includes(row));
  }

  /** Show what changes by the clock alone, of the rows that are seen; `age` is in seconds. */
  tick(pairs, age, now) {
    for (const pair of pairs) {
      const row = this.rows.get(pair.pair);
      if (row?.body.isNear) row.show(aged(pair, age), now);
    }
  }

  showCounts() {
    const tally = Object.fromEntries(COUNTED.map((word) => [word, 0]));
    for (const row of this.rows.values()) tally[row.word] += 1;
    this.tally = tally;
    for (const [word, chip] of this.chips) {
      setText(chip.number, tally[word]);
      // One that is pressed stays, or nothing could be shown again.
      chip.hidden = !tally[word] && word !== "ok" && !this.words.has(word);
    }
    setText(byId("title"), showCount(this.rows.size, "pair"));
  }

  refilter() {
    let shown = 0;
    for (const row of this.rows.values()) {
      const isShown = (!this.words.size || this.words.has(row.word)) && row.has(this.text);
      if (row.body.hidden === isShown) row.body.hidden = !isShown;
      shown += isShown;
    }
    const isFiltered = this.text !== "" || this.words.size > 0;
    setText(byId("found"), isFiltered ? `${shown} of ${showCount(this.rows.size, "pair")}` : "");
    const nothing = byId("nothing");
    nothing.hidden = shown > 0;
    const words = this.rows.size ? "No pair is like that." : "No pair is known.";
    setText(nothing, words);
    this.table.hidden = !shown;
  }

  sortBy(key) {
    const isReversed = this.sort.key === key && !this.sort.isReversed;
    this.sort = { key, isReversed };
    this.showSort();
    this.arrange();
  }

  showSort() {
    for (const head of this.table.querySelectorAll("th[data-sort]")) {
      const isIt = head.dataset.sort === this.sort.key;
      const way = this.sort.isReversed ? "descending" : "ascending";
      setAttribute(head, "aria-sort", isIt ? way : null);
    }
  }

  /** Put the rows in order; only those that stand elsewhere are moved. */
  arrange() {
    const key = KEYS[this.sort.key];
    const sign = this.sort.isReversed ? -1 : 1;
    const keyed = [...this.rows.values()].map((row) => [key(row), row]);
    keyed.sort(
      ([one, first], [other, second]) =>
        sign * (one < other ? -1 : one > other ? 1 : 0) || first.index - second.index,
    );
    const focused = document.activeElement;
    let place = this.table.tHead.nextElementSibling;
    for (const [, { body }] of keyed) {
      if (body === place) place = place.nextElementSibling;
      else this.table.insertBefore(body, place);
    }
    // A node that is moved loses the focus.
    if (focused !== document.activeElement && this.table.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }
}
