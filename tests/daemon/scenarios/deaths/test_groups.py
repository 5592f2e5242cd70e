"""A group holds its slave until no living member is left."""

import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from hammerd.core.api.protocol import Verb
from tests.daemon.scenarios.deaths.test_deaths import (
    no_two_writers,
    wait_for_new_stream,
    wait_until_copied,
)
from tests.daemon.stand_ins import HOSTS, odd_file, odd_stream, stand_in
from tests.daemon.world import Status, World, living_pids
from tests.waiting import until

WITHOUT_KILL = ("setpriv", "--bounding-set=-kill", "--inh-caps=-kill")
"""A command prefix: without CAP_KILL root cannot end another user's processes."""

IN_OWN_PIDS = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture
def world(world_once: World) -> World:
    """The world on one path: test_deaths.py has both."""
    return world_once


def runs(*command: str) -> bool:
    if os.geteuid() != 0 or shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


needs_setpriv = pytest.mark.skipif(
    not runs(*WITHOUT_KILL), reason="needs root and setpriv of util-linux"
)
needs_unshare = pytest.mark.skipif(
    not runs(*IN_OWN_PIDS), reason="needs root and unshare of util-linux"
)


def two_pairs(world: World) -> dict[str, tuple[object, object]]:
    masters = {name: world.make_master(name) for name in ("test", "other")}
    return {name: (master, world.make_slave(master, name)) for name, master in masters.items()}


def one_pair(world: World) -> dict[str, tuple[object, object]]:
    pair = world.make_pair()
    world.write("first", "first\n")
    return {"test": pair}


