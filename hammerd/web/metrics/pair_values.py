"""Reads the metrics of a pair from its status: pure, one row for each metric.

A value that is unknown, or does not apply, is None and has no sample.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hammerd.core.api.health import Health
from hammerd.core.pairs import Gear
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.core.tid import parse_tid

PairJson = Mapping[str, Any]
"""The JSON of a pair: the version of the status guarantees its names."""

Number = Callable[[PairJson, float], float | None]
"""The value of a pair in a status that was made at this Unix time."""

STATES = ("stopped", "probing", "launching", "streaming", "stopping", "waiting", "parked")
WANTED = ("up", "paused", "down")
OTHER = "other"

_WORD = re.compile(r"[a-z][a-z0-9_.]{0,63}")


def word_of(value: object) -> str:
    """Return an identifier as it is, and "other" for all else: labels hold no free text."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else OTHER


def unix_time(text: str | None) -> float | None:
    """Return a time of the status in Unix time."""
    return None if text is None else parse_rfc3339(text).timestamp()


def _number(key: str) -> Number:
    def read(pair: PairJson, _: float) -> float | None:
        value = pair.get(key)
        return None if value is None else float(value)

    return read


def _time(key: str) -> Number:
    return lambda pair, _: unix_time(pair.get(key))


def _tid(key: str) -> Number:
    def read(pair: PairJson, _: float) -> float | None:
        text = pair.get(key)
        return None if text is None else float(parse_tid(text))

    return read


def _measured_lag(pair: PairJson, now: float) -> float | None:
    # lag_s is as of now: since the measurement it has grown by the clock alone.
    lag_s, time = pair.get("lag_s"), unix_time(pair.get("lag_measured_time"))
    return None if lag_s is None or time is None else max(0.0, float(lag_s) - (now - time))


def _stream_start(pair: PairJson, now: float) -> float | None:
    up_s = pair.get("up_s")
    return None if up_s is None else now - float(up_s)


def _verified_time(pair: PairJson, _: float) -> float | None:
    verified = pair.get("verified")
    return None if verified is None else unix_time(verified["time"])


def _differences(pair: PairJson, _: float) -> float | None:
    verified = pair.get("verified")
    return None if verified is None else float(verified["differences"])


