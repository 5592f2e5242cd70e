"""The output of a real hammerd for a person, a script and a monitor."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests import hammerd_program
from tests.cli.promises import is_promised, leaves
from tests.daemon.world import Status, World
from tests.hammerd_program import HAMMERD
from tests.waiting import until


@dataclass
class RunningHammerd:
    world: World
    config: Path
    daemon: subprocess.Popen[str]

    def hammerd(self, *words: str) -> subprocess.CompletedProcess[str]:
        return hammerd_program.run(
            [*HAMMERD, *words, "-c", str(self.config)],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"COLUMNS": "80"},
        )


def start(world: World, **keys: str) -> RunningHammerd:
    master = world.fs(1) / "pfs/test"
    slave = world.make_slave(master)
    config = world.configure({"test": (master, slave)}, **keys)
    return RunningHammerd(world, config, world.start(config))


@pytest.fixture
def seen(world_once: World) -> RunningHammerd:
    world_once.make_master()
    world_once.write("first", "first\n")
    seen = start(world_once)
    world_once.wait_until_following()
    return seen


def test_a_bulk_shows_how_far_it_is(world_once: World):
    world = world_once
    world.make_master()
    admin.write(world.fs(1), 1, 420_000, 10, 0x80000)
    admin.set_knob(world.fs(1), "slow_read_ms", 300 * int(world.time_scale))
    seen = start(world, split="400k")

    def is_under_way(now: Status) -> bool:
        """Return whether a later slice of several is being sent."""
        done_bytes, slice_bytes = now["bulk_done_bytes"], now["slice_bytes"]
        return bool(slice_bytes and done_bytes and done_bytes > slice_bytes and now["bulk_eta_s"])

    now = world.wait_for(is_under_way, "a bulk under way")
    shown = seen.hammerd("status").stdout

    assert now["gear"] == "bulk"
    assert now["bulk_bytes"] < now["bulk_total_bytes"]
    assert now["bulk_done_bytes"] <= now["bulk_total_bytes"]
    assert now["rate_bytes_per_s"] > 0
    assert "in bulk: copying [" in shown
    assert " to go" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_pause_ends_at_its_time(seen: RunningHammerd):
    ran = seen.hammerd("pause", "test", "--for", "2s")
    assert ran.stdout.startswith("paused for 2s: test (until ")
    assert "paused for another " in seen.hammerd("status").stdout

    seen.world.wait_for(lambda now: now["wanted"] == "up", "it goes on by itself")
    now = seen.world.wait_until_following()

    assert now["paused_until_time"] is None


def test_every_answer_keeps_its_promises(seen: RunningHammerd):
    answers = [
        json.loads(seen.hammerd(*words, "--json").stdout)
        for words in (
            ("status",),
            ("pause", "test", "--for", "1h"),
            ("status",),
            ("resume", "test"),
            ("restart", "test"),
            ("ack", "--all"),
            ("reload",),
            ("check",),
        )
    ]

    assert {each["schema_version"] for each in answers} == {1}
    assert [leaf for each in answers for leaf in leaves(each) if not is_promised(*leaf)] == []


def test_monitor_reports_a_pair_and_its_endpoint(seen: RunningHammerd):
    fine = seen.hammerd("status", "--nagios")
    seen.world.stop(seen.daemon)
    verdict = seen.hammerd("status", "--nagios")

    assert fine.returncode == 0
    assert "'test_lag'=" in fine.stdout.partition(" | ")[2]
    assert (verdict.returncode, verdict.stderr) == (2, "")
    assert "test: everything flushed by " in verdict.stdout


def test_a_stopped_hammerd_leaves_until_when_all_is_safe(seen: RunningHammerd):
    before = seen.world.status()
    seen.world.stop(seen.daemon)

    table, answer = seen.hammerd("status"), seen.hammerd("status", "--json")
    (pair,) = json.loads(answer.stdout)["pairs"]

    assert (table.returncode, answer.returncode) == (69, 69)
    assert "Everything flushed by SAFE-UNTIL is on the slave" in table.stdout
    assert pair["slave_tid"] == before["slave_tid"]
    assert pair["safe_until_time"] is not None
    assert [leaf for leaf in leaves(json.loads(answer.stdout)) if not is_promised(*leaf)] == []


def test_status_reports_streams_that_outlived_a_killed_hammerd(seen: RunningHammerd):
    # The writer thread may not have written the stream's record yet.
    records = seen.world.run_dir / "streams"
    until(lambda: any(records.glob("*.json")), "the record of the stream")
    seen.daemon.kill()
    until(lambda: seen.daemon.poll() is not None, "it has exited")

    shown = " ".join(seen.hammerd("status").stdout.split())

    assert f"pid {seen.daemon.pid} is gone: it was killed, or the machine went down" in shown
    assert "; 1 stream of it runs on, unwatched" in shown
