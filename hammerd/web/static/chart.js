// Draws the lag of a pair over time: worst and least of each bucket, limits, marks, gaps.
//
// A part without a line is unknown or has no data; it is hatched.

import uPlot from "./uplot/uPlot.esm.js";
import { showPeriod } from "./words.js";

const STEPS_S = [
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200],
  ...[86400, 172800, 432000, 864000, 2592000, 8640000, 31536000],
];
const LOG_SPLITS = [0, 1, 5, 15, 60, 300, 1800, 7200, 43200, 172800, 604800, 2592000, 31536000];
const LEAST_TOP_S = 10;

/** The colours of the canvas are those of the style sheet. */
function inks(place) {
  const probe = document.createElement("span");
  place.append(probe);
  const of = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["text-dim", "grid", "line", "band", "hatch", "warning", "critical", "mark"];
  const found = Object.fromEntries(names.map((name) => [name, of(name)]));
  probe.remove();
  return found;
}

/** A chart in an element. `onCursor(index)`, `onSelect(since, until)` tell what a person does. */
export class Chart {
  constructor(place, { onCursor, onSelect }) {
    this.place = place;
    this.onCursor = onCursor;
    this.onSelect = onSelect;
    this.plot = null;
    this.reply = null;
    this.limits = {};
    this.isLog = false;
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(place);
  }

  /** Draw the answer of /api/v1/lag. */
  draw(reply, limits, isLog, isLocal) {
    const isSame = this.plot && isLog === this.isLog && isLocal === this.isLocal;
    Object.assign(this, { reply, limits, isLog, isLocal });
    const data = dataOf(reply);
    if (isSame) {
      this.plot.setData(data, false);
      this.plot.setScale("x", { min: reply.since, max: reply.until });
    } else {
      this.make(data);
    }
  }

  /** Draw again, as the colours are others now. */
  redraw() {
    if (this.reply) this.make(dataOf(this.reply));
  }

  make(data) {
    this.plot?.destroy();
    this.inks = inks(this.place);
    this.plot = new uPlot(this.options(), data, this.place);
    this.plot.setScale("x", { min: this.reply.since, max: this.reply.until });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (this.plot && width) this.plot.setSize({ width, height });
  }

