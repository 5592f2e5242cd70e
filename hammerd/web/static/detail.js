// Shows one pair whole: its notes, its lag over time, its facts, its events.

import { icon, make, setAttribute, setText } from "./dom.js";
import { EventList } from "./events.js";
import { factsOf } from "./facts.js";
import { History } from "./history.js";
import { lagWord, notesOf, stateWord } from "./notes.js";
import { lagLevel } from "./row.js";

/** The detail of the pair that is open. */
export class Detail {
  constructor(place) {
    this.place = place;
    this.name = null;
    this.history = null;
    this.events = null;
    this.pair = null;
  }

  open(name, parameters) {
    this.close();
    this.name = name;
    this.now = new Date();
    this.title = make("h1", { id: "detail-title", tabindex: -1 }, make("bdi", {}, name));
    this.sign = make("span", { class: "sign" });
    this.health = make("span");
    this.headline = make("p", { class: "headline" });
    this.notes = make("ul", { class: "notes" });
    this.facts = make("div", { class: "facts" });
    this.factsPanel = make(
      "section",
      { class: "panel", "aria-label": "Facts" },
      make("h2", {}, "Facts"),
      this.facts,
    );
    this.words = make("pre", { class: "words", tabindex: 0, dir: "auto", "aria-label": "Last words" });
    this.wordsPanel = make("section", { class: "panel" }, make("h2", {}, "Last words"), this.words);
    const history = make("div", { class: "history" });
    const events = make("div", { class: "events" });
    this.body = make("div", { hidden: true });
    const back = () => this.place.dispatchEvent(new CustomEvent("back"));
    this.place.replaceChildren(
      make("nav", { "aria-label": "Way back" },
        make("button", { type: "button", class: "back", onclick: back }, "\u2190 All pairs")),
      make("header", {}, this.title, make("p", { class: "health" }, this.sign, this.health), this.headline),
      this.body,
    );
    this.body.append(
      this.notes,
      make("section", { class: "panel", "aria-label": "Lag" }, make("h2", {}, "Lag"), history),
      this.factsPanel,
      this.wordsPanel,
      make("section", { class: "panel", "aria-label": "Events" }, make("h2", {}, "Events"), events),
    );
    this.begin = () => this.fill(history, events, parameters.get("range"));
  }

  /** Ask for the past of a pair that the config has. */
  fill(history, events, range) {
    const { name } = this;
    this.body.hidden = false;
    this.history = new History(history, name, range, () => this.now.getTime() / 1000);
    this.history.onRange = (chosen) => {
      const hash = new URLSearchParams({ pair: name, range: chosen });
      window.history.replaceState(window.history.state, "", `#${hash}`);
    };
    this.events = new EventList(events, name);
    this.events.load();
  }

  focus() {
    this.title.focus({ preventScroll: true });
  }

  /** Show a pair as it is at `now`; null if there is none of this name. */
  show(pair, word, alarms, now) {
    this.now = now;
    this.pair = pair;
    if (pair === null) {
      setText(this.headline, "The config has no pair of this name; the history may know of one.");
    }
    if (this.history === null) this.begin();
    for (const part of [this.notes, this.factsPanel, this.wordsPanel]) part.hidden = pair === null;
    if (pair === null) return;
    if (this.word !== word) {
      this.word = word;
      this.sign.replaceChildren(icon(word));
      setText(this.health, word);
      this.place.className = `detail is-${word}`;
    }
    const gear = pair.gear ? `, ${pair.gear}` : "";
    const lag = lagWord(pair);
    const behind = lag === "unknown" ? "lag unknown" : lag === "ahead" ? "ahead" : `${lag} behind`;
    setText(this.headline, `${stateWord(pair)}${gear}${lag === "-" ? "" : `, ${behind}`}`);
    setAttribute(this.headline, "data-level", lagLevel(pair));
    this.showNotes(notesOf(pair, now).filter(([kind]) => kind !== "proof"));
    this.showFacts(factsOf(pair, alarms, now));
    const words = (pair.last_words ?? []).join("\n");
    this.wordsPanel.hidden = !words;
    setText(this.words, words);
    this.history.limits = { warning: pair.lag_warning_s, critical: pair.lag_critical_s };
  }

  showNotes(notes) {
    const kinds = notes.map(([kind]) => kind).join();
    if (kinds !== this.kinds) {
      this.kinds = kinds;
      this.notes.replaceChildren(...notes.map(([kind]) => make("li", { class: kind, dir: "auto" })));
    }
    this.notes.hidden = !notes.length;
    notes.forEach(([, text], index) => setText(this.notes.children[index], text));
  }

  showFacts(groups) {
    const shape = JSON.stringify(groups.map(([name, facts]) => [name, facts.map(([fact]) => fact)]));
    if (shape !== this.shape) {
      this.shape = shape;
      this.values = [];
      this.facts.replaceChildren(
        ...groups.map(([name, facts]) =>
          make("section", {}, make("h3", {}, name),
            make("dl", {}, ...facts.map(([fact]) => {
              const value = make("dd", { dir: "auto" });
              this.values.push(value);
              return make("div", {}, make("dt", {}, fact), value);
            }))),
        ),
      );
    }
    const all = groups.flatMap(([, facts]) => facts);
    all.forEach(([, text, title], index) => {
      setText(this.values[index], text);
      setAttribute(this.values[index], "title", title ?? null);
    });
  }

  /** Ask anew for what may have changed with a status. */
  onStatus() {
    this.history?.refresh();
    this.events?.refresh();
  }

  /** Show all anew, as the zone of times or the colours are others. */
  redraw() {
    this.history?.redraw(true);
    this.events?.redraw();
  }

  close() {
    this.history?.close();
    this.events?.close();
    this.history = this.events = this.pair = this.name = null;
    this.word = this.kinds = this.shape = undefined;
    this.place.replaceChildren();
  }
}
