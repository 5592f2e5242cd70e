// Formats numbers and times in the words of the commands: cli/output/numbers.py.

const UNITS = [
  [2 ** 40, "T"],
  [2 ** 30, "G"],
  [2 ** 20, "M"],
  [2 ** 10, "K"],
];

const two = (number) => String(number).padStart(2, "0");

/** Format a period: `12s 4m10s 3h05m 2d03h`. */
export function showPeriod(seconds) {
  const whole = Math.max(0, Math.trunc(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.trunc(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.trunc(whole / 3600)}h${two(Math.trunc((whole % 3600) / 60))}m`;
  return `${Math.trunc(whole / 86400)}d${two(Math.trunc((whole % 86400) / 3600))}h`;
}

/** Format a period without seconds from one minute on: `42s 59m 3h05m 2d03h`. */
export function showRoughPeriod(seconds) {
  const whole = Math.max(0, Math.trunc(seconds));
  return whole >= 60 && whole < 3600 ? `${Math.trunc(whole / 60)}m` : showPeriod(whole);
}

/** Format a number of bytes: `512 B`, `1.2 GB`. */
export function showBytes(bytes) {
  for (const [size, unit] of UNITS) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}B`;
  }
  return `${bytes} B`;
}

/** Format bytes per second: `0B/s 1.2M/s 340K/s`. */
export function showRate(bytesPerSecond) {
  const size = Math.max(0, bytesPerSecond);
  for (const [bytes, unit] of UNITS) {
    if (size >= bytes) {
      const number = size / bytes;
      return `${number.toFixed(number < 9.95 ? 1 : 0)}${unit}/s`;
    }
  }
  return `${size.toFixed(0)}B/s`;
}

/** Format a TID without leading zeros: `0x100580a8f`. */
export function showTid(tid) {
  return `0x${tid.replace(/^0x/, "").replace(/^0+/, "") || "0"}`;
}

/** Format a share of 1 as a percentage, rounded down. */
export function showPercent(share) {
  return `${Math.trunc(Math.min(Math.max(share, 0), 1) * 100)} %`;
}

/** Format a number with its noun: `1 pair`, `2 pairs`. */
export function showCount(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// --- times --------------------------------------------------------------------------------------

let isLocal = false;

/** Show times in the zone of this browser, or in UTC as the commands do. */
export function setZone(local) {
  isLocal = local;
}

export function usesLocalTime() {
  return isLocal;
}

/** Return the zone of the times that are shown. */
export function zoneName() {
  return isLocal ? localZone(new Date()) : "UTC";
}

function localZone(date) {
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(date);
  return parts.find((part) => part.type === "timeZoneName").value;
}

function parts(date, local) {
  const get = (name) => date[`get${local ? "" : "UTC"}${name}`]();
  return {
    day: `${get("FullYear")}-${two(get("Month") + 1)}-${two(get("Date"))}`,
    minute: `${two(get("Hours"))}:${two(get("Minutes"))}`,
    second: two(get("Seconds")),
  };
}

/** Format a time: `16:12 UTC`, with its day if it is not the day of `now`. Both are dates. */
export function showMoment(time, now, withSeconds = false, local = isLocal) {
  if (Number.isNaN(time.getTime())) return "at an unknown time";
  const [moment, today] = [parts(time, local), parts(now, local)];
  const day = moment.day === today.day ? "" : `${moment.day} `;
  const clock = withSeconds ? `${moment.minute}:${moment.second}` : moment.minute;
  return `${day}${clock} ${local ? localZone(time) : "UTC"}`;
}

/** Format a time to the second without its zone: `2026-03-04 16:12:07`. */
export function showToSecond(time, local = isLocal) {
  if (Number.isNaN(time.getTime())) return "unknown";
  const moment = parts(time, local);
  return `${moment.day} ${moment.minute}:${moment.second}`;
}

/** Return the same time in the other zone, for a title. */
export function otherZone(time) {
  if (Number.isNaN(time.getTime())) return null;
  return `${showToSecond(time, !isLocal)} ${isLocal ? "UTC" : localZone(time)}`;
}
