"""Cascades, fan-out, endpoints on one file system, masters on another host."""

import os
import signal
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.daemon.world import Status, World
from tests.daemon.wrapped import wrap
from tests.waiting import until


def in_sync(now: Status) -> bool:
    return now["lag_verdict"] == "in_sync"


def third_file_system(world: World) -> Path:
    fs = world.fs(3)
    admin.new_file_system(fs, fs.name, tid_base=0x300000000)
    (fs / "pfs").mkdir()
    return fs


def assert_no_trouble(world: World) -> None:
    """Assert that the log holds no parked pair, no lost link and no anomaly."""
    log = world.log()
    assert not [each for each in ("pair.parked", "tid_", "_changed", "unreadable") if each in log]


def test_cascade_is_followed_to_its_end(world_once: World) -> None:
    world = world_once
    third_file_system(world)
    master, middle = world.make_pair()
    last = world.make_slave(master, number=3)
    world.write("first", "first\n")
    world.start(world.configure({"upper": (master, middle), "lower": (middle, last)}))
    for pair in ("upper", "lower"):
        world.wait_for(in_sync, "in sync", pair)

    for number in range(4):
        tid = world.write(f"file{number}", "text\n")
        for pair in ("upper", "lower"):
            world.wait_for(
                lambda now: int(now["slave_tid"] or "0", 16) >= tid and in_sync(now),  # noqa: B023
                "the write is on the slave",
                pair,
            )

    assert (world.fs(3) / "pfs/test/file3").read_text() == "text\n"
    # A commit is recorded at once, a master is read by the next sample.
    until(
        lambda: world.status("lower")["master_tid"] == world.status("upper")["slave_tid"],
        "the slave of the upper pair is the master of the lower",
    )
    assert_no_trouble(world)


def test_one_master_feeds_many_slaves(world_once: World) -> None:
    world = world_once
    master = world.make_master()
    names = ("a", "b", "c", "d")
    pairs = {name: (master, world.make_slave(master, name)) for name in names}
    world.write("first", "first\n")
    world.start(world.configure(pairs))
    tid = 0
    for number in range(3):
        tid = world.write(f"file{number}", "text\n")

    for name in names:
        now = world.wait_for(
            lambda now: int(now["slave_tid"] or "0", 16) >= tid, "it has it all", name
        )
        assert now["lag_verdict"] in ("in_sync", "behind")
        world.wait_for(in_sync, "in sync", name)
    assert len({world.status(name)["master_tid"] for name in names}) == 1
    assert_no_trouble(world)


def test_slave_on_its_masters_file_system_is_never_idle_and_healthy(world_once: World) -> None:
    world = world_once
    master = world.make_master()
    slave = world.make_slave(master, "copy", number=1)
    world.write("first", "first\n")
    world.start(world.configure({"test": (master, slave)}, healthy_after="0.2s"))
    first = world.wait_for(lambda now: now["state"] == "streaming", "streaming")

    world.wait_for(
        lambda now: (now["slave_tid"] or "") > (first["slave_tid"] or ""), "the slave moves"
    )
    moved = world.status()
    # Each empty slice moves the file system's TID, which causes the next slice.
    world.wait_for(lambda now: now["slave_tid"] > moved["slave_tid"], "and moves again")

    assert (slave / "first").read_text() == "first\n"
    assert world.status()["lag_verdict"] in ("in_sync", "behind")
    assert_no_trouble(world)


def test_pairs_that_mirror_each_others_file_systems_do_not_disturb_each_other(
    world_once: World,
) -> None:
    world = world_once
    there = world.make_master("there")
    back = world.make_master("back", number=2)
    pairs = {
        "there": (there, world.make_slave(there, "there", number=2)),
        "back": (back, world.make_slave(back, "back", number=1)),
    }
    world.write("first", "first\n", "there")
    world.start(world.configure(pairs))

    for name in pairs:
        first = world.wait_for(lambda now: now["state"] == "streaming", "streaming", name)
        world.wait_for(
            lambda now: (now["slave_tid"] or "") > (first["slave_tid"] or ""),  # noqa: B023
            "it moves",
            name,
        )
    assert (world.fs(2) / "pfs/there/first").read_text() == "first\n"
    assert_no_trouble(world)


