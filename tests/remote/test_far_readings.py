"""One daemon reads the ends of another host with one ssh at a time, for all its pairs there.

The tests share a daemon, and the last one takes the host away from it.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hammerd.core.exit_codes import Exit
from hammerd.core.tid import parse_tid
from tests.daemon.scenarios.truth.test_wait import wait
from tests.daemon.world import Status, World
from tests.remote.remote_world import FarHost, RemoteWorld, a_remote_world
from tests.waiting import until

IN_SYNC = ("push", "pull", "inner", "onward", "narrow", "home")
FAR = ("push", "pull", "inner", "onward")


@dataclass
class Mirrored:
    """A near and a far host with a pair of each kind; `asked` is the file of far pfs-statuses."""

    remote: RemoteWorld
    asked: Path
    places: frozenset[str]

    @property
    def near(self) -> World:
        return self.remote.near

    @property
    def far(self) -> FarHost:
        return self.remote.far

    def samples(self) -> int:
        return (self.near.root / "log/lag.log").read_text().count("pair=pull ")

    def questions(self) -> list[set[str]]:
        """Return the words of each pfs-status that asked for all ends over there."""
        text = self.asked.read_text() if self.asked.exists() else ""
        lines = (set(line.split()) for line in text.splitlines())
        return [words for words in lines if self.places <= words]


@pytest.fixture(scope="module")
def mirrored() -> Iterator[Mirrored]:
    with a_remote_world() as remote:
        remote.add_host()
        yield start(remote)


def start(remote: RemoteWorld) -> Mirrored:
    near, disks, place = remote.near, remote.far.disks, remote.far.place
    push, turned = map(remote.push_pair, ("push", "turned"))
    pull, narrow, short = map(remote.pull_pair, ("pull", "narrow", "short"))
    disks.run_hammer("pfs-upgrade", path_of(turned[1]))
    twin = remote.push_pair("twin")
    (disks.fs(2) / "too").symlink_to("pfs")
    inner = disks.make_master("inner")
    inner_slave, alien = disks.make_slave(inner, "inner"), disks.make_slave(inner, "alien")
    pairs: dict[str, tuple[object, object]] = {
        "push": push,
        "pull": pull,
        "inner": (place(inner), place(inner_slave)),
        "onward": (push[1], near.make_slave(push[0], "onward")),
        "narrow": narrow,
        "short": short,
        "turned": turned,
        "one": twin,
        "other": (twin[0], place(disks.fs(2) / "too/twin")),
        "alien": (near.make_master("alien"), place(alien)),
        "missing": (near.make_master("missing"), place(disks.fs(2) / "pfs/missing")),
        "home": near.make_pair("home"),
    }
    for world, names in ((near, ("push", "home")), (disks, ("pull", "inner", "narrow", "short"))):
        for name in names:
            world.write("first", "first\n", name)
    forced = f"hammer ssh-remote mirror-read-stream {path_of(narrow[0])}"
    key = remote.far.sshd.allow("narrow", forced, "restrict")
    keys = {name: remote.far.keys(key if name == "narrow" else None) for name in pairs}
    keys["short"] |= {"lag_warning": "1s", "lag_critical": "2s"}
    places = (path_of(push[1]), path_of(pull[0]), str(inner), str(inner_slave), str(alien))
    mirrored = Mirrored(remote, record_pfs_status(disks), frozenset(places))
    near.start(near.configure(pairs, keys, sample_interval="1s"))
    return mirrored


def path_of(end: str) -> str:
    return end.partition(":")[2]


def record_pfs_status(far: World) -> Path:
    """Let the far hammer write down each pfs-status; return the file."""
    asked, real = far.root / "asked", far.hammer.rename(far.hammer.with_name("hammer-itself"))
    far.hammer.write_text(
        f'#!/bin/sh\ncase "$*" in *pfs-status*) echo "$*" >>{asked};; esac\nexec {real} "$@"\n'
    )
    far.hammer.chmod(0o755)
    return asked


def is_in_sync(now: Status) -> bool:
    return (now["lag_verdict"], now["state"]) == ("in_sync", "streaming")


@pytest.mark.parametrize("name", IN_SYNC)
def test_pairs_of_each_kind_are_in_sync_and_ok(mirrored: Mirrored, name: str) -> None:
    now = mirrored.near.wait_for(is_in_sync, name, name)

    assert now["health"] == "ok"


@pytest.mark.parametrize("name", ["push", "pull"])
def test_wait_covers_what_no_flush_has_followed(mirrored: Mirrored, name: str) -> None:
    master, slave = mirrored.near, mirrored.far.disks
    if name == "pull":
        master, slave = slave, master
    (master.fs(1) / "pfs" / name / "late").write_text("late\n")

    done = wait(mirrored.near, name, "--durable")

    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert (slave.fs(2) / "pfs" / name / "late").read_text() == "late\n"


def test_wait_for_a_key_that_allows_nothing_but_the_stream_tells_so(mirrored: Mirrored) -> None:
    done = wait(mirrored.near, "narrow")

    assert done.returncode == Exit.UNAVAILABLE
    assert "cannot be read" in " ".join(done.stderr.split())


def test_missing_pfs_over_there_is_waited_for_and_its_host_is_named(mirrored: Mirrored) -> None:
    now = mirrored.near.wait_for(lambda now: now["waiting_for"] == "mount", "it waits", "missing")

    assert mirrored.far.sshd.address in now["hint"]


def test_slave_of_another_mirror_over_there_parks_its_pair(mirrored: Mirrored) -> None:
    now = mirrored.near.wait_for(lambda now: now["state"] == "parked", "it is parked", "alien")

    assert now["because"] == "uuid_mismatch"
    assert mirrored.far.sshd.address in now["hint"]


def test_slave_that_is_a_master_over_there_parks_its_pair(mirrored: Mirrored) -> None:
    now = mirrored.near.wait_for(lambda now: now["state"] == "parked", "it is parked", "turned")

    assert now["because"] == "not_a_slave"
    assert mirrored.far.sshd.address in now["hint"]


def test_two_paths_of_a_slave_over_there_have_one_writer(mirrored: Mirrored) -> None:
    def states() -> list[tuple[str, str | None]]:
        both = (mirrored.near.status(name) for name in ("one", "other"))
        return sorted((now["state"], now["waiting_for"]) for now in both)

    until(lambda: states() == [("streaming", None), ("waiting", "slave")], "one writes")


def test_tid_of_a_master_over_there_is_read(mirrored: Mirrored) -> None:
    tid = mirrored.far.disks.write("second", "second\n", "pull")

    mirrored.near.wait_for(
        lambda now: now["master_tid"] and parse_tid(now["master_tid"]) >= tid, "read", "pull"
    )


def test_key_that_allows_no_pfs_status_is_told_once_and_costs_nothing(mirrored: Mirrored) -> None:
    near = mirrored.near
    now = near.wait_for(lambda now: now["host_unread_because"], "it is told", "narrow")

    assert (now["state"], now["health"]) == ("streaming", "ok")
    line = near.wait_for_log("host.unreadable")
    assert "because=key_restricted" in line
    assert "hammerd authorized-keys narrow" in line
    assert near.log().count("host.unreadable") == 1
    assert near.status("pull")["host_unread_because"] is None


def test_sample_has_one_connection_for_all_pairs(mirrored: Mirrored) -> None:
    begun, sampled = len(mirrored.questions()), mirrored.samples()
    until(lambda: mirrored.samples() >= sampled + 4, "four samples")

    assert 1 <= len(mirrored.questions()) - begun <= 4 + 2


def test_frozen_host_delays_no_reading_here(mirrored: Mirrored) -> None:
    near, sshd = mirrored.near, mirrored.far.sshd
    sshd.signal_all(signal.SIGSTOP)
    try:
        measured = {near.status("home")["lag_measured_time"]}
        for _ in range(2):
            now = near.wait_for(
                lambda now: now["lag_measured_time"] not in measured, "read again", "home"
            )
            measured.add(now["lag_measured_time"])
    finally:
        sshd.signal_all(signal.SIGCONT)

    near.wait_for(is_in_sync, "the host goes on", "pull")


def test_host_that_goes_off_and_comes_back_is_told_and_read_again(mirrored: Mirrored) -> None:
    near, sshd = mirrored.near, mirrored.far.sshd
    sshd.stop()
    near.wait_for(lambda now: now["host_unread_because"], "the host is not read", "pull")
    near.wait_for(lambda now: now["health"] != "ok", "the stream is gone", "push")
    now = near.wait_for(lambda now: now["health"] == "critical", "its proofs are old", "short")
    assert now["state"] != "parked"
    assert near.status("home")["health"] == "ok"
    sshd.start()

    for name in FAR:
        near.wait_for(is_in_sync, name, name)
    near.wait_for_log("host.read_again")
    # One for each way to the host, and each reason: the link was cut, the port is closed.
    assert near.log().count("host.unreadable") <= 1 + 2 * 2
    assert near.status("push")["anomalies"] == []
