"""Notes below a pair's row in the status table, most urgent first.

Order: what stops the pair, with its cure; complaints and anomalies that are not acknowledged; what
will stop it soon; what is unknown. States that a person has chosen come last.
"""

from collections.abc import Iterator

from hammerd.cli.client.status_types import HoldStatus, PairStatus, VerifiedStatus
from hammerd.cli.output import numbers

MOST_ANOMALIES = 3
"""The number of anomalies shown for a pair, newest first; older ones are only counted."""


def is_disabled(pair: PairStatus) -> bool:
    """Return whether the config disables the pair (enabled = false)."""
    return pair["wanted"] == "down" and pair["because"] == "disabled"


def notes_of_pair(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    """Yield the notes of a pair; `measured_time` (RFC 3339) is when the daemon measured."""
    if is_disabled(pair):
        yield from _differences(pair, measured_time)
        yield from _unacknowledged(pair, measured_time)
        return
    yield from _stopped_by(pair, measured_time)
    if pair.get("slave_is_read_only"):
        yield "the slave's file system is read-only, most often since its disk is lost"
        yield 'hint: see dmesg for the error that made it so, and "mount"'
    yield from _differences(pair, measured_time)
    yield from _unacknowledged(pair, measured_time)
    if pair.get("slave_is_short_of_room"):
        yield _short_of_space(pair)
    if flush_failed := pair.get("flush_failed_because"):
        yield f"flush failed: {flush_failed}"
    host_unread = pair.get("host_unread_because")
    if host_unread and not pair["because"]:
        yield f"TIDs over there are not read: {host_unread}"
    yield from _lag(pair, measured_time)
    yield from _wanted(pair, measured_time)
    yield from _cascade(pair)
    if pair["gear"] == "bulk" and pair["phase"]:
        yield _bulk(pair)


def _held(hold: HoldStatus, measured_time: str | None) -> str:
    since = f"since {numbers.show_moment(hold['since_time'], measured_time)}"
    if hold["stage"] == "promoted":
        return f"held: the slave was promoted, {since}"
    if hold["stage"] != "running":
        return f"held: {hold['stage']} record of a plan, {since}"
    step = f", at step {hold['step']}" if hold["step"] else ""
    does = "was interrupted" if hold["is_interrupted"] else "runs"
    return f"held: {hold['plan']} {does}{step}, {since}"


def _differences(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    verified = pair.get("verified")
    if verified is not None and is_unproved(verified):
        yield verified_text(verified, measured_time)
        yield f'critical until it is equal again, or "hammerd ack {pair["pair"]}"'


def is_unproved(verified: VerifiedStatus) -> bool:
    """Return whether a verification found a difference that nobody has acknowledged."""
    return not (verified["is_equal"] or verified["is_acknowledged"])


def notes_of_proof(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    """Yield the note of a verification that found no fault, or one that was acknowledged."""
    verified = pair.get("verified")
    if verified is not None and not is_unproved(verified):
        yield verified_text(verified, measured_time)


def verified_text(verified: VerifiedStatus, measured_time: str | None) -> str:
    """Format the last result of a verification."""
    age = numbers.show_rough_period(-numbers.seconds_between(measured_time, verified["time"]))
    found = (
        "equal"
        if verified["is_equal"]
        else numbers.show_count(verified["differences"], "difference")
    )
    sampled = ", by a sample of contents" if verified["is_sample"] else ""
    seen = ", acknowledged" if verified["is_acknowledged"] else ""
    return f"verified {age} ago as of {numbers.show_tid(verified['tid'])}: {found}{sampled}{seen}"


def safe_until_text(safe_time: str, measured_time: str | None = None) -> str:
    """Format the time up to which the slave has everything: safe if the master's disk is lost."""
    moment = numbers.show_moment(safe_time, measured_time, with_seconds=True)
    return f"everything flushed by {moment} is on the slave"


def _stopped_by(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    if hold := pair.get("hold"):
        yield _held(hold, measured_time)
    if pair["because"]:
        yield from _trouble_and_hint(pair, pair["because"])


def _trouble_and_hint(pair: PairStatus, because: str) -> Iterator[str]:
    yield _trouble(pair, because)
    if pair["hint"]:
        yield f"hint: {pair['hint']}"
    words = pair.get("telling_word") or next(reversed(pair["last_words"]), None)
    if words:
        yield f"last words: {words}"


def _lag(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    is_unknown = pair["lag_s"] is None
    because = pair.get("lag_unknown_because")
    # The reason why a pair is parked often hides its lag too: print it once.
    if is_unknown and because and because != pair["hint"]:
        yield f"lag unknown: {because}"
    safe_time = pair.get("safe_until_time")
    if safe_time is not None and (is_unknown or pair["health"] == "critical"):
        yield safe_until_text(safe_time, measured_time)
        if durable_time := pair.get("durable_until_time"):
            moment = numbers.show_moment(durable_time, measured_time, with_seconds=True)
            yield f"flushed by {moment}: on its disk, should its power fail too"


def _wanted(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    if pair["wanted"] == "paused":
        yield _paused(pair["paused_until_time"], measured_time)
    elif pair["wanted"] != "up":
        yield f"wanted {pair['wanted']}"


def _unacknowledged(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    complaints, anomalies = pair.get("complaints", []), pair.get("anomalies", [])
    for complaint in complaints:
        times = numbers.show_count(complaint["count"], "time")
        last_time = complaint.get("last_time")
        last = f", last at {numbers.show_moment(last_time, measured_time)}" if last_time else ""
        yield f"complained {times}{last}: {complaint['text']}"
        if complaint["hint"] and complaint["hint"] != pair["hint"]:
            yield f"hint: {complaint['hint']}"
    for anomaly in anomalies[: -MOST_ANOMALIES - 1 : -1]:
        moment = numbers.show_moment(anomaly["time"], measured_time)
        was, then = anomaly["before"], anomaly["after"]
        yield f"{anomaly['name']} at {moment}: {anomaly['end']} was {was}, then {then}"
    if (more := len(anomalies) - MOST_ANOMALIES) > 0:
        yield f"and {more} earlier: hammerd status --json {pair['pair']}"
    if complaints or anomalies:
        yield f'shown until "hammerd ack {pair["pair"]}"'


def _short_of_space(pair: PairStatus) -> str:
    free_bytes, total_bytes = pair.get("slave_free_bytes"), pair.get("slave_total_bytes")
    if free_bytes is None or not total_bytes:
        return "slave short of room"
    share = f"{100 * free_bytes / total_bytes:.1f} %"
    free, total = numbers.show_bytes(free_bytes), numbers.show_bytes(total_bytes)
    return f"slave short of room: {free} of {total} free ({share})"


def _cascade(pair: PairStatus) -> Iterator[str]:
    origin, lag_s = pair.get("origin"), pair.get("origin_lag_s")
    if origin is None or (lag_s is not None and lag_s == pair["lag_s"]):
        return
    behind = "an unknown time" if lag_s is None else numbers.show_period(lag_s)
    yield f"{behind} behind {origin}, where its cascade begins"


def _paused(until_time: str | None, measured_time: str | None) -> str:
    if until_time is None:
        return "paused until it is resumed"
    left = numbers.show_rough_period(numbers.seconds_between(measured_time, until_time))
    return f"paused for another {left} (until {numbers.show_moment(until_time, measured_time)})"


def _trouble(pair: PairStatus, because: str) -> str:
    waiting_for = pair.get("waiting_for")
    parts = [f"for {waiting_for}: {because}" if waiting_for else because]
    if pair["retry_in_s"] is not None:
        parts.append(f"looked at again in {numbers.show_period(pair['retry_in_s'])}")
    if pair["failures"]:
        parts.append(f"after {numbers.show_count(pair['failures'], 'failure')}")
    return ", ".join(parts)


def _bulk(pair: PairStatus) -> str:
    done_bytes, total_bytes = pair.get("bulk_done_bytes"), pair.get("bulk_total_bytes")
    eta_s, free_bytes = pair.get("bulk_eta_s"), pair.get("slave_free_bytes")
    text = f"in bulk: {pair['phase']}"
    if done_bytes is not None and total_bytes:
        text += f" {numbers.show_bar(done_bytes / total_bytes)}"
        text += f", {numbers.show_bytes(done_bytes)} of {numbers.show_bytes(total_bytes)}"
    if eta_s is not None:
        text += f", {numbers.show_rough_period(eta_s)} to go"
    return (
        text
        if free_bytes is None
        else f"{text}; {numbers.show_bytes(free_bytes)} free on the slave"
    )
