// Tells of a pair in the lines of `hammerd status`: cli/status/pair_notes.py, slave_notes.py.
//
// A note is [kind, text]; the kinds are cause, hint, words, complaint, safe, proof and note.

import * as words from "./words.js";

const MOST_ANOMALIES = 3;

/** Return whether the config disables the pair. */
export function isDisabled(pair) {
  return pair.wanted === "down" && pair.because === "disabled";
}

/** Return the word under which a pair is counted, as the heading of `hammerd status` does. */
export function countedWord(pair) {
  if (pair.health !== "ok" || pair.wanted === "up") return pair.health ?? "unknown";
  if (isDisabled(pair)) return "disabled";
  return pair.wanted === "paused" ? "paused" : pair.health;
}

/** Return the word for the state of a pair. */
export function stateWord(pair) {
  if (isDisabled(pair)) return "disabled";
  if (!pair.state) return pair.wanted ? `wanted ${pair.wanted}` : "unknown";
  if (pair.state === "stopped") {
    if (pair.hold) return `held by ${pair.hold.plan}`;
    if (pair.wanted === "paused") return "paused";
  }
  return pair.state;
}

/** Return the lag of a pair in words; unknown is never 0. */
export function lagWord(pair) {
  if (pair.lag_s === null || pair.lag_s === undefined) {
    if (isDisabled(pair)) return "-";
    return pair.lag_verdict === "ahead" ? "ahead" : "unknown";
  }
  return `${pair.lag_approximate ? "~" : ""}${words.showPeriod(pair.lag_s)}`;
}

/** Return the pair as it is some seconds later, by the clock alone. */
export function aged(pair, seconds) {
  const grown = (value) => (typeof value === "number" ? value + seconds : value);
  const shrunk = (value) => (typeof value === "number" ? Math.max(0, value - seconds) : value);
  return {
    ...pair,
    lag_s: grown(pair.lag_s),
    up_s: grown(pair.up_s),
    origin_lag_s: grown(pair.origin_lag_s),
    retry_in_s: shrunk(pair.retry_in_s),
    bulk_eta_s: shrunk(pair.bulk_eta_s),
    slaves: (pair.slaves ?? []).map((slave) => ({ ...slave, lag_s: grown(slave.lag_s) })),
  };
}

/** Return all notes of a pair, most urgent first. */
export function notesOf(pair, now) {
  const differences = isUnproved(pair.verified) ? unproved(pair, now) : [];
  const isWhole = "lag_verdict" in pair;
  if (!isWhole) return [...lastNotes(pair, now), ...proofs(pair, now)];
  if (isDisabled(pair)) {
    return [...differences, ...unacknowledged(pair, now), ...proofs(pair, now), ...turns(pair)];
  }
  return [
    ...stoppedBy(pair, now),
    ...readOnly(pair),
    ...differences,
    ...unacknowledged(pair, now),
    ...shortOfSpace(pair),
    ...(pair.flush_failed_because ? [note(`flush failed: ${pair.flush_failed_because}`)] : []),
    ...(pair.host_unread_because && !pair.because
      ? [note(`TIDs over there are not read: ${pair.host_unread_because}`)]
      : []),
    ...lag(pair, now),
    ...wanted(pair, now),
    ...cascade(pair),
    ...(pair.gear === "bulk" && pair.phase ? [note(bulk(pair))] : []),
    ...proofs(pair, now),
    ...turns(pair),
  ];
}

const note = (text) => ["note", text];
const moment = (time, now, withSeconds) => words.showMoment(new Date(time), now, withSeconds);

function stoppedBy(pair, now) {
  const notes = pair.hold ? [["cause", heldText(pair.hold, now)]] : [];
  if (!pair.because) return notes;
  notes.push(["cause", trouble(pair)]);
  if (pair.hint) notes.push(["hint", `hint: ${pair.hint}`]);
  const telling = pair.telling_word || (pair.last_words ?? []).at(-1);
  if (telling) notes.push(["words", `last words: ${telling}`]);
  return notes;
}

