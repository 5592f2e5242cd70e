"""A slave is the PFS that its path leads to now: changed links and disks are followed."""

import os
import re
import signal
import time
from pathlib import Path

import psutil
import pytest

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.world import World
from tests.waiting import until


def two_slaves(world: World) -> tuple[Path, Path, Path]:
    """Make a master, and a slave of it on each of two disks."""
    disk = world.fs(3)
    admin.new_file_system(disk, disk.name, tid_base=0xB00000000)
    (disk / "pfs").mkdir()
    master = world.make_master()
    world.write("first", "first\n")
    return master, world.make_slave(master), world.make_slave(master, number=3)


def relink(link: Path, target: Path) -> None:
    """Change a link's target, as `ln -sfn` does."""
    new = link.with_name("new")
    new.symlink_to(target)
    new.replace(link)


def writers_to(slave: Path) -> set[int]:
    """Return the groups that write to a slave by any path."""
    groups = set()
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "mirror-stream" in words and os.path.realpath(Path(words[-1]).parent) == str(
                slave.parent.resolve()
            ):
                groups.add(os.getpgid(process.pid))
        except (psutil.Error, ProcessLookupError):
            continue
    return groups


def holds(slave: Path, name: str) -> bool:
    return (slave / name).exists()


@pytest.mark.parametrize("asked", [None, Verb.RESTART, "pause", "reload"])
@pytest.mark.parametrize("is_directory", [False, True], ids=["link", "directory"])
def test_link_that_is_turned_is_followed_and_reported(
    world_once: World, asked: Verb | str | None, *, is_directory: bool
) -> None:
    world = world_once
    master, one, other = two_slaves(world)
    link = world.root / "way"
    link.symlink_to(one.parent if is_directory else one)
    slave = link / "test" if is_directory else link
    sample = "30s" if asked else "0.5s"
    world.start(world.configure({"test": (master, slave)}, sample_interval=sample))
    world.wait_until_following()

    relink(link, other.parent if is_directory else other)
    if asked == "pause":
        world.ask(Verb.PAUSE, "test")
        world.ask(Verb.RESUME, "test")
    elif asked == "reload":
        world.configure({"test": (master, slave)}, sample_interval=sample, delay="2s")
        world.ask(Verb.RELOAD)
    elif asked is not None:
        world.ask(Verb.RESTART, "test")

    line = world.wait_for_log("end.repointed")
    assert f"before={one.resolve().parent / 'test'}" in line or str(one) in line
    assert str(other) in line
    until(lambda: writers_to(other), "a stream onto what the path leads to")
    until(lambda: holds(other, "first"), "what the master holds")
    assert not writers_to(one)
    world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    assert "pair.parked" not in world.log()


def test_master_that_is_turned_is_followed(world_once: World) -> None:
    world = world_once
    master, slave, _ = two_slaves(world)
    link = world.root / "way"
    link.symlink_to(master)
    world.start(world.configure({"test": (link, slave)}))
    world.wait_until_following()

    relink(link, world.make_master("other"))

    world.wait_for_log("end.repointed")
    world.wait_for(lambda now: now["because"] == "uuid_mismatch", "parked by what is read now")


@pytest.mark.parametrize("number", [0, 1], ids=["reader", "writer"])
def test_stream_that_dies_after_a_link_was_turned_is_launched_onto_no_other_ones_slave(
    world_once: World, number: int
) -> None:
    world = world_once
    master, one, other = two_slaves(world)
    link = world.root / "cur"
    link.symlink_to(one.parent.parent)
    pairs = {"a": (master, link / "pfs/test"), "b": (master, other)}
    world.start(world.configure(pairs, sample_interval="30s"))
    for pair in pairs:
        world.wait_until_following(pair)
    (theirs,) = writers_to(other)

    relink(link, other.parent.parent)
    os.kill(world.status("a")["half_pids"][number], signal.SIGKILL)

    def waits() -> bool:
        assert writers_to(other) == {theirs}
        return bool(world.status("a")["because"] == "slave_busy")

    until(waits, "a waits for b")
    until_at = time.monotonic() + 1.0
    while time.monotonic() < until_at:
        waits()
    world.ask(Verb.PAUSE, "b")
    world.wait_until_following("a")
    (now,) = writers_to(other)
    assert now != theirs


def test_stream_whose_slave_becomes_another_ones_is_ended_and_waits(world_once: World) -> None:
    world = world_once
    master, one, other = two_slaves(world)
    link = world.root / "cur"
    link.symlink_to(one.parent.parent)
    pairs = {"a": (master, link / "pfs/test"), "b": (master, other)}
    world.start(world.configure(pairs))
    for pair in pairs:
        world.wait_until_following(pair)

    relink(link, other.parent.parent)

    world.wait_for(lambda now: now["because"] == "slave_busy", "a waits for b", "a")
    assert world.status("b")["state"] == "streaming"
    world.wait_for_log("end.repointed")
    # The cause depends on which reading comes first, that of the link or of the PFS.
    cause = r"pair\.stopping pair=a from_state=streaming because=(end_repointed|slave_is_another)"
    assert re.search(cause, world.log()), world.log()


