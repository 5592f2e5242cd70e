"""A real Prometheus scrapes `hammerd web` of a daemon on the simulator."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.conftest import a_world
from tests.daemon.world import HAMMERD, World
from tests.monitoring.real_prometheus import Prometheus, a_prometheus
from tests.monitoring.test_dashboard import expressions
from tests.monitoring.test_rules import ALERTS
from tests.waiting import until

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus here")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world({}) as world:
        yield world


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """Start a daemon with a good and a parked pair, and its web; return where that listens."""
    good, master = world.make_pair(), world.make_master("other", number=2)
    world.write("first", "first\n")
    world.start(world.configure({"test": good, "odd": (good[0], master)}))
    world.wait_until_following()
    as_user = ("--user", "root") if os.geteuid() == 0 else ()
    words = [*HAMMERD, "-c", str(world.root / "hammerd.toml"), "web"]
    web = subprocess.Popen(
        [*words, "--listen", "127.0.0.1:0", *as_user],
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    )
    assert web.stdout is not None
    line = web.stdout.readline()
    found = re.search(r"http://([\d.:]+)/", line)
    assert found, line
    yield found[1]
    web.terminate()
    web.wait()
    web.stdout.close()


@pytest.fixture
def prometheus(tmp_path: Path, address: str) -> Iterator[Prometheus]:
    with a_prometheus(tmp_path, [address]) as made:
        yield made


@pytest.mark.long
def test_prometheus_scrapes_judges_and_alerts(world: World, prometheus: Prometheus) -> None:
    (sample,) = prometheus.wait_for('hammerd_pair_state{state="streaming"} == 1')
    assert (
        sample["metric"].items() >= {"pair": "test", "job": "hammerd", "host": "127.0.0.1"}.items()
    )
    (_, lag) = prometheus.wait_for("hammerd_pair_lag_seconds < 60")[0]["value"]
    assert float(lag) >= 0.0

    for expression in expressions():
        chosen = re.sub(r"\$(?!__)\w+", ".*", expression).replace("$__rate_interval", "5m")
        prometheus.query(chosen.replace("$__range", "5m"))

    until(lambda: not unevaluated(prometheus), "all rules are evaluated")
    assert {rule["name"]: rule["health"] for rule in rules_of(prometheus)} == dict.fromkeys(
        ALERTS, "ok"
    )
    prometheus.wait_for('ALERTS{alertstate="firing"}')
    assert {each["annotations"]["summary"] for each in firing(prometheus)} == {
        f"odd on {sample['metric']['instance']} is parked: not_a_slave"
    }

    world.daemons[0].kill()

    prometheus.wait_for('ALERTS{alertname="HammerdDown", alertstate="firing"}')
    assert prometheus.query("hammerd_pair_state") == []
    assert prometheus.query('hammerd_pair_wanted{wanted="up"} == 1')


def rules_of(prometheus: Prometheus) -> list[dict[str, str]]:
    groups = prometheus.get("rules", type="alert")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def firing(prometheus: Prometheus) -> list[dict[str, dict[str, str]]]:
    alerts = prometheus.get("alerts")["alerts"]
    return [alert for alert in alerts if alert["state"] == "firing"]


def unevaluated(prometheus: Prometheus) -> list[str]:
    return [rule["name"] for rule in rules_of(prometheus) if rule["health"] == "unknown"]
