"""The dashboard for Grafana: its structure, and that it shows only what is exported.

No Grafana runs in the tests. promtool reads each expression as Prometheus would.
"""

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from hammerd.core.api.health import Health
from hammerd.web.metrics.pair_values import STATES
from tests.monitoring.exported import KIT, exported, faults_of, metrics_in

DASHBOARD = json.loads((KIT / "grafana/hammerd.json").read_text())
PANELS = DASHBOARD["panels"]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
"""The width of a dashboard of Grafana."""

shown = pytest.mark.parametrize(
    "panel", [each for each in PANELS if each["type"] != "row"], ids=lambda panel: panel["title"]
)


def expressions() -> Iterator[str]:
    for panel in PANELS:
        yield from (target["expr"] for target in panel.get("targets", ()))


def plain(expression: str) -> str:
    """Return an expression with a value for each variable of Grafana."""
    return re.sub(r"\$__(?:rate_interval|range|interval)", "5m", expression)


def queries_of_variables() -> list[str]:
    return [each["query"]["query"] for each in VARIABLES.values() if each["type"] == "query"]


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert [number for number, n in Counter(each["id"] for each in PANELS).items() if n > 1] == []
    for each in PANELS:
        at = each["gridPos"]
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= COLUMNS
    for one, other in combinations(PANELS, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


@shown
def test_panel_says_what_it_shows_and_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["description"]
    assert panel["datasource"] == DATASOURCE
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)
    for target in panel["targets"]:
        assert target["datasource"] == DATASOURCE
        assert target["instant"] is not target["range"]


def test_variables_choose_data_source_job_host_and_pair() -> None:
    assert list(VARIABLES) == ["datasource", "job", "host", "pair"]
    for each in list(VARIABLES.values())[1:]:
        assert each["datasource"] == DATASOURCE
        assert each["definition"] == each["query"]["query"]


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_expression_uses_only_metrics_and_labels_that_exist(expression: str) -> None:
    assert faults_of(plain(expression)) == []


@pytest.mark.parametrize("query", queries_of_variables())
def test_variable_is_of_a_metric_and_a_label_that_exist(query: str) -> None:
    found = re.fullmatch(r"label_values\((\w+)(\{.*\})?, (\w+)\)", query)
    assert found

    assert faults_of(found[1] + (found[2] or "")) == []
    # Each offers what the variables before it leave.
    place = queries_of_variables().index(query)
    assert re.findall(r"\$(\w+)", query) == ["job", "host"][:place]
    assert found[3] in exported()[found[1]] | {"job", "instance"}


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_each_selection_keeps_to_the_chosen_hosts_and_pairs(expression: str) -> None:
    for metric in metrics_in(expression):
        chosen = 'job=~"$job", instance=~"$host"'
        if "pair" in exported()[metric]:
            chosen += ', pair=~"$pair"'
        uses = len(re.findall(rf"\b{metric}\b", expression))
        assert expression.count(f"{metric}{{{chosen}") == uses, metric


def test_nothing_that_a_pair_has_is_left_out_but_what_only_details_show() -> None:
    details = {
        *("hammerd_health", "hammerd_history_rows_lost_total", "hammerd_pair_gear"),
        *("hammerd_pair_complaints_total", "hammerd_pair_verified_differences_unacknowledged"),
        *("hammerd_pair_lag_known", "hammerd_pair_lag_verdict", "hammerd_pair_lag_tids"),
        *("hammerd_pair_lag_measured_seconds", "hammerd_pair_lag_measured_timestamp_seconds"),
        *("hammerd_pair_lag_warning_seconds", "hammerd_pair_master_tid", "hammerd_pair_slave_tid"),
        *("hammerd_pair_stream_start_time_seconds", "hammerd_pair_held"),
        *("hammerd_pair_origin_lag_seconds", "hammerd_pair_slave_read_only"),
        *("hammerd_pair_flush_failed", "hammerd_pair_host_unread", "hammerd_pair_slave_present"),
        *("hammerd_pair_slave_safe_until_timestamp_seconds",),
        *("hammerd_alarms", "hammerd_notify_failed"),
        *("hammerd_notifications_total", "hammerd_notifications_dropped_total"),
    }
    used = {name for expression in expressions() for name in metrics_in(expression)}

    assert set(exported()) - used == details


@pytest.mark.parametrize(("title", "words"), [("States", STATES), ("Healths", tuple(Health))])
def test_timeline_has_a_word_for_each_number(title: str, words: tuple[str, ...]) -> None:
    panel = next(each for each in PANELS if each["title"] == title)
    expression = panel["targets"][0]["expr"]
    coded = {number: word for word, number in re.findall(r'="(\w+)"\} \* (\d+)', expression)}
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]

    assert set(coded.values()) == set(words)
    assert {number: shown["text"] for number, shown in mapping["options"].items()} == coded


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_prometheus_reads_each_expression(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": plain(e)} for n, e in enumerate(expressions())]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    done = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
