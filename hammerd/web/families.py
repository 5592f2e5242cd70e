"""Turns a status into metrics: values in, values out.

Labels hold the name of a pair and words of closed sets. What is unknown has no sample. A value
that is kept while no daemon answers is one that stays true: what is safe, what is wanted.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from hammerd.core.api.health import Health
from hammerd.core.api.status_json import UNSAVED_KEYS
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.web.pair_families import pair_families

Status = Mapping[str, Any]
"""The JSON of a status: its version guarantees the names."""


def families_of(status: Status, *, is_up: bool) -> Iterator[Metric]:
    """Yield the metrics of a status; `is_up`: a daemon answered."""
    yield GaugeMetricFamily("hammerd_up", "Whether the daemon answers.", float(is_up))
    if is_up:
        yield from _daemon_families(status)
    yield from pair_families(status["pairs"], status["measured_time"], is_up=is_up)


def _daemon_families(status: Status) -> Iterator[Metric]:
    daemon = status["hammerd"]
    info = GaugeMetricFamily("hammerd_build_info", "The version, as a label.", labels=["version"])
    info.add_metric([str(daemon["version"])], 1)
    yield info
    yield GaugeMetricFamily(
        "hammerd_start_time_seconds",
        "When the daemon was started, in Unix time.",
        parse_rfc3339(daemon["started_time"]).timestamp(),
    )
    health = GaugeMetricFamily(
        "hammerd_health", "1 for the worst health of all pairs and the daemon.", labels=["health"]
    )
    for word in Health:
        health.add_metric([word], float(status["health"] == word))
    yield health
    yield GaugeMetricFamily(
        "hammerd_config_last_reload_successful",
        "Whether the config was accepted when it was read last.",
        float(not daemon.get("reload_refused_because")),
    )
    yield GaugeMetricFamily(
        "hammerd_state_saved",
        "Whether all that must outlive the daemon could be saved.",
        float(not any(daemon.get(key) for key in UNSAVED_KEYS)),
    )
    yield GaugeMetricFamily(
        "hammerd_history_written",
        "Whether the history can be written.",
        float(not daemon.get("history_unwritten_because")),
    )
    lost = CounterMetricFamily(
        "hammerd_history_rows_lost", "Rows of the history that were dropped since the start."
    )
    lost.add_metric([], daemon.get("history_rows_lost", 0))
    yield lost
