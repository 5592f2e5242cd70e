// Draws the lag of the last day as a small line: the worst of each part of it, gaps where unknown.

import { makeSvg, setAttribute } from "./dom.js";
import { showPeriod } from "./words.js";

const WIDTH = 120;
const HEIGHT = 22;

/** Make an empty sparkline. */
export function makeSparkline() {
  const area = makeSvg("path", { class: "area" });
  const line = makeSvg("path", { class: "line" });
  const svg = makeSvg(
    "svg",
    {
      class: "sparkline",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": "no lag known",
    },
    area,
    line,
  );
  return { svg, area, line };
}

/** Draw values (seconds, null is unknown) on a scale from 0 to their greatest, 10 s at least. */
export function drawSparkline(sparkline, values) {
  const known = (values ?? []).filter((value) => value !== null);
  const top = Math.max(10, ...known);
  const label = known.length
    ? `worst lag of the last 24 hours: ${showPeriod(Math.max(...known))}`
    : "no lag known of the last 24 hours";
  setAttribute(sparkline.svg, "aria-label", label);
  const [line, area] = paths(values ?? [], top);
  sparkline.line.setAttribute("d", line);
  sparkline.area.setAttribute("d", area);
}

function paths(values, top) {
  const step = WIDTH / Math.max(1, values.length);
  const y = (value) => (HEIGHT - 1.5 - (value / top) * (HEIGHT - 3)).toFixed(1);
  let [line, area, begin] = ["", "", null];
  values.forEach((value, index) => {
    const [left, right] = [(index * step).toFixed(1), ((index + 1) * step).toFixed(1)];
    if (value === null) {
      if (begin !== null) area += `V${HEIGHT}H${begin}Z`;
      begin = null;
      return;
    }
    if (begin === null) {
      begin = left;
      line += `M${left} ${y(value)}`;
      area += `M${left} ${HEIGHT}V${y(value)}`;
    } else {
      line += `V${y(value)}`;
      area += `V${y(value)}`;
    }
    line += `H${right}`;
    area += `H${right}`;
  });
  if (begin !== null) area += `V${HEIGHT}H${begin}Z`;
  return [line, area];
}

/** Keeps the sparkline of a pair going by what is seen live, so that nothing is asked again. */
export class Day {
  constructor(values, endMs) {
    this.values = values ?? [];
    this.stepMs = 86_400_000 / Math.max(1, this.values.length);
    this.endMs = endMs;
  }

  /** Add a lag that was seen; null is unknown. Return whether the day is another one now. */
  see(lag, nowMs) {
    if (!this.values.length) return false;
    const before = this.values;
    while (nowMs >= this.endMs) {
      this.values = [...this.values.slice(1), null];
      this.endMs += this.stepMs;
    }
    const last = this.values.length - 1;
    if (typeof lag === "number" && lag > (this.values[last] ?? -1)) {
      this.values = this.values.with(last, lag);
    }
    return this.values !== before;
  }
}
