"""Turns a status into metrics: values in, values out.

Labels hold the name of a pair, its ends, and words of closed sets. What is unknown has no sample.
While no daemon answers there is only what stays true: what is safe, what is wanted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from hammerd.core.alarms.ledger import Kind
from hammerd.core.api.health import Health
from hammerd.core.api.status_json import UNSAVED_KEYS
from hammerd.core.config.model import AlarmLevel
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.web.metrics.pair_values import (
    GAUGES,
    LASTING_GAUGES,
    STATE_SETS,
    WANTED_SET,
    Gauge,
    PairJson,
    StateSet,
    anomalies_of,
    complaints_of,
    unacknowledged_of,
    unix_time,
    word_of,
)

StatusJson = Mapping[str, Any]
"""The JSON of a status: its version guarantees the names."""


def families_of(status: StatusJson, *, is_up: bool) -> Iterator[Metric]:
    """Yield the metrics of a status; `is_up`: a daemon answered."""
    yield GaugeMetricFamily("hammerd_up", "Whether the daemon answers.", float(is_up))
    pairs = status["pairs"]
    if is_up:
        yield from _daemon(status)
    yield _info(pairs)
    yield _state_set(pairs, WANTED_SET)
    if "measured_time" not in status:
        return
    now = parse_rfc3339(status["measured_time"]).timestamp()
    yield from (_gauge(pairs, each, now) for each in LASTING_GAUGES)
    if is_up:
        yield from (_state_set(pairs, each) for each in STATE_SETS)
        yield from (_gauge(pairs, each, now) for each in GAUGES)
        yield from _counts(pairs)
        yield from _rotating_slaves(pairs)


def _daemon(status: StatusJson) -> Iterator[Metric]:
    daemon = status["hammerd"]
    info = GaugeMetricFamily("hammerd_build_info", "The version, as a label.", labels=["version"])
    info.add_metric([_label(daemon["version"])], 1)
    yield info
    yield GaugeMetricFamily(
        "hammerd_start_time_seconds",
        "When the daemon was started.",
        parse_rfc3339(daemon["started_time"]).timestamp(),
    )
    health = GaugeMetricFamily(
        "hammerd_health", "The worst health of all pairs and of the daemon.", labels=["health"]
    )
    for word in Health:
        health.add_metric([word], float(status["health"] == word))
    yield health
    yield GaugeMetricFamily(
        "hammerd_config_last_reload_successful",
        "Whether the daemon accepted its config when it last read it.",
        float(not daemon.get("reload_refused_because")),
    )
    yield GaugeMetricFamily(
        "hammerd_state_saved",
        "Whether all that must outlive the daemon is saved.",
        float(not any(daemon.get(key) for key in UNSAVED_KEYS)),
    )
    yield GaugeMetricFamily(
        "hammerd_history_written",
        "Whether the history is written.",
        float(not daemon.get("history_unwritten_because")),
    )
    lost = CounterMetricFamily(
        "hammerd_history_rows_lost", "Rows of the history that were lost since the start."
    )
    lost.add_metric([], daemon.get("history_rows_lost", 0))
    yield lost
    yield from _notifications(daemon)


def _notifications(daemon: StatusJson) -> Iterator[Metric]:
    alarms = GaugeMetricFamily(
        "hammerd_alarms", "The alarms that a person was told of.", labels=["level"]
    )
    standing = [one["level"] for one in daemon.get("alarms", [])]
    for level in AlarmLevel:
        alarms.add_metric([level], standing.count(level))
    yield alarms
    sent = CounterMetricFamily(
        "hammerd_notifications", "Commands of notifications that ended well.", labels=["kind"]
    )
    for kind in Kind:
        sent.add_metric([kind], daemon.get("notify_sent", {}).get(kind, 0))
    yield sent
    dropped = CounterMetricFamily(
        "hammerd_notifications_dropped", "Notifications that nobody was told of."
    )
    dropped.add_metric([], daemon.get("notify_dropped", 0))
    yield dropped
    yield GaugeMetricFamily(
        "hammerd_notify_failed",
        "Whether the last notification, or the heartbeat, could not be sent.",
        float(bool(daemon.get("notify_failed_because"))),
    )


def _info(pairs: Sequence[PairJson]) -> Metric:
    labels = ("pair", "master", "slave")
    info = GaugeMetricFamily("hammerd_pair_info", "The ends, as labels.", labels=labels)
    for pair in pairs:
        info.add_metric([_label(pair[key]) for key in labels], 1)
    return info


def _gauge(pairs: Sequence[PairJson], gauge: Gauge, now: float) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.help, labels=["pair"])
    for pair in pairs:
        if (value := gauge.read(pair, now)) is not None:
            family.add_metric([_label(pair["pair"])], value)
    return family


def _state_set(pairs: Sequence[PairJson], made: StateSet) -> Metric:
    family = GaugeMetricFamily(made.name, made.help, labels=["pair", made.label])
    for pair in pairs:
        for word in made.words:
            family.add_metric([_label(pair["pair"]), word], float(pair.get(made.key) == word))
    return family


def _counts(pairs: Sequence[PairJson]) -> Iterator[Metric]:
    reason = GaugeMetricFamily(
        "hammerd_pair_reason", "Why the pair is as it is.", labels=["pair", "because"]
    )
    restarts = CounterMetricFamily(
        "hammerd_pair_restarts", "Streams that lived and were lost.", labels=["pair"]
    )
    complaints = CounterMetricFamily(
        "hammerd_pair_complaints",
        "Complaints of hammer that a person must know of.",
        labels=["pair", "name"],
    )
    unacknowledged = GaugeMetricFamily(
        "hammerd_pair_complaints_unacknowledged",
        "Complaints of hammer that nobody acknowledged.",
        labels=["pair", "name"],
    )
    anomalies = GaugeMetricFamily(
        "hammerd_pair_anomalies",
        "Changes of an end against the order of things that nobody acknowledged.",
        labels=["pair", "name"],
    )
    for pair in pairs:
        name = _label(pair["pair"])
        if pair.get("because") is not None:
            reason.add_metric([name, word_of(pair["because"])], 1)
        restarts.add_metric([name], pair["restarts"])
        for word, count in complaints_of(pair).items():
            complaints.add_metric([name, word], count)
        for word, count in unacknowledged_of(pair).items():
            unacknowledged.add_metric([name, word], count)
        for word, count in anomalies_of(pair).items():
            anomalies.add_metric([name, word], count)
    yield from (reason, restarts, complaints, unacknowledged, anomalies)


def _rotating_slaves(pairs: Sequence[PairJson]) -> Iterator[Metric]:
    labels = ("pair", "slave")
    present = GaugeMetricFamily(
        "hammerd_pair_slave_present", "Whether a slave that takes turns is there.", labels=labels
    )
    safe = GaugeMetricFamily(
        "hammerd_pair_slave_safe_until_timestamp_seconds",
        "Everything that the master had flushed by then is on this slave that takes turns.",
        labels=labels,
    )
    for pair in pairs:
        for slave in pair.get("slaves", ()):
            names = [_label(pair["pair"]), _label(slave["slave"])]
            present.add_metric(names, float(slave["is_present"]))
            if (time := unix_time(slave["safe_until_time"])) is not None:
                safe.add_metric(names, time)
    yield from (present, safe)


def _label(value: object) -> str:
    """Return a text as a label: bytes of a path that are not text become escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode()
