"""The metrics that hammerd exports, with their labels, and those that an expression uses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair.complaints import LASTING_COMPLAINTS
from hammerd.core.replication.anomaly_log import AnomalyName
from hammerd.web.metrics.families import families_of
from tests.paths import ROOT
from tests.web.metrics.statuses import status

KIT = ROOT / "etc/monitoring"

TARGET_LABELS = frozenset({"job", "instance", "host"})
"""Labels that Prometheus adds, or the sample of its config."""

OTHERS: Mapping[str, frozenset[str]] = {
    "up": frozenset(),
    "node_textfile_mtime_seconds": frozenset({"file"}),
}
"""Metrics of Prometheus itself and of node_exporter."""

WORDS: Mapping[tuple[str, str], frozenset[str]] = {
    ("hammerd_pair_reason", "because"): frozenset(ParkCause),
    ("hammerd_pair_complaints_total", "name"): frozenset(LASTING_COMPLAINTS),
    ("hammerd_pair_complaints_unacknowledged", "name"): frozenset(LASTING_COMPLAINTS),
    ("hammerd_pair_anomalies", "name"): frozenset(AnomalyName),
}
"""Words of labels that only a pair in trouble has."""


@cache
def exported() -> Mapping[str, frozenset[str]]:
    """Return the labels of each metric of hammerd."""
    labels = {}
    for family in families_of(status(), is_up=True):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels[name] = frozenset(getattr(family, "_labelnames", ()))
    return labels


@cache
def words_of(metric: str, label: str) -> frozenset[str]:
    """Return the words that a label can have; empty for the name of a pair and the like."""
    if (metric, label) in WORDS:
        return WORDS[metric, label]
    samples = [each for every in families_of(status(), is_up=True) for each in every.samples]
    found = [
        each.labels[label] for each in samples if each.name == metric and label in each.labels
    ]
    return frozenset(found) if len(found) > 1 else frozenset()


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on a label of a metric."""

    metric: str
    label: str
    operator: str
    value: str


METRIC = re.compile(r"\b(?:hammerd|node)[_:][\w:]+|\bup\b")
SELECTOR = re.compile(r"([a-zA-Z_][\w:]*)\s*\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def metrics_in(expression: str) -> set[str]:
    return set(METRIC.findall(re.sub(r'"[^"]*"', '""', expression)))


def matchers_in(expression: str) -> Iterator[Matcher]:
    for metric, inner in SELECTOR.findall(expression):
        for label, operator, value in MATCHER.findall(inner):
            yield Matcher(metric, label, operator, value)


def groupings_in(expression: str) -> set[str]:
    return {
        word.strip() for inner in GROUPING.findall(expression) for word in inner.split(",")
    } - {""}


def faults_of(expression: str, recorded: frozenset[str] = frozenset()) -> list[str]:
    """Return what an expression uses that nobody exports; `recorded`: metrics of other rules."""
    known = {**exported(), **OTHERS, **dict.fromkeys(recorded, frozenset({"pair", "health"}))}
    faults = [f"no metric {name}" for name in sorted(metrics_in(expression) - set(known))]
    used = frozenset().union(*(known.get(name, frozenset()) for name in metrics_in(expression)))
    lost = groupings_in(expression) - used - TARGET_LABELS
    faults += [f"no metric here has the label {name}" for name in sorted(lost)]
    for each in matchers_in(expression):
        if each.label not in known.get(each.metric, frozenset()) | TARGET_LABELS:
            faults.append(f"{each.metric} has no label {each.label}")
        words = words_of(each.metric, each.label)
        if words and "$" not in each.value and not set(each.value.split("|")) <= words:
            faults.append(f"{each.metric}: {each.label} is never {each.value}")
    return faults
