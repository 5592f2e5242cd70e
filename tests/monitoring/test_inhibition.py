"""A real Alertmanager keeps back what follows from another alert, and nothing else."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.exported import KIT
from tests.monitoring.test_rules import ALERTS
from tests.remote.ports import closed_port
from tests.waiting import DEADLINE_S, until

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None, reason="no prometheus-alertmanager here"
)


def alert(name: str, instance: str, /, **labels: str) -> dict[str, str]:
    severity = ALERTS[name]["labels"]["severity"] if name in ALERTS else "critical"
    return {
        "alertname": name,
        "severity": severity,
        "job": "hammerd",
        "instance": instance,
        **labels,
    }


TOLD = [
    alert("HammerdDown", "headless"),
    alert("HammerdParked", "parked", pair="home"),
    alert("HammerdLagWarning", "parked", pair="other"),
    alert("HammerdSafeTooOld", "late", pair="home"),
    alert("HammerdPairCritical", "general", pair="home"),
    alert("HammerdNotStreaming", "silent", pair="home"),
    alert("HammerdComplaint", "silent", pair="home", name="slave_full"),
    alert("NodeDown", "gone:9100", job="node", host="gone"),
    # Without the label, a host that is down is no host of anybody's.
    alert("NodeDown", "nameless:9100", job="node"),
    alert("HammerdTargetDown", "nameless:9427"),
]
KEPT_BACK = [
    alert("HammerdSafeTooOld", "headless", pair="home"),
    alert("HammerdLagCritical", "parked", pair="home"),
    alert("HammerdPairCritical", "parked", pair="home"),
    alert("HammerdNotStreaming", "late", pair="home"),
    alert("HammerdPairCritical", "late", pair="home"),
    alert("HammerdLagUnknown", "silent", pair="home"),
    alert("HammerdTargetDown", "gone:9427", host="gone"),
]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with closed_port() as port:
        address = f"127.0.0.1:{port}"
    words = [
        "prometheus-alertmanager",
        f"--config.file={KIT / 'prometheus/alertmanager.yml'}",
        f"--storage.path={tmp_path}",
        f"--web.listen-address={address}",
        *("--cluster.listen-address=", "--log.level=error"),
    ]
    process = subprocess.Popen(words)
    try:
        until(lambda: answers(address), "Alertmanager answers")
        yield address
    finally:
        process.kill()
        process.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=DEADLINE_S):
            return True
    except OSError:
        return False


def alerts_of(address: str) -> list[Mapping[str, Any]]:
    with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=DEADLINE_S) as answer:
        found: list[Mapping[str, Any]] = json.load(answer)
    return found


def test_what_follows_from_another_alert_is_kept_back(address: str) -> None:
    body = json.dumps([{"labels": labels} for labels in TOLD + KEPT_BACK]).encode()
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S):
        pass

    found = alerts_of(address)

    kept = [each["labels"] for each in found if each["status"]["inhibitedBy"]]
    told = [each["labels"] for each in found if not each["status"]["inhibitedBy"]]
    assert sorted(map(sorted_text, kept)) == sorted(map(sorted_text, KEPT_BACK))
    assert sorted(map(sorted_text, told)) == sorted(map(sorted_text, TOLD))


def sorted_text(labels: Mapping[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)