/** Return which plan holds a pair. */
export function heldText(hold, now) {
  const since = `since ${moment(hold.since_time, now)}`;
  if (hold.stage === "promoted") return `held: the slave was promoted, ${since}`;
  if (hold.stage !== "running") return `held: ${hold.stage} record of a plan, ${since}`;
  const step = hold.step ? `, at step ${hold.step}` : "";
  const does = hold.is_interrupted ? "was interrupted" : "runs";
  return `held: ${hold.plan} ${does}${step}, ${since}`;
}

function trouble(pair) {
  const parts = [pair.waiting_for ? `for ${pair.waiting_for}: ${pair.because}` : pair.because];
  if (typeof pair.retry_in_s === "number") {
    parts.push(`looked at again in ${words.showPeriod(pair.retry_in_s)}`);
  }
  if (pair.failures) parts.push(`after ${words.showCount(pair.failures, "failure")}`);
  return parts.join(", ");
}

function readOnly(pair) {
  if (!pair.slave_is_read_only) return [];
  return [
    ["cause", "the slave's file system is read-only, most often since its disk is lost"],
    ["hint", 'hint: see dmesg for the error that made it so, and "mount"'],
  ];
}

function isUnproved(verified) {
  return Boolean(verified) && !(verified.is_equal || verified.is_acknowledged);
}

function unproved(pair, now) {
  return [
    ["cause", verifiedText(pair.verified, now)],
    ["hint", `critical until it is equal again, or "hammerd ack ${pair.pair}"`],
  ];
}

function proofs(pair, now) {
  return pair.verified && !isUnproved(pair.verified)
    ? [["proof", verifiedText(pair.verified, now)]]
    : [];
}

/** Return the last result of a verification. */
export function verifiedText(verified, now) {
  const age = words.showRoughPeriod((now - new Date(verified.time)) / 1000);
  const found = verified.is_equal ? "equal" : words.showCount(verified.differences, "difference");
  const sampled = verified.is_sample ? ", by a sample of contents" : "";
  const seen = verified.is_acknowledged ? ", acknowledged" : "";
  return `verified ${age} ago as of ${words.showTid(verified.tid)}: ${found}${sampled}${seen}`;
}

function unacknowledged(pair, now) {
  const notes = [];
  const complaints = pair.complaints ?? [];
  const anomalies = pair.anomalies ?? [];
  for (const complaint of complaints) {
    const last = complaint.last_time ? `, last at ${moment(complaint.last_time, now)}` : "";
    const times = words.showCount(complaint.count, "time");
    notes.push(["complaint", `complained ${times}${last}: ${complaint.text}`]);
    if (complaint.hint && complaint.hint !== pair.hint) {
      notes.push(["hint", `hint: ${complaint.hint}`]);
    }
  }
  for (const anomaly of anomalies.slice(-MOST_ANOMALIES).reverse()) {
    notes.push(["complaint", anomalyText(anomaly, now)]);
  }
  if (anomalies.length > MOST_ANOMALIES) {
    const more = anomalies.length - MOST_ANOMALIES;
    notes.push(note(`and ${more} earlier: hammerd status --json ${pair.pair}`));
  }
  if (complaints.length || anomalies.length) {
    notes.push(["hint", `shown until "hammerd ack ${pair.pair}"`]);
  }
  return notes;
}

/** Return an unexpected change of an end. */
export function anomalyText(anomaly, now) {
  const { name, end, before, after, time } = anomaly;
  return `${name} at ${moment(time, now)}: ${end} was ${before}, then ${after}`;
}

function shortOfSpace(pair) {
  if (!pair.slave_is_short_of_room) return [];
  const [free, total] = [pair.slave_free_bytes, pair.slave_total_bytes];
  if (free === null || free === undefined || !total) return [["cause", "slave short of room"]];
  const share = `${((100 * free) / total).toFixed(1)} %`;
  const sizes = `${words.showBytes(free)} of ${words.showBytes(total)} free (${share})`;
  return [["cause", `slave short of room: ${sizes}`]];
}

