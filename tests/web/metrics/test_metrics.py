"""Every metric, each made to change by a change of the status."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as read_plain

from hammerd.core.api.status_json import UNSAVED_KEYS
from hammerd.core.rfc3339 import rfc3339
from hammerd.web.metrics import pair_values
from hammerd.web.metrics.exposition import Form, exposition_of, form_for
from hammerd.web.metrics.families import families_of
from tests.test_manual import names, section
from tests.web.metrics.statuses import NOW, STATES, status

Labels = Mapping[str, str]
Value = float | None


@dataclass(frozen=True)
class Change:
    """A change of the status, and the values of samples of a metric before and after it.

    None: there is no such sample. `labels` are those beside the pair.
    """

    before: Value
    after: Value
    pair: Mapping[str, Any] = field(default_factory=dict)
    daemon: Mapping[str, Any] | None = None
    whole: Mapping[str, Any] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    was: Mapping[str, Any] = field(default_factory=dict)
    """Values of the pair before the change, and after it where `pair` has no other."""

    is_up: bool = True


def ago(seconds: float) -> str:
    return rfc3339(NOW - seconds)


COMPLAINT = {"name": "crc", "count": 2, "text": "CRC", "hint": None}
ANOMALY = {"name": "end.role_changed", "end": "/a", "before": "x", "after": "y", "time": ago(1)}
VERIFIED = {
    "time": ago(50),
    "tid": "0x1",
    "is_equal": False,
    "differences": 3,
    "is_acknowledged": False,
}
SEEN = VERIFIED | {"is_acknowledged": True}
THERE = {"slave": "/disk/b", "is_present": True, "safe_until_time": ago(70)}
AWAY = {"slave": "/disk/b", "is_present": False, "safe_until_time": None}
LAST = {"lag_s": 40.0, "lag_measured_time": ago(30)}

PAIR_CHANGES: Mapping[str, Change] = {
    "info": Change(None, 1, {"slave": "/new"}, labels={"master": "/master", "slave": "/new"}),
    "wanted": Change(0, 1, {"wanted": "paused"}, labels={"wanted": "paused"}),
    "state": Change(1, 0, {"state": "parked"}, labels={"state": "streaming"}),
    "gear": Change(1, 0, {"gear": "bulk"}, labels={"gear": "following"}),
    "health": Change(0, 1, {"health": "critical"}, labels={"health": "critical"}),
    "reason": Change(None, 1, {"because": "stalled"}, labels={"because": "stalled"}),
    "lag_seconds": Change(40, 45, {"lag_s": 45.0}, was=LAST),
    "lag_measured_seconds": Change(10, 5, {"lag_measured_time": ago(35)}, was=LAST),
    "lag_measured_timestamp_seconds": Change(
        NOW - 30, NOW - 20, {"lag_measured_time": ago(20)}, was=LAST
    ),
    "lag_known": Change(1, 0, {"lag_s": None}, was=LAST),
    "lag_verdict": Change(0, 1, {"lag_verdict": "ahead"}, labels={"verdict": "ahead"}),
    "lag_tids": Change(0, 17, {"lag_tids": 17}),
    "lag_warning_seconds": Change(300, 60, {"lag_warning_s": 60.0}),
    "lag_critical_seconds": Change(1_800, 90, {"lag_critical_s": 90.0}),
    "safe_until_timestamp_seconds": Change(None, NOW - 9, {"safe_until_time": ago(9)}),
    "durable_until_timestamp_seconds": Change(None, NOW - 9, {"durable_until_time": ago(9)}),
    "master_tid": Change(None, 255, {"master_tid": "0x00000000000000ff"}),
    "slave_tid": Change(None, 254, {"slave_tid": "0x00000000000000fe"}),
    "restarts_total": Change(0, 4, {"restarts": 4}),
    "failures": Change(0, 2, {"failures": 2}),
    "stream_start_time_seconds": Change(NOW - 8, None, {"up_s": None}, was={"up_s": 8.0}),
    "transfer_bytes_per_second": Change(None, 5, {"rate_bytes_per_s": 5.0}),
    "bulk_done_bytes": Change(None, 6, {"bulk_done_bytes": 6}),
    "bulk_size_bytes": Change(None, 7, {"bulk_total_bytes": 7}),
    "complaints_total": Change(
        None, 3, {"complaints_total": {"mirror_crc": 3}}, labels={"name": "mirror_crc"}
    ),
    "complaints_unacknowledged": Change(
        None, 2, {"complaints": [COMPLAINT]}, labels={"name": "crc"}
    ),
    "anomalies": Change(
        None, 2, {"anomalies": [ANOMALY] * 2}, labels={"name": "end.role_changed"}
    ),
    "slave_free_bytes": Change(None, 8, {"slave_free_bytes": 8}),
    "slave_size_bytes": Change(None, 9, {"slave_total_bytes": 9}),
    "verified_timestamp_seconds": Change(None, NOW - 50, {"verified": VERIFIED}),
    "verified_differences": Change(None, 3, {"verified": VERIFIED}),
    "verified_differences_unacknowledged": Change(
        3, 0, {"verified": SEEN}, was={"verified": VERIFIED}
    ),
    "origin_lag_seconds": Change(None, 11, {"origin_lag_s": 11.0}),
    "slave_read_only": Change(0, 1, {"slave_is_read_only": True}),
    "flush_failed": Change(0, 1, {"flush_failed_because": "refused"}),
    "host_unread": Change(0, 1, {"host_unread_because": "silent"}),
    "slave_present": Change(
        1, 0, {"slaves": [AWAY]}, labels={"slave": "/disk/b"}, was={"slaves": [THERE]}
    ),
    "slave_safe_until_timestamp_seconds": Change(
        NOW - 70, None, {"slaves": [AWAY]}, labels={"slave": "/disk/b"}, was={"slaves": [THERE]}
    ),
    "held": Change(0, 1, {"hold": {"plan": "promote"}}),
}

DAEMON_CHANGES: Mapping[str, Change] = {
    "hammerd_up": Change(1, 0, is_up=False),
    "hammerd_build_info": Change(None, 1, daemon={"version": "2"}, labels={"version": "2"}),
    "hammerd_start_time_seconds": Change(NOW - 3_600, NOW - 60, daemon={"started_time": ago(60)}),
    "hammerd_health": Change(0, 1, whole={"health": "warning"}, labels={"health": "warning"}),
    "hammerd_config_last_reload_successful": Change(
        1, 0, daemon={"reload_refused_because": "a fault"}
    ),
    "hammerd_state_saved": Change(1, 0, daemon={UNSAVED_KEYS[0]: "the disk is full"}),
    "hammerd_history_written": Change(1, 0, daemon={"history_unwritten_because": "full"}),
    "hammerd_history_rows_lost_total": Change(0, 6, daemon={"history_rows_lost": 6}),
    "hammerd_alarms": Change(
        0, 2, daemon={"alarms": [{"level": "critical"}] * 2}, labels={"level": "critical"}
    ),
    "hammerd_notifications_total": Change(
        0, 3, daemon={"notify_sent": {"recovered": 3}}, labels={"kind": "recovered"}
    ),
    "hammerd_notifications_dropped_total": Change(0, 4, daemon={"notify_dropped": 4}),
    "hammerd_notify_failed": Change(0, 1, daemon={"notify_failed_because": "exit 1"}),
}

CHANGES = {
    **DAEMON_CHANGES,
    **{f"hammerd_pair_{name}": change for name, change in PAIR_CHANGES.items()},
}

LASTING = {
    "hammerd_up",
    "hammerd_pair_info",
    "hammerd_pair_wanted",
    "hammerd_pair_safe_until_timestamp_seconds",
    "hammerd_pair_durable_until_timestamp_seconds",
}


def value_of(name: str, made: Mapping[str, Any], labels: Labels, *, is_up: bool = True) -> Value:
    """Return the value of the sample with these labels, None if there is none."""
    found = [
        sample.value
        for family in families_of(made, is_up=is_up)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, f"{name}: {len(found)} samples"
    return found[0] if found else None


def names_of(made: Mapping[str, Any], *, is_up: bool) -> set[str]:
    families = families_of(made, is_up=is_up)
    return {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }


@pytest.mark.parametrize("name", CHANGES)
def test_metric_follows_the_status(name: str) -> None:
    change = CHANGES[name]
    labels = dict(change.labels)
    if name in {f"hammerd_pair_{key}" for key in PAIR_CHANGES}:
        labels["pair"] = "home"
    old = status(**change.was)
    new = status(change.daemon, **{**change.was, **change.pair}) | change.whole

    assert value_of(name, old, labels) == change.before
    assert value_of(name, new, labels, is_up=change.is_up) == change.after


def test_every_metric_is_made_to_change() -> None:
    assert names_of(status(), is_up=True) == set(CHANGES)


def test_every_metric_is_in_the_manual() -> None:
    assert names(section("Metrics")) == set(CHANGES)


def test_without_a_daemon_there_is_only_what_stays_true() -> None:
    assert names_of(status(), is_up=False) == LASTING


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.PLAIN),
        ("*/*", Form.PLAIN),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", Form.PLAIN),
        ("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.3", Form.OPEN_METRICS),
        ("text/html, Application/OpenMetrics-Text; version=x; escaping=\xe9", Form.OPEN_METRICS),
        (";;,=,", Form.PLAIN),
    ],
)
def test_client_gets_the_format_that_it_accepts(accept: str, form: Form) -> None:
    assert form_for(accept) is form


@pytest.mark.parametrize("form", Form)
def test_exposition_is_read_by_a_parser_of_its_format(form: Form) -> None:
    hostile = 'a "quoted"\nname \\ \udcff \u202e'
    made = status(pair=hostile, because="Rm -rf / \n", complaints_total={"<b>": 1, "crc": 2})

    body, content_type = exposition_of(made, is_up=True, form=form)

    read = text_string_to_metric_families if "openmetrics" in content_type else read_plain
    assert ("openmetrics" in content_type) is (form is Form.OPEN_METRICS)
    samples = [sample for family in read(body.decode()) for sample in family.samples]
    pairs = {sample.labels["pair"] for sample in samples if "pair" in sample.labels}
    assert pairs == {'a "quoted"\nname \\ \\udcff \u202e'}
    words = {sample.labels.get("because") for sample in samples} - {None}
    words |= {sample.labels.get("name") for sample in samples} - {None}
    assert words == {"other", "crc"}


def test_words_of_state_sets_are_all_there_are() -> None:
    assert set(pair_values.STATES) == STATES


def test_counters_never_shrink_when_somebody_acknowledges() -> None:
    before = status(complaints=[COMPLAINT], complaints_total={"crc": 2})
    after = status(complaints=[], complaints_total={"crc": 2})

    for made in (before, after):
        labels = {"pair": "home", "name": "crc"}
        assert value_of("hammerd_pair_complaints_total", made, labels) == 2