@pytest.mark.long
def test_tutorials_operands_with_the_null_mount_absent_at_start(world_once: World) -> None:
    """`hammer mirror-stream /Backup1/test /Backup2/test`: a null mount and a symlink."""
    world = world_once
    master, slave = world.make_pair()
    operands = (world.fs(1) / "test", world.fs(2) / "test")
    operands[1].symlink_to(slave)
    world.write("first", "first\n")
    admin.unmount_null(operands[0])
    world.start(world.configure({"test": operands}))

    waiting = world.wait_for(lambda now: now["state"] == "waiting", "waiting")
    assert (waiting["waiting_for"], waiting["because"]) == ("mount", "null_mount_missing")
    admin.mount_null(master, operands[0])

    world.wait_until_following()
    now = world.wait_for(in_sync, "in sync")
    assert (now["failures"], now["restarts"]) == (0, 0)
    assert (slave / "first").read_text() == "first\n"
    assert_no_trouble(world)


def test_slave_of_a_slave_that_was_never_mirrored_waits_for_its_turn(world_once: World) -> None:
    """Both endpoints are slaves: the lower pair has nothing to copy before the upper one has."""
    world = world_once
    third_file_system(world)
    master, middle = world.make_pair()
    last = world.make_slave(master, number=3)
    world.start(world.configure({"lower": (middle, last)}))
    world.wait_for(lambda now: now["state"] in ("streaming", "waiting"), "it stays", "lower")

    world.write("first", "first\n")
    world.run_hammer("mirror-copy", master, middle)

    copy = world.fs(3) / "pfs/test/first"
    until(lambda: copy.exists() and copy.read_text() == "first\n", "the write is at the end")
    assert "pair.parked" not in world.log()


def far_pair(world: World) -> Path:
    """Configure a pair whose master is reached through a stand-in ssh."""
    rsh = world.root / "rsh"
    rsh.write_text(
        f'#!/bin/sh\nwhile [ "$1" != hammer ]; do shift; done\nshift\nexec {world.hammer} "$@"\n'
    )
    rsh.chmod(0o755)
    master, slave = world.make_pair()
    world.write("first", "first\n")
    return world.configure(
        {"test": (f"far:{master}", slave)},
        # A shorter silence proves that a stream is idle.
        {"test": {"ssh_options": ["ServerAliveInterval=1"], "probe_remote": False}},
        hammer=wrap(world, f"export HAMMER_RSH={rsh}"),
        sample_interval="3s",
    )


@pytest.mark.timeout(240)
def test_master_on_another_host_is_observed_while_its_stream_is_idle(world_once: World) -> None:
    world = world_once
    world.start(far_pair(world))
    now = world.wait_for(lambda now: in_sync(now) and now["phase"] == "idle", "in sync, at rest")
    measured = {now["lag_measured_time"]}

    # Nothing is written for longer than a reading is trusted, so each reading must be newer.
    for _ in range(9):
        now = world.wait_for(
            lambda now: now["lag_measured_time"] not in measured, "proven again", "test"
        )
        measured.add(now["lag_measured_time"])
        assert (now["lag_verdict"], now["health"]) == ("in_sync", "ok")

    for pid in now["half_pids"]:
        os.kill(pid, signal.SIGSTOP)
    now = world.wait_for(lambda now: not in_sync(now), "halves that stand still prove nothing")
    assert (now["lag_verdict"], now["lag_s"], now["state"]) == ("unknown", None, "streaming")
    assert "unseen since 20" in now["lag_unknown_because"]
    assert now["safe_until_time"]
    assert now["health"] != "ok"
    for pid in now["half_pids"]:
        os.kill(pid, signal.SIGCONT)
    world.wait_for(in_sync, "seen again")