function lag(pair, now) {
  const isUnknown = pair.lag_s === null;
  const notes = [];
  if (isUnknown && pair.lag_unknown_because && pair.lag_unknown_because !== pair.hint) {
    notes.push(note(`lag unknown: ${pair.lag_unknown_because}`));
  }
  if (pair.safe_until_time && (isUnknown || pair.health === "critical")) {
    const safe = moment(pair.safe_until_time, now, true);
    notes.push(["safe", `everything flushed by ${safe} is on the slave`]);
    if (pair.durable_until_time) {
      const durable = moment(pair.durable_until_time, now, true);
      notes.push(["safe", `flushed by ${durable}: on its disk, should its power fail too`]);
    }
  }
  return notes;
}

function wanted(pair, now) {
  if (pair.wanted === "paused") return [note(paused(pair.paused_until_time, now))];
  return pair.wanted === "up" ? [] : [note(`wanted ${pair.wanted}`)];
}

function paused(until, now) {
  if (!until) return "paused until it is resumed";
  const left = words.showRoughPeriod((new Date(until) - now) / 1000);
  return `paused for another ${left} (until ${moment(until, now)})`;
}

function cascade(pair) {
  if (!pair.origin) return [];
  const behind = pair.origin_lag_s;
  if (typeof behind === "number" && behind === pair.lag_s) return [];
  const period = typeof behind === "number" ? words.showPeriod(behind) : "an unknown time";
  return [note(`${period} behind ${pair.origin}, where its cascade begins`)];
}

/** Return the share of a bulk transfer that is done, null if its size is unknown. */
export function bulkShare(pair) {
  const [done, total] = [pair.bulk_done_bytes, pair.bulk_total_bytes];
  return typeof done === "number" && total ? done / total : null;
}

function bulk(pair) {
  let text = `in bulk: ${pair.phase}`;
  const share = bulkShare(pair);
  if (share !== null) {
    const filled = Math.trunc(Math.min(Math.max(share, 0), 1) * 16);
    const bar = "#".repeat(filled) + ".".repeat(16 - filled);
    text += ` [${bar}] ${words.showPercent(share)}`;
    const sizes = [pair.bulk_done_bytes, pair.bulk_total_bytes].map(words.showBytes);
    text += `, ${sizes[0]} of ${sizes[1]}`;
  }
  if (typeof pair.bulk_eta_s === "number") {
    text += `, ${words.showRoughPeriod(pair.bulk_eta_s)} to go`;
  }
  return typeof pair.slave_free_bytes === "number"
    ? `${text}; ${words.showBytes(pair.slave_free_bytes)} free on the slave`
    : text;
}

/** Return the name of a slave that takes turns. */
export function slaveName(slave) {
  return `slave ${slave.slave} (${slave.unique_uuid.split("-")[0]})`;
}

function turns(pair) {
  const slaves = pair.slaves ?? [];
  if (!slaves.length) return [];
  const away = slaves.filter((slave) => !slave.is_present).length;
  const turn = slaves.find((slave) => slave.has_turn);
  const parts = turn ? [`${slaveName(turn)} has its turn`] : [];
  if (away) parts.push(`${away} of ${slaves.length} ${away === 1 ? "is" : "are"} away`);
  return parts.length ? [note(parts.join(", "))] : [];
}

// --- without a daemon: what the last one left ---------------------------------------------------

function lastNotes(pair, now) {
  const notes = [];
  if (pair.held_by) notes.push(["cause", `held by ${pair.held_by}: no hammerd streams it`]);
  if (pair.is_diverged) notes.push(["cause", "parked: diverged, until it is resumed"]);
  if (isUnproved(pair.verified)) notes.push(["cause", verifiedText(pair.verified, now)]);
  for (const text of [...(pair.complaints ?? []), ...(pair.anomalies ?? [])]) {
    notes.push(["complaint", `not acknowledged: ${text.text ?? text.name ?? text}`]);
  }
  if (pair.safe_unknown_because) notes.push(note(pair.safe_unknown_because));
  if (pair.paused_until_time) {
    notes.push(note(`paused until ${moment(pair.paused_until_time, now)}`));
  } else if (pair.wanted === "paused") {
    notes.push(note("paused until it is resumed"));
  }
  return notes;
}
