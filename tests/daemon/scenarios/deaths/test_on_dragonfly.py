"""The real daemon and demo with a process table like that of a DragonFly kernel.

hosts/dragonfly/dragonfly_processes.py tells what that is.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.conftest import a_world
from tests.daemon.scenarios.deaths.test_deaths import (
    DEATHS,
    KillPart,
    no_two_writers,
    wait_for_new_stream,
    wait_until_copied,
)
from tests.daemon.scenarios.deaths.test_groups import (
    kill_stream_that_is_never_reaped,
    needs_unshare,
)
from tests.daemon.scenarios.endpoints.test_foreign import (
    SPELLINGS,
    end,
    start_by_hand,
    start_spelt,
    wait_until_parked,
)
from tests.daemon.stand_ins import HOSTS
from tests.daemon.world import World, living_pids
from tests.waiting import until

DRAGONFLY = HOSTS / "dragonfly"
ENV = {
    "PYTHONPATH": str(DRAGONFLY),
    "PATH": f"{DRAGONFLY / 'bin'}:{os.environ.get('PATH', os.defpath)}",
}
DEMO = (sys.executable, "-m", "hammerd.cli.main", "demo")

NEVER_S = "5m"
"""A sample interval longer than any test."""

SHOWS_WHAT_IT_IS = """
import os, platform, select, subprocess, time
import psutil

def answer(call):
    try:
        return call()
    except Exception as error:
        return type(error).__name__

child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os._exit(0)
while open(f"/proc/{child}/stat").read().split()[2] != "Z":
    time.sleep(0.01)