def test_stream_that_died_is_launched_again_without_a_probe(mirrored: World) -> None:
    mirrored.wait_until_idle()
    before = mirrored.log()

    os.kill(mirrored.status()["half_pids"][0], signal.SIGKILL)
    mirrored.wait_for(lambda now: now["restarts"] == 1 and now["state"] == "streaming", "again")

    def lines() -> list[str]:
        new_lines = mirrored.log()[len(before) :].splitlines()
        return [word for line in new_lines for word in line.split() if word.startswith("pair.")]

    until(lambda: "pair.streaming" in lines(), "logged")
    assert lines() == ["pair.stopping", "pair.launching", "pair.streaming"]
    assert "from_state=stopping" in next(
        line for line in mirrored.log()[len(before) :].splitlines() if "pair.launching" in line
    )


# --- a slave that was promoted ---------------------------------------------------------------


def recording_hammer(world: World) -> Path:
    """Make a hammer that records each PFS whose status it has printed."""
    place = world.root / "recording"
    place.mkdir()
    hammer = place / "hammer"
    hammer.write_text(
        f'#!/bin/sh\ncase "$1" in pfs-status) ;; *) exec {world.hammer} "$@" ;; esac\n'
        f'{world.hammer} "$@"\nstatus=$?\necho "$@" >> {world.root}/asked\nexit $status\n'
    )
    hammer.chmod(0o755)
    return hammer


def status_reads(world: World, slave: Path) -> int:
    path = world.root / "asked"
    return path.read_text().split().count(str(slave)) if path.exists() else 0


@pytest.mark.parametrize("is_running", [True, False], ids=["under a stream", "before the start"])
def test_slave_that_was_promoted_is_probed_no_more(world_once: World, *, is_running: bool) -> None:
    world = world_once
    master, slave = world.make_pair()
    world.write("first", "first\n")
    world.run_hammer("mirror-copy", master, slave)
    config = world.configure({"test": (master, slave)}, hammer=str(recording_hammer(world)))
    if is_running:
        world.start(config)
        world.wait_until_following()
        world.run_hammer("pfs-upgrade", slave)
    else:
        world.run_hammer("pfs-upgrade", slave)
        world.start(config)
    parked = world.wait_for(lambda now: now["because"] == "not_a_slave", "parked")
    before = status_reads(world, slave)
    samples = status_reads(world, master)

    world.write("more", "more\n")
    until(lambda: status_reads(world, master) > samples + 3, "three samples more")

    assert status_reads(world, slave) == before
    assert is_running or before == 0
    assert '"hammerd reseed test"' in parked["hint"]
    assert world.status()["lag_s"] is None
    if is_running:
        line = world.wait_for_log("end.role_changed")
        assert "before=slave after=master" in line


# --- disks that are swapped ------------------------------------------------------------------


@pytest.mark.timeout(240)
def test_disks_that_take_turns_need_no_acknowledging_over_a_restart_either(
    world_once: World,
) -> None:
    world = world_once
    master, slave = world.make_master(), world.fs(2) / "pfs/test"
    for number, disk in enumerate(("diskA", "diskB")):
        if number:
            admin.new_file_system(world.fs(2), world.fs(2).name, tid_base=0xB00000000)
            (world.fs(2) / "pfs").mkdir()
        world.make_slave(master)
        world.fs(2).rename(world.root / disk)
    (world.root / "diskA").rename(world.fs(2))
    config = world.configure({"test": (master, slave)})
    daemon = world.start(config)

    def swap(old: str, new: str) -> None:
        world.fs(2).rename(world.root / old)
        world.wait_for(lambda now: now["lag_unknown_because"], f"{old} is gone")
        (world.root / new).rename(world.fs(2))
        world.write(f"for {new}", "text\n")
        until(lambda: holds(slave, f"for {new}"), f"{new} is brought up to date")
        world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")

    world.wait_until_following()
    swap("diskA", "diskB")
    assert [one["name"] for one in world.status()["anomalies"]] == ["end.uuid_changed"]
    swap("diskB", "diskA")
    world.wait_for_log("slave.swapped")
    world.wait_for(lambda now: now["anomalies"] == [], "nothing to acknowledge")
    assert world.stop(daemon) == 0
    world.start(config)
    world.wait_until_following()
    swap("diskA", "diskB")

    assert world.status()["anomalies"] == []
    assert world.status()["health"] == "ok"
