// Lists all that is known of a pair, in groups: [group, [[fact, text, title], ...]].

import { anomalyText, bulkShare, heldText, slaveName, verifiedText } from "./notes.js";
import { freeShare } from "./row.js";
import * as words from "./words.js";

/** Return the groups of facts; what a pair does not have is left out, what is unknown is not. */
export function factsOf(pair, alarms, now) {
  const groups = [
    ["State", state(pair, now)],
    ["Lag and safety", safety(pair, now)],
    ["Ends", ends(pair)],
    ["Stream", stream(pair)],
    ["Slave's file system", room(pair, now)],
    ["Slaves that take turns", (pair.slaves ?? []).map((slave) => turn(slave, now))],
    ["Alarms", alarms.map((each) => alarm(each, now))],
    ["Complaints so far", complaints(pair)],
    ["Anomalies", (pair.anomalies ?? []).map((each) => anomaly(each, now)).reverse()],
  ];
  return groups
    .map(([name, facts]) => [name, facts.filter((fact) => fact && fact[1] !== null)])
    .filter(([, facts]) => facts.length);
}

function moment(fact, time, now, unknown = null) {
  if (!time) return [fact, unknown];
  const date = new Date(time);
  return [fact, words.showMoment(date, now, true), words.otherZone(date)];
}

const has = (value) => value !== null && value !== undefined;
const period = (seconds) => (has(seconds) ? words.showPeriod(seconds) : null);
const tid = (text) => (text ? words.showTid(text) : "unknown");

function state(pair, now) {
  return [
    ["state", pair.state ?? "unknown: no hammerd runs"],
    ["wanted", pair.wanted ?? "unknown"],
    moment("since", pair.since_time, now),
    moment("paused until", pair.paused_until_time, now),
    ["waits for", pair.waiting_for ?? null],
    ["looked at again in", period(pair.retry_in_s)],
    ["failures in a row", pair.failures ? String(pair.failures) : null],
    ["restarts", has(pair.restarts) ? String(pair.restarts) : null],
    ["plan", pair.hold ? heldText(pair.hold, now) : null],
    ["last verification", pair.verified ? verifiedText(pair.verified, now) : "none"],
  ];
}

function safety(pair, now) {
  const verdict = pair.lag_verdict?.replaceAll("_", " ");
  return [
    ["verdict", verdict ?? null],
    ["lag", has(pair.lag_s) ? words.showPeriod(pair.lag_s) : "unknown"],
    ["lag unknown because", pair.lag_unknown_because ?? null],
    moment("measured", pair.lag_measured_time, now),
    ["behind in TIDs", has(pair.lag_tids) ? String(pair.lag_tids) : null],
    ["lag_warning", period(pair.lag_warning_s)],
    ["lag_critical", period(pair.lag_critical_s)],
    moment("safe until", pair.safe_until_time, now, "unknown"),
    moment("durable until", pair.durable_until_time, now, "unknown"),
    ["safe unknown because", pair.safe_unknown_because ?? null],
    pair.origin ? ["behind its origin", period(pair.origin_lag_s) ?? "unknown"] : null,
  ];
}

function ends(pair) {
  return [
    ["master", pair.master],
    ["master's TID", tid(pair.master_tid)],
    ["slave", pair.slave],
    ["slave's TID", tid(pair.slave_tid)],
    ["origin of the cascade", pair.origin ?? null],
    ["host not read because", pair.host_unread_because ?? null],
  ];
}

function stream(pair) {
  const share = bulkShare(pair);
  const sizes = [pair.bulk_done_bytes, pair.bulk_total_bytes].map((size) => words.showBytes(size ?? 0));
  const pids = [pair.pid, ...(pair.half_pids ?? [])].filter(has);
  return [
    ["gear", pair.gear ?? null],
    ["phase", pair.phase ?? null],
    ["up", period(pair.up_s)],
    ["rate", has(pair.rate_bytes_per_s) ? words.showRate(pair.rate_bytes_per_s) : null],
    ["in bulk", share === null ? null : `${sizes[0]} of ${sizes[1]}, ${words.showPercent(share)}`],
    ["to go", has(pair.bulk_eta_s) ? words.showRoughPeriod(pair.bulk_eta_s) : null],
    ["connecting to", pair.connecting_to ?? null],
    ["holds the slave's lock", has(pair.slave_locked) ? (pair.slave_locked ? "yes" : "no") : null],
    ["processes", pids.length ? pids.join(", ") : null],
  ];
}

function room(pair, now) {
  const share = freeShare(pair);
  const sizes = [pair.slave_free_bytes, pair.slave_total_bytes].map((size) => words.showBytes(size ?? 0));
  return [
    ["free", share === null ? "unknown" : `${sizes[0]} of ${sizes[1]}, ${words.showPercent(share)}`],
    ["read-only", pair.slave_is_read_only ? "yes" : null],
    ["flushed every", period(pair.flush_every_s)],
    moment("master flushed", pair.master_flushed_time, now),
    moment("slave flushed", pair.slave_flushed_time, now),
    ["flush failed because", pair.flush_failed_because ?? null],
  ];
}

function turn(slave, now) {
  const since = slave.since_time ? ` since ${words.showMoment(new Date(slave.since_time), now)}` : "";
  const parts = [
    `${slave.is_present ? "there" : "away"}${since}`,
    slave.has_turn ? "has its turn" : null,
    has(slave.lag_s) ? `${words.showPeriod(slave.lag_s)} behind` : "lag unknown",
    slave.slave_tid ? `TID ${words.showTid(slave.slave_tid)}` : "TID unknown",
    slave.safe_until_time
      ? `everything flushed by ${words.showMoment(new Date(slave.safe_until_time), now, true)} is on it`
      : null,
    slave.is_forked ? "its master went back since" : null,
  ];
  return [slaveName(slave), parts.filter(Boolean).join(", ")];
}

function alarm({ level, because, since_time: since, told_time: told, is_acknowledged: isSeen }, now) {
  const at = (time) => words.showMoment(new Date(time), now);
  const seen = isSeen ? ", acknowledged" : "";
  return [level, `${because}, since ${at(since)}, last told at ${at(told)}${seen}`];
}

function complaints(pair) {
  const counted = Object.entries(pair.complaints_total ?? {});
  return counted.map(([name, count]) => [name, words.showCount(count, "time")]);
}

function anomaly(each, now) {
  return typeof each === "string" ? [each, "not acknowledged"] : [each.name, anomalyText(each, now)];
}