def streams_with_two_halves(world: World, pair: str = "test") -> Status:
    return world.wait_for(
        lambda now: now["state"] == "streaming" and len(now["half_pids"]) == 2,
        "streaming, both halves seen",
        pair,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_halves_that_ignore_term_are_killed_before_the_next_stream(
    world: World, number: signal.Signals
) -> None:
    hammer = stand_in(world, 'trap "" TERM')
    world.start(world.configure(one_pair(world), hammer=str(hammer), stop_grace="0.5s"))
    before = world.wait_until_following()

    with no_two_writers(world):
        if number is signal.SIGTERM:
            os.kill(before["half_pids"][1], signal.SIGKILL)
        else:
            os.kill(before["pid"], signal.SIGKILL)
        wait_for_new_stream(world, before)
        wait_until_copied(world, "written after\n")


@pytest.mark.parametrize("index", [0, 1])
def test_stopped_half_ends_at_the_first_term(world: World, index: int) -> None:
    world.start(world.configure(one_pair(world), stop_grace="90s", stop_timeout="100s"))
    before = world.wait_until_following()
    os.kill(before["half_pids"][index], signal.SIGSTOP)

    world.ask(Verb.PAUSE, "test")

    # Long before the KILL: a stopped process keeps the TERM pending until it is continued.
    world.wait_for(lambda now: now["state"] == "stopped", "stopped")
    assert not living_pids(f"{world.hammer} -vv")


def test_stopped_half_is_reported_at_the_next_tick_and_so_is_its_continuing(
    mirrored: World,
) -> None:
    target = mirrored.status()["half_pids"][1]

    os.kill(target, signal.SIGSTOP)
    until(lambda: f"pid {target}" in mirrored.log(), "the stop is logged")
    logged = [line for line in mirrored.log().splitlines() if "pair.half_stopped" in line]
    os.kill(target, signal.SIGCONT)
    until(lambda: "pair.half_continued" in mirrored.log(), "the continuation is logged")

    assert len(logged) == 1
    assert "target" in logged[0]
    assert mirrored.status()["restarts"] == 0
    wait_until_copied(mirrored, "written after\n")


def test_half_that_is_forked_late_is_watched(world: World) -> None:
    hammer = odd_stream(world, "late")
    world.start(world.configure(one_pair(world), hammer=str(hammer)))
    world.wait_for(lambda now: len(now["half_pids"]) == 1, "one half is seen")
    # Two ticks later hammerd no longer looks for the halves of a new stream.
    lag_log = world.root / "log/lag.log"
    lines = len(lag_log.read_text().splitlines())
    until(lambda: len(lag_log.read_text().splitlines()) > lines + 2, "two ticks")

    odd_file(world).touch()
    before = streams_with_two_halves(world)
    os.kill(before["half_pids"][1], signal.SIGKILL)

    world.wait_for(lambda now: now["pid"] not in (None, before["pid"]), "a new stream")


@needs_setpriv
def test_group_that_survives_kill_is_reported_and_holds_its_slave_only(world: World) -> None:
    pairs = two_pairs(world)
    hammer = odd_stream(world, "undying")
    config = world.configure(pairs, hammer=str(hammer), stop_grace="0.3s")
    world.start(config, *WITHOUT_KILL)
    before = streams_with_two_halves(world)
    undying = before["half_pids"][1]
    odd_file(world).touch()

    os.kill(before["half_pids"][0], signal.SIGKILL)
    unkillable = world.wait_for(lambda now: now["because"] == "unkillable", "unkillable")

    assert (unkillable["state"], unkillable["health"]) == ("stopping", "critical")
    assert unkillable["pid"] == before["pid"]
    assert f"{undying}" in str(unkillable["half_pids"])
    streams_with_two_halves(world, "other")
    assert psutil.pid_exists(undying)
    os.kill(undying, signal.SIGKILL)
    after = streams_with_two_halves(world)
    assert after["pid"] != before["pid"]
    assert len([line for line in world.log().splitlines() if "pair.unkillable" in line]) == 1


@needs_setpriv
def test_survivors_of_stop_timeout_block_their_slave_only_at_the_next_start(world: World) -> None:
    pairs = two_pairs(world)
    hammer = odd_stream(world, "undying")
    config = world.configure(pairs, hammer=str(hammer), stop_grace="0.3s", stop_timeout="1s")
    first = world.start(config, *WITHOUT_KILL)
    before = streams_with_two_halves(world)
    streams_with_two_halves(world, "other")
    undying = before["half_pids"][1]
    odd_file(world).touch()

    assert world.stop(first) == 1

    left = [line for line in world.log().splitlines() if "daemon.left_behind" in line]
    assert len(left) == 1
    assert f"pgid={before['pid']}" in left[0]
    assert (world.run_dir / f"streams/{before['pid']}.json").exists()
    world.start(config, *WITHOUT_KILL)
    streams_with_two_halves(world, "other")
    waiting = world.wait_for(lambda now: now["state"] == "waiting", "waiting")
    assert waiting["waiting_for"] == "slave"
    assert f"orphan group {before['pid']}" in waiting["hint"]
    os.kill(undying, signal.SIGKILL)
    streams_with_two_halves(world)


@needs_unshare
def test_zombies_that_nobody_reaps_keep_no_slave(world: World) -> None:
    kill_stream_that_is_never_reaped(world)


def kill_stream_that_is_never_reaped(world: World) -> None:
    """Kill a stream whose zombies stay; a new one streams, then the daemon stops."""
    config = world.configure(one_pair(world))
    host = world.start(config, *IN_OWN_PIDS, sys.executable, HOSTS / "never_reaps.py")
    world.wait_until_following()
    leader, *halves = sorted(living_pids(f"{world.hammer} -vv"))

    with no_two_writers(world):
        os.kill(leader, signal.SIGKILL)
        until(lambda: not {leader, *halves} & living_pids(str(world.root)), "the group is dead")
        world.wait_until_following()
        wait_until_copied(world, "written after the death\n")

    assert {psutil.Process(half).status() for half in halves} == {psutil.STATUS_ZOMBIE}
    assert "pair.unkillable" not in world.log()
    [daemon] = living_pids("hammerd.cli.main run") & descendants(host.pid)
    os.kill(daemon, signal.SIGTERM)
    until(lambda: "daemon.stopped survivors=0" in world.log(), "the daemon has stopped")
    assert not living_pids(f"{world.hammer} -vv")


def descendants(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children(recursive=True)} - {
        child.pid for child in psutil.Process(pid).children()
    }