def _unacknowledged_differences(pair: PairJson, now: float) -> float | None:
    differences = _differences(pair, now)
    return 0.0 if differences and pair["verified"]["is_acknowledged"] else differences


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric with one sample for each pair that has a value."""

    name: str
    help: str
    read: Number


LASTING_GAUGES = (
    Gauge(
        "hammerd_pair_safe_until_timestamp_seconds",
        "Everything that the master had flushed by then is on the slave.",
        _time("safe_until_time"),
    ),
    Gauge(
        "hammerd_pair_durable_until_timestamp_seconds",
        "Everything that the master had flushed by then is on the slave's disk.",
        _time("durable_until_time"),
    ),
)
"""They stay true when no daemon answers."""

GAUGES = (
    Gauge(
        "hammerd_pair_lag_seconds",
        "How far the slave is behind, grown by the clock since it was measured.",
        _number("lag_s"),
    ),
    Gauge(
        "hammerd_pair_lag_measured_seconds",
        "How far the slave was behind when it was measured last.",
        _measured_lag,
    ),
    Gauge(
        "hammerd_pair_lag_measured_timestamp_seconds",
        "When the older of both ends was read last.",
        _time("lag_measured_time"),
    ),
    Gauge(
        "hammerd_pair_lag_known",
        "Whether the lag is known.",
        lambda pair, _: float(pair.get("lag_s") is not None),
    ),
    Gauge(
        "hammerd_pair_lag_tids",
        "How far the slave is behind in transaction ids; they are no time.",
        _number("lag_tids"),
    ),
    Gauge(
        "hammerd_pair_lag_warning_seconds",
        "From which lag on the pair is a warning.",
        _number("lag_warning_s"),
    ),
    Gauge(
        "hammerd_pair_lag_critical_seconds",
        "From which age of what is safe on the pair is critical.",
        _number("lag_critical_s"),
    ),
    Gauge(
        "hammerd_pair_master_tid",
        "The newest transaction id of the master, rounded to 53 bits.",
        _tid("master_tid"),
    ),
    Gauge(
        "hammerd_pair_slave_tid",
        "The newest transaction id of the slave, rounded to 53 bits.",
        _tid("slave_tid"),
    ),
    Gauge(
        "hammerd_pair_failures",
        "Failed attempts in a row that are not forgiven yet.",
        _number("failures"),
    ),
    Gauge(
        "hammerd_pair_stream_start_time_seconds",
        "When the stream that runs was started.",
        _stream_start,
    ),
    Gauge(
        "hammerd_pair_transfer_bytes_per_second",
        "How fast the stream copies.",
        _number("rate_bytes_per_s"),
    ),
    Gauge(
        "hammerd_pair_bulk_done_bytes",
        "How much of a bulk is copied.",
        _number("bulk_done_bytes"),
    ),
    Gauge(
        "hammerd_pair_bulk_size_bytes",
        "How large a bulk is.",
        _number("bulk_total_bytes"),
    ),
    Gauge(
        "hammerd_pair_slave_free_bytes",
        "Free space of the slave's file system.",
        _number("slave_free_bytes"),
    ),
    Gauge(
        "hammerd_pair_slave_size_bytes",
        "Size of the slave's file system.",
        _number("slave_total_bytes"),
    ),
    Gauge(
        "hammerd_pair_verified_timestamp_seconds",
        "When the last verification ended.",
        _verified_time,
    ),
    Gauge(
        "hammerd_pair_verified_differences",
        "How many differences the last verification found.",
        _differences,
    ),
    Gauge(
        "hammerd_pair_verified_differences_unacknowledged",
        "The same; 0 once somebody acknowledged them.",
        _unacknowledged_differences,
    ),
    Gauge(
        "hammerd_pair_origin_lag_seconds",
        "How far the slave is behind the beginning of its cascade.",
        _number("origin_lag_s"),
    ),
    Gauge(
        "hammerd_pair_slave_read_only",
        "Whether the slave's file system is read-only, as after the loss of its disk.",
        lambda pair, _: float(bool(pair.get("slave_is_read_only"))),
    ),
    Gauge(
        "hammerd_pair_flush_failed",
        "Whether a flush of an end failed.",
        lambda pair, _: float(pair.get("flush_failed_because") is not None),
    ),
    Gauge(
        "hammerd_pair_host_unread",
        "Whether another host with an end cannot be read.",
        lambda pair, _: float(pair.get("host_unread_because") is not None),
    ),
    Gauge(
        "hammerd_pair_held",
        "Whether a plan keeps the pair at rest.",
        lambda pair, _: float(pair.get("hold") is not None),
    ),
)


@dataclass(frozen=True, slots=True)
class StateSet:
    """A metric with a sample for each pair and word: 1 for the word of the pair, else 0."""

    name: str
    help: str
    key: str
    label: str
    words: Sequence[str]


WANTED_SET = StateSet("hammerd_pair_wanted", "What is wanted.", "wanted", "wanted", WANTED)
"""It stays true when no daemon answers."""

STATE_SETS = (
    StateSet("hammerd_pair_state", "The state.", "state", "state", STATES),
    StateSet("hammerd_pair_gear", "The gear of the stream.", "gear", "gear", tuple(Gear)),
    StateSet("hammerd_pair_health", "The health.", "health", "health", tuple(Health)),
    StateSet(
        "hammerd_pair_lag_verdict",
        "The result of the comparison of both transaction ids.",
        "lag_verdict",
        "verdict",
        tuple(LagVerdict),
    ),
)


def complaints_of(pair: PairJson) -> Mapping[str, float]:
    """Return how many complaints of each name there were; it never shrinks."""
    # A daemon of an older release tells only those that nobody acknowledged.
    counts = pair.get("complaints_total")
    if counts is None:
        counts = {each["name"]: each["count"] for each in pair.get("complaints", ())}
    return _by_word(counts.items())


def unacknowledged_of(pair: PairJson) -> Mapping[str, float]:
    """Return how many complaints of each name nobody has acknowledged."""
    return _by_word((each["name"], each["count"]) for each in pair.get("complaints", ()))


def anomalies_of(pair: PairJson) -> Mapping[str, float]:
    """Return how many anomalies of each name nobody has acknowledged."""
    return _by_word((each["name"], 1) for each in pair.get("anomalies", ()))


def _by_word(counts: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for name, count in counts:
        word = word_of(name)
        found[word] = found.get(word, 0) + count
    return found
