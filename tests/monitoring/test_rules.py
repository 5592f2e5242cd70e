"""The alert rules: promtool tests them, and they use only what is exported and documented."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hammerd.cli.group import COMMANDS
from tests.monitoring.exported import KIT, faults_of
from tests.paths import ROOT

PROMETHEUS = KIT / "prometheus"
RULES = PROMETHEUS / "hammerd.rules.yml"
UNIT_TESTS = sorted(PROMETHEUS.glob("*.test.yml"))
SEVERITIES = {"critical", "warning", "info"}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="no amtool here")

GROUPS = yaml.safe_load(RULES.read_text())["groups"]
EVERY = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in EVERY if "alert" in rule}
RECORDED = frozenset(rule["record"] for rule in EVERY if "record" in rule)

of_each_alert = pytest.mark.parametrize("alert", ALERTS)


def checks() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each unit test with each of its checks."""
    for file in UNIT_TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for check in test["alert_rule_test"]:
                yield test, check


def run(*words: object) -> None:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# --- what promtool and amtool say ----------------------------------------------------------------


@needs_promtool
@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.name)
def test_alerts_fire_when_they_should_and_only_then(file: Path) -> None:
    run("promtool", "test", "rules", file)


@needs_promtool
def test_config_of_prometheus_is_right() -> None:
    run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


@needs_amtool
def test_config_of_alertmanager_is_right() -> None:
    run("amtool", "check-config", PROMETHEUS / "alertmanager.yml")


# --- what is in them -----------------------------------------------------------------------------


@of_each_alert
def test_unit_tests_show_an_alert_firing_and_a_near_miss(alert: str) -> None:
    mine = [(test, check) for test, check in checks() if check["alertname"] == alert]
    fired = [(test, each["exp_labels"]) for test, check in mine for each in check["exp_alerts"]]
    assert fired, "it fires in no unit test"

    for test, labels in fired:
        inputs = " ".join(each["series"] for each in test["input_series"])
        key = "pair" if "pair" in labels else "instance"
        others = set(re.findall(rf'\b{key}="([^"]+)"', inputs)) - {labels.get(key)}
        quiet_before = any(test is one and not check["exp_alerts"] for one, check in mine)
        assert others or quiet_before, f"nothing near it is quiet: {labels}"


def test_unit_tests_are_of_these_alerts() -> None:
    assert {check["alertname"] for _, check in checks()} == set(ALERTS)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rules_use_only_metrics_and_labels_that_exist(rule: Mapping[str, Any]) -> None:
    assert faults_of(rule["expr"], RECORDED) == []


@of_each_alert
def test_alerts_tell_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    notes = rule["annotations"]

    assert set(notes) == {"summary", "description", "command", "manual"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert re.fullmatch(r"Hammerd([A-Z][a-z]+)+", alert)


@of_each_alert
def test_alerts_name_commands_and_sections_that_exist(alert: str) -> None:
    notes = ALERTS[alert]["annotations"]
    section = re.fullmatch(r'hammerd\(8\), "(.+)"', notes["manual"])
    assert section, notes["manual"]

    page = (ROOT / "docs/hammerd.8").read_text()
    assert re.search(rf"^\.S[hs] {re.escape(section[1])}$", page, re.MULTILINE)
    program, verb, *_ = notes["command"].split()
    assert program != "hammerd" or verb in COMMANDS


@of_each_alert
def test_alerts_of_pairs_are_quiet_about_what_nobody_wants_mirrored(alert: str) -> None:
    """Those that stand for something a person must see in any case are named here."""
    always = {
        *("HammerdDiverged", "HammerdDataDamaged", "HammerdComplaint", "HammerdAnomaly"),
        *("HammerdVerificationDiffers", "HammerdPlanWaits", "HammerdPlanHeldLong"),
        "HammerdPausedLong",
    }
    expression = ALERTS[alert]["expr"]
    is_of_pairs = "hammerd_pair_" in expression or "hammerd:pair_" in expression

    assert not is_of_pairs or ("hammerd:pair_watched" in expression) == (alert not in always)


def test_document_lists_each_alert_with_its_severity_and_wait() -> None:
    text = (ROOT / "docs/fleet.md").read_text()
    rows = re.findall(r"^\| (Hammerd\w+) \| (\w+) \| .*; (\S+|at once) \|$", text, re.MULTILINE)
    rules = ALERTS.items()

    assert rows == [
        (name, it["labels"]["severity"], it.get("for", "at once")) for name, it in rules
    ]