  options() {
    const { inks: ink } = this;
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: ink["text-dim"], grid: { stroke: ink.grid, width: 1 }, ticks: { show: false }, font };
    const stepped = uPlot.paths.stepped({ align: 1, ascDesc: true });
    return {
      width: this.place.clientWidth,
      height: this.place.clientHeight,
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
      },
      select: { show: true },
      ...(this.isLocal ? {} : { tzDate: (time) => uPlot.tzDate(new Date(time * 1e3), "Etc/UTC") }),
      scales: {
        x: { time: true, auto: false },
        y: {
          distr: this.isLog ? 4 : 1,
          asinh: 1,
          range: () => [0, this.top()],
        },
      },
      axes: [
        { ...axis, space: 70, values: timeLabels(this.isLocal) },
        {
          ...axis,
          size: 62,
          incrs: STEPS_S,
          splits: this.isLog ? () => LOG_SPLITS.filter((value) => value <= this.top()) : undefined,
          filter: (_, splits) => splits,
          values: (_, values) => values.map((value) => (value === null ? "" : showPeriod(value))),
        },
      ],
      series: [
        {},
        { label: "max", stroke: ink.line, width: 1.5, paths: stepped, points: { show: isLonely } },
        { label: "min", stroke: ink.line, width: 0, paths: stepped, points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: ink.band }],
      hooks: {
        drawClear: [(plot) => this.drawGaps(plot)],
        draw: [(plot) => this.drawLimits(plot), (plot) => this.drawMarks(plot)],
        setCursor: [(plot) => this.onCursor(plot.cursor.idx ?? null)],
        setSelect: [(plot) => this.selected(plot)],
      },
    };
  }

  /** Return the top of the scale: above all that is known, and a limit that is near is seen. */
  top() {
    const known = this.reply.max_s.filter((value) => value !== null);
    const greatest = known.reduce((one, other) => Math.max(one, other), LEAST_TOP_S);
    const { warning, critical } = this.limits;
    const near = [warning, critical].filter((limit) => limit && limit <= 4 * greatest);
    return 1.12 * Math.max(greatest, ...near);
  }

  selected(plot) {
    if (plot.select.width < 8) return;
    const since = plot.posToVal(plot.select.left, "x");
    const until = plot.posToVal(plot.select.left + plot.select.width, "x");
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.onSelect(since, until);
  }

  /** Put the cursor on a bucket, from the keyboard. */
  pointAt(index) {
    const left = this.plot.valToPos(this.reply.times[index] + this.reply.step_s / 2, "x");
    this.plot.setCursor({ left, top: 1 });
  }

  drawGaps(plot) {
    const { ctx, bbox } = plot;
    const { times, max_s: values, step_s: step } = this.reply;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    const end = Math.min(this.reply.until, Date.now() / 1000 + step);
    values.forEach((value, index) => {
      if (value !== null || times[index] >= end) return;
      const left = plot.valToPos(times[index], "x", true);
      const right = plot.valToPos(Math.min(times[index] + step, this.reply.until), "x", true);
      ctx.rect(left, bbox.top, right - left + 0.5, bbox.height);
    });
    ctx.clip();
    ctx.strokeStyle = this.inks.hatch;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    for (let at = bbox.left - bbox.height; at < bbox.left + bbox.width; at += 7 * ratio) {
      ctx.moveTo(at, bbox.top + bbox.height);
      ctx.lineTo(at + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }

  drawLimits(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    for (const name of ["warning", "critical"]) {
      const limit = this.limits[name];
      if (!limit || limit > this.top()) continue;
      const y = Math.round(plot.valToPos(limit, "y", true));
      ctx.strokeStyle = ctx.fillStyle = this.inks[name];
      ctx.lineWidth = 1.25 * ratio;
      ctx.setLineDash(name === "warning" ? [6 * ratio, 4 * ratio] : [2 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.fillText(`lag_${name} ${showPeriod(limit)}`, bbox.left + 6 * ratio, y - 4 * ratio);
    }
    ctx.restore();
  }

  drawMarks(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = this.inks.mark;
    ctx.lineWidth = ratio;
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    // A name that would cover another one is left out: the list below has it.
    let free = bbox.left;
    const name = (mark, x, y) => {
      const text = mark.kind.replaceAll("_", " ");
      const right = x + ctx.measureText(text).width;
      if (x < free || right > bbox.left + bbox.width + 40 * ratio) return;
      free = right + 6 * ratio;
      ctx.globalAlpha = 1;
      ctx.fillText(text, x, y);
    };
    for (const mark of this.reply.marks) {
      const [begin, end] = spanOf(mark, this.reply);
      if (begin > end) continue;
      const x = Math.round(plot.valToPos(begin, "x", true)) + 0.5;
      if (end > begin) {
        const width = Math.max(2, plot.valToPos(end, "x", true) - x);
        ctx.globalAlpha = 0.1;
        ctx.fillRect(x, bbox.top, width, bbox.height);
        ctx.globalAlpha = 0.8;
        ctx.fillRect(x, bbox.top, width, 4 * ratio);
        name(mark, x + 3 * ratio, bbox.top + 7 * ratio);
        continue;
      }
      ctx.globalAlpha = 0.35;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      const size = 4 * ratio;
      ctx.beginPath();
      ctx.moveTo(x - size, bbox.top);
      ctx.lineTo(x + size, bbox.top);
      ctx.lineTo(x, bbox.top + 1.6 * size);
      ctx.fill();
      name(mark, x + size + 2 * ratio, bbox.top);
    }
    ctx.restore();
  }

  close() {
    this.sizes.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }
}

/** Return the part of a mark that is shown; a mark that goes on has no end. */
export function spanOf(mark, { since, until }) {
  const end = mark.until === undefined ? mark.time : (mark.until ?? until);
  return [Math.max(mark.time, since), Math.min(end, until)];
}

/** A bucket between two gaps has no line, so it is shown as a point. */
function isLonely(plot, series, first, last, gaps) {
  return gaps && gaps.length ? plot.data[series].flatMap((_, index) => {
    const values = plot.data[series];
    const known = (at) => values[at] !== null && values[at] !== undefined;
    return known(index) && !known(index - 1) && !known(index + 1) ? [index] : [];
  }) : null;
}

function dataOf(reply) {
  // The last bucket needs an end, or its step would not be drawn.
  const { times, max_s: max, min_s: min, until } = reply;
  if (!times.length) return [[], [], []];
  const end = Math.max(until, times.at(-1) + 1e-3);
  return [[...times, end], [...max, max.at(-1)], [...min, min.at(-1)]];
}

function timeLabels(isLocal) {
  const get = (date, name) => date[`get${isLocal ? "" : "UTC"}${name}`]();
  const two = (number) => String(number).padStart(2, "0");
  return (_, splits, __, ___, increment) => {
    let before = null;
    return splits.map((split) => {
      const date = new Date(split * 1000);
      const year = get(date, "FullYear");
      const day = `${year}-${two(get(date, "Month") + 1)}-${two(get(date, "Date"))}`;
      const seconds = increment < 60 ? `:${two(get(date, "Seconds"))}` : "";
      const clock = `${two(get(date, "Hours"))}:${two(get(date, "Minutes"))}${seconds}`;
      const isNewDay = day !== before;
      before = day;
      if (increment >= 86400) return day;
      return isNewDay ? `${clock}\n${day}` : clock;
    });
  };
}
