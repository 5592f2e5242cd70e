"""The metrics of pairs: one row for each, with how its value is read from the status."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from hammerd.core.api.health import Health
from hammerd.core.pairs import Gear
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.core.tid import parse_tid

Pair = Mapping[str, Any]
"""The JSON of a pair."""

Number = Callable[[Pair], float | None]
"""The value of a pair, None if it is unknown or does not apply."""

STATES = ("stopped", "probing", "launching", "streaming", "stopping", "waiting", "parked")
_WORD = re.compile(r"[a-z][a-z0-9_.]{0,63}")
OTHER = "other"


def word_of(value: object) -> str:
    """Return an identifier as it is, and "other" for any other text: labels hold no free text."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else OTHER


def seconds_of(time: str | None) -> float | None:
    """Return a time of the status in Unix time."""
    return None if time is None else parse_rfc3339(time).timestamp()


def number_at(key: str) -> Number:
    """Return a function that reads a number."""

    def read(pair: Pair) -> float | None:
        value = pair.get(key)
        return None if value is None else float(value)

    return read


def time_at(key: str) -> Number:
    """Return a function that reads a time."""
    return lambda pair: seconds_of(pair.get(key))


def tid_at(key: str) -> Number:
    """Return a function that reads a TID."""

    def read(pair: Pair) -> float | None:
        text = pair.get(key)
        return None if text is None else float(parse_tid(text))

    return read


def _measured_lag(pair: Pair) -> float | None:
    """Return the lag when the older of both readings was made: the rest has grown by the clock."""
    lag_s, time = pair.get("lag_s"), seconds_of(pair.get("lag_measured_time"))
    if lag_s is None or time is None:
        return None
    return max(0.0, float(lag_s) - float(pair["_now"] - time))


def _stream_start(pair: Pair) -> float | None:
    up_s = pair.get("up_s")
    return None if up_s is None else float(pair["_now"] - up_s)


def _verified(key: str) -> Number:
    def read(pair: Pair) -> float | None:
        verified = pair.get("verified")
        if verified is None:
            return None
        return seconds_of(verified[key]) if key == "time" else float(verified[key])

    return read


GAUGES: Mapping[str, tuple[str, Number]] = {
    "hammerd_pair_lag_seconds": (
        "How far the slave is behind, grown by the clock since it was measured.",
        number_at("lag_s"),
    ),
    "hammerd_pair_lag_measured_seconds": (
        "How far the slave was behind when it was measured last.",
        _measured_lag,
    ),
    "hammerd_pair_lag_measured_timestamp_seconds": (
        "When the lag was measured last, in Unix time.",
        time_at("lag_measured_time"),
    ),
    "hammerd_pair_lag_known": (
        "Whether the lag is known.",
        lambda pair: float(pair.get("lag_s") is not None),
    ),
    "hammerd_pair_lag_tids": (
        "How far the slave is behind in transaction ids; no time follows from it.",
        number_at("lag_tids"),
    ),
    "hammerd_pair_lag_warning_seconds": (
        "The lag from which on the pair is a warning.",
        number_at("lag_warning_s"),
    ),
    "hammerd_pair_lag_critical_seconds": (
        "The lag from which on the pair is critical.",
        number_at("lag_critical_s"),
    ),
    "hammerd_pair_master_tid": (
        "The newest transaction id of the master, to 53 bits.",
        tid_at("master_tid"),
    ),
    "hammerd_pair_slave_tid": (
        "The newest transaction id of the slave, to 53 bits.",
        tid_at("slave_tid"),
    ),
    "hammerd_pair_failures": (
        "Attempts in a row that failed.",
        number_at("failures"),
    ),
    "hammerd_pair_stream_start_time_seconds": (
        "When the stream was started, in Unix time; none without a stream.",
        _stream_start,
    ),
    "hammerd_pair_transfer_bytes_per_second": (
        "How fast the stream copies.",
        number_at("rate_bytes_per_s"),
    ),
    "hammerd_pair_bulk_done_bytes": (
        "What the stream in bulk gear has copied of what its prescan found.",
        number_at("bulk_done_bytes"),
    ),
    "hammerd_pair_bulk_size_bytes": (
        "What the prescan of the stream in bulk gear found.",
        number_at("bulk_total_bytes"),
    ),
    "hammerd_pair_slave_free_bytes": (
        "Free space of the slave's file system.",
        number_at("slave_free_bytes"),
    ),
    "hammerd_pair_slave_size_bytes": (
        "Size of the slave's file system.",
        number_at("slave_total_bytes"),
    ),
    "hammerd_pair_verified_timestamp_seconds": (
        "When the last verification ended, in Unix time.",
        _verified("time"),
    ),
    "hammerd_pair_verified_differences": (
        "What the last verification found to differ.",
        _verified("differences"),
    ),
    "hammerd_pair_held": (
        "Whether a plan keeps the pair at rest.",
        lambda pair: float(pair.get("hold") is not None),
    ),
}
"""What a pair of a running daemon has: a help text, and its value."""

