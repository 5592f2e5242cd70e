"""Complaints and anomalies are shown after a restart too, until they are acknowledged."""

import os
import subprocess
from pathlib import Path

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests import hammerd_program
from tests.daemon.world import Status, World
from tests.hammerd_program import HAMMERD
from tests.waiting import DEADLINE_S, until


def names(now: Status, kind: str) -> list[str]:
    return [each["name"] for each in now[kind]]


def kill(daemon: subprocess.Popen[str]) -> None:
    daemon.kill()
    daemon.wait(DEADLINE_S)


def table(world: World) -> str:
    """Return the output of `hammerd status`."""
    argv = [*HAMMERD, "status", "--run-dir", str(world.run_dir)]
    env = os.environ | {"COLUMNS": "80"}
    return hammerd_program.run(argv, capture_output=True, text=True, check=True, env=env).stdout


def status_before_kill(world: World, config: Path) -> Status:
    """Kill a daemon that reported a full slave and a TID that went back; return its status."""
    admin.set_knob(world.fs(2), "faults", "MIRROR_WRITE errno 28")
    daemon = world.start(config)
    world.wait_for(lambda now: now["complaints"], "a counted complaint")
    admin.set_knob(world.fs(2), "faults", None)
    world.wait_until_following()
    world.run_hammer("pfs-update", world.fs(2) / "pfs/test", "sync-end-tid=2")
    status = world.wait_for(lambda now: now["anomalies"], "an anomaly")
    state = world.root / "db/state.json"
    until(lambda: "slave.tid_went_back" in state.read_text(), "the anomaly is on the disk")
    kill(daemon)
    return status


def test_complaints_and_anomalies_survive_a_kill_until_they_are_acknowledged(
    world_once: World,
) -> None:
    world = world_once
    config = world.configure({"test": world.make_pair()})
    world.write("first", "first\n")
    before = status_before_kill(world, config)

    daemon = world.start(config)
    after = world.wait_until_following()
    assert names(after, "complaints") == ["slave_full"]
    assert after["complaints"][0]["text"] == before["complaints"][0]["text"]
    assert "slave.tid_went_back" in names(after, "anomalies")
    assert after["anomalies"][0]["before"] == before["anomalies"][0]["before"]
    assert after["health"] == "warning"
    shown = table(world)
    assert "complained" in shown
    assert "slave.tid_went_back at" in shown
    assert 'shown until "hammerd ack test"' in shown

    assert world.ask(Verb.ACK, "test")["unsaved_because"] is None
    kill(daemon)
    world.start(config)

    assert "hammerd ack" not in table(world)
    now = world.status()
    assert (now["complaints"], now["anomalies"]) == ([], [])
    assert world.ask(Verb.STATUS)["hammerd"]["state_complaints"] == []


def test_saved_anomaly_of_a_disabled_pair_is_shown_and_can_be_acknowledged(
    world_once: World,
) -> None:
    world = world_once
    config = world.configure({"test": ("/no/such/master", "/no/such/slave")})
    config.write_text(config.read_text() + "enabled = false\n")
    (world.root / "db").mkdir()
    (world.root / "db/state.json").write_text(
        '{"version": 1, "pairs": {"test": {"is_paused": true, "paused_until_time": null, '
        '"is_diverged": false, "unacknowledged": {"complaints": [], "anomalies": [{"name": '
        '"end.role_changed", "end": "/no/such/slave", "before": "slave", "after": "master", '
        '"time": 1.7e9}]}}}}'
    )
    daemon = world.start(config)
    assert names(world.status(), "anomalies") == ["end.role_changed"]
    assert world.status()["anomalies"][0]["time"].startswith("2023-11-14T22:13:")

    assert world.ask(Verb.ACK, "test")["pairs"] == ["test"]
    kill(daemon)
    config.write_text(config.read_text().replace("enabled = false\n", ""))
    world.start(config)

    assert (world.status()["anomalies"], world.status()["wanted"]) == ([], "paused")