print(platform.system(), psutil.pids().count(-1) > 1, child in psutil.pids())
print(answer(lambda: psutil.Process(-1)), answer(lambda: list(psutil.process_iter())))
print(psutil.Process(0).ppid(), answer(lambda: psutil.Process(1).parents()))
proc_cwd = psutil._psplatform.cext.proc_cwd
print(answer(psutil.Process().cwd), *(answer(lambda: proc_cwd(os.getpid())) for _ in range(2)))
print(answer(lambda: psutil.Process(child)), answer(lambda: os.getpgid(child)))
print(answer(lambda: os.killpg(child, 0)), os.killpg(os.getpgrp(), 0))
long = subprocess.Popen(["sh", "-c", "read it", "x" * 250], stdin=subprocess.PIPE)
print(psutil.Process(long.pid).cmdline(), psutil.Process(long.pid).name())
long.communicate()
print(hasattr(os, "pidfd_open"), hasattr(select, "kqueue"), os.waitpid(child, 0)[0] == child)
"""


@pytest.fixture
def world() -> Iterator[World]:
    with a_world(dict(ENV)) as world:
        yield world


@pytest.fixture
def mirrored(world: World) -> World:
    world.mirror()
    return world


def test_process_table_is_like_that_of_a_dragonfly() -> None:
    argv = [sys.executable, "-c", SHOWS_WHAT_IT_IS]
    env = {**os.environ, **ENV}
    shown = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)

    assert shown.stderr == ""
    assert shown.stdout.splitlines() == [
        "DragonFly True True",
        "ValueError ValueError",
        "-1 ValueError",
        f"NotImplementedError OSError {Path.cwd()}",
        "NoSuchProcess ProcessLookupError",
        "ProcessLookupError None",
        "[] sh",
        "False True True",
    ]


def test_ps_has_no_sid_and_cuts_lines() -> None:
    def ps(*words: str) -> str:
        argv, env = ["ps", *words], {**os.environ, **ENV}
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=False).stdout

    with subprocess.Popen(["sh", "-c", "read it", "x" * 200], stdin=subprocess.PIPE) as long:
        of_it = ("-o", "pid,args", "-p", str(long.pid))
        assert ps("-o", "sid=", "-p", str(long.pid)) == ""
        assert max(map(len, ps(*of_it).splitlines())) <= 79
        assert max(map(len, ps("-ww", *of_it).splitlines())) > 200


@pytest.mark.parametrize("kill", DEATHS)
def test_death_is_mended(mirrored: World, kill: KillPart) -> None:
    before = mirrored.wait_until_idle()

    with no_two_writers(mirrored):
        kill(before)
        wait_for_new_stream(mirrored, before)
        wait_until_copied(mirrored, "written after the death\n")

    assert "broke" not in mirrored.log()


@pytest.mark.parametrize("index", [0, 1])
def test_kqueue_reports_a_death_between_two_ticks(world: World, index: int) -> None:
    world.mirror(sample_interval=NEVER_S)
    before = world.wait_until_idle()

    os.kill(before["half_pids"][index], signal.SIGKILL)

    wait_for_new_stream(world, before)


def test_between_a_death_and_the_next_stream_only_the_dead_group_is_scanned(world: World) -> None:
    """A scan of the process table took seconds on DragonFly, and each stream waited for it."""
    calls = world.root / "psutil-calls"
    world.env["DRAGONFLY_CALLS"] = str(calls)
    world.mirror(sample_interval=NEVER_S)
    before = world.wait_until_idle()
    # The scan for foreign streams that follows each first message.
    until(lambda: calls.read_text().count("pids") > 3 and is_quiet(calls), "no scan is under way")
    asked = len(calls.read_text().splitlines())

    os.kill(before["half_pids"][0], signal.SIGKILL)
    after = wait_for_new_stream(world, before)

    since = calls.read_text().splitlines()[asked:]
    until_launched = since[: since.index(str(after["pid"]))]
    assert set(until_launched) <= {str(pid) for pid in before["half_pids"]}


def is_quiet(file: Path) -> bool:
    size = file.stat().st_size
    time.sleep(2.0)
    return file.stat().st_size == size


def test_pause_ends_the_group_and_stop_leaves_nothing(world: World) -> None:
    daemon = world.mirror()
    world.ask(Verb.PAUSE, "test")
    world.wait_for(lambda now: now["state"] == "stopped", "stopped")
    assert not living_pids(f"{world.hammer} -vv")

    world.ask(Verb.RESUME, "test")
    world.wait_until_following()

    assert world.stop(daemon) == 0
    assert not living_pids(str(world.root))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_foreign_stream_parks_however_the_slave_is_spelt(world: World, spelling: str) -> None:
    master, slave = world.make_pair()
    world.write("first", "first\n")
    foreign = start_spelt(world, spelling, master, slave)
    world.start(world.configure({"test": (master, slave)}))

    wait_until_parked(world, foreign)

    end(foreign)


def test_copy_by_hand_from_the_slaves_own_directory_parks(mirrored: World) -> None:
    admin.set_knob(mirrored.fs(1), "slow_read_ms", 120_000)
    mirrored.write("more", "more\n")
    master = mirrored.fs(1) / "pfs/test"
    foreign = start_by_hand(mirrored, "mirror-copy", master, "test", cwd=mirrored.fs(2) / "pfs")

    wait_until_parked(mirrored, foreign)

    admin.set_knob(mirrored.fs(1), "slow_read_ms", None)
    end(foreign)


def test_orphans_are_ended_before_the_next_stream(world: World) -> None:
    daemon = world.mirror()
    before = world.wait_until_idle()
    daemon.kill()
    daemon.wait()
    old = {before["pid"], *before["half_pids"]}
    assert old <= living_pids(f"{world.hammer} -vv")

    world.start(world.root / "hammerd.toml")
    world.wait_until_following()

    assert not old & living_pids(str(world.root))
    assert world.wait_for_log("orphan.ended")


LONG_DETOUR = "/." * 130
"""A path part that makes a command line longer than the kernel keeps; it changes no target."""


def test_foreign_stream_with_a_command_line_that_is_not_kept_parks(mirrored: World) -> None:
    master, slave = mirrored.fs(1) / "pfs/test", mirrored.fs(2) / "pfs/test"
    foreign = start_by_hand(
        mirrored, "mirror-stream", master, f"{slave.parent}{LONG_DETOUR}/{slave.name}"
    )

    wait_until_parked(mirrored, foreign)

    end(foreign)
    assert "broke" not in mirrored.log()


def test_orphans_with_such_a_command_line_and_no_record_are_ended(world: World) -> None:
    master = Path(f"{world.make_master().parent}{LONG_DETOUR}/test")
    slave = world.make_slave(master)
    world.write("first", "first\n")
    daemon = world.start(world.configure({"test": (master, slave)}))
    world.wait_until_following()
    before = world.wait_until_idle()
    daemon.kill()
    daemon.wait()
    old = {before["pid"], *before["half_pids"]}
    shutil.rmtree(world.root / "run/streams")
    assert old <= living_pids(f"{world.hammer} -vv")

    world.start(world.root / "hammerd.toml")
    world.wait_until_following()

    assert not old & living_pids(str(world.root))
    assert world.wait_for_log("orphan.ended")


@needs_unshare
def test_zombies_that_nobody_reaps_keep_no_slave(world: World) -> None:
    kill_stream_that_is_never_reaped(world)


@pytest.mark.timeout(240)
def test_demo_runs(tmp_path: Path) -> None:
    ended = subprocess.run(
        DEMO, env={**os.environ, **ENV}, capture_output=True, text=True, timeout=100, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert ended.stdout.count("-> streams again after") == 8