LASTING_GAUGES: Mapping[str, tuple[str, Number]] = {
    "hammerd_pair_safe_until_timestamp_seconds": (
        "Everything that the master had flushed by then is on the slave; in Unix time.",
        time_at("safe_until_time"),
    ),
    "hammerd_pair_durable_until_timestamp_seconds": (
        "Everything that the master had flushed by then is on the slave's disk; in Unix time.",
        time_at("durable_until_time"),
    ),
}
"""What stays true when no daemon answers."""

STATE_SETS: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "hammerd_pair_state": ("1 for the state of the pair.", "state", STATES),
    "hammerd_pair_gear": ("1 for the gear of the stream.", "gear", tuple(Gear)),
    "hammerd_pair_health": ("1 for the health of the pair.", "health", tuple(Health)),
    "hammerd_pair_lag_verdict": (
        "1 for what the comparison of both transaction ids says.",
        "verdict",
        tuple(LagVerdict),
    ),
}
"""A help text, the label, and the words; the key of the status is the metric's last word."""

WANTED = {"hammerd_pair_wanted": ("1 for what is wanted.", "wanted", ("up", "paused", "down"))}


def pair_families(pairs: Sequence[Pair], now_time: str, *, is_up: bool) -> Iterator[Metric]:
    """Yield the metrics of all pairs; `now_time` is when the status was made."""
    now = parse_rfc3339(now_time).timestamp()
    dated = [{**pair, "_now": now} for pair in pairs]
    info = GaugeMetricFamily(
        "hammerd_pair_info", "The ends of the pair, as labels.", labels=["pair", "master", "slave"]
    )
    for pair in pairs:
        info.add_metric([text_of(pair[key]) for key in ("pair", "master", "slave")], 1)
    yield info
    yield from _state_sets(dated, WANTED)
    yield from _gauges(dated, LASTING_GAUGES)
    if is_up:
        yield from _state_sets(dated, STATE_SETS)
        yield from _gauges(dated, GAUGES)
        yield from _counted(dated)


def text_of(value: object) -> str:
    """Return a text as a label; bytes of a path that are not text become escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _gauges(pairs: Sequence[Pair], gauges: Mapping[str, tuple[str, Number]]) -> Iterator[Metric]:
    for name, (help_text, read) in gauges.items():
        family = GaugeMetricFamily(name, help_text, labels=["pair"])
        for pair in pairs:
            if (value := read(pair)) is not None:
                family.add_metric([text_of(pair["pair"])], value)
        yield family


def _state_sets(
    pairs: Sequence[Pair], sets: Mapping[str, tuple[str, str, Sequence[str]]]
) -> Iterator[Metric]:
    for name, (help_text, label, words) in sets.items():
        family = GaugeMetricFamily(name, help_text, labels=["pair", label])
        key = name.removeprefix("hammerd_pair_")
        for pair in pairs:
            now = pair.get(key)
            for word in words:
                family.add_metric([text_of(pair["pair"]), word], float(now == word))
        yield family


def _counted(pairs: Sequence[Pair]) -> Iterator[Metric]:
    reason = GaugeMetricFamily(
        "hammerd_pair_reason", "1 for why the pair is as it is.", labels=["pair", "because"]
    )
    restarts = CounterMetricFamily(
        "hammerd_pair_restarts", "Streams that were started anew.", labels=["pair"]
    )
    complaints = CounterMetricFamily(
        "hammerd_pair_complaints", "Complaints of hammer.", labels=["pair", "name"]
    )
    anomalies = GaugeMetricFamily(
        "hammerd_pair_anomalies",
        "Changes of an end against the order of things that nobody acknowledged.",
        labels=["pair", "name"],
    )
    for pair in pairs:
        name = text_of(pair["pair"])
        if pair.get("because"):
            reason.add_metric([name, word_of(pair["because"])], 1)
        restarts.add_metric([name], pair["restarts"])
        for each in pair.get("complaints", ()):
            complaints.add_metric([name, word_of(each["name"])], each["count"])
        found: dict[str, int] = {}
        for each in pair.get("anomalies", ()):
            word = word_of(each["name"])
            found[word] = found.get(word, 0) + 1
        for word, count in found.items():
            anomalies.add_metric([name, word], count)
    yield from (reason, restarts, complaints, anomalies)
