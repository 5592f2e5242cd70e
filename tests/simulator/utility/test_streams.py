"""Streams: all kinds of files reach the slave, and dead processes have the recorded effects."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine, RunningHammer, is_alive
from tests.waiting import until


def _tree(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, time and content of everything below a directory."""
    found = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        if path.is_symlink():
            found[str(path.relative_to(root))] = (0, 0, os.fsencode(os.readlink(path)))
        elif path.is_dir():
            found[str(path.relative_to(root))] = (state.st_mode, state.st_mtime_ns, b"")
        elif path.is_fifo():
            found[str(path.relative_to(root))] = (state.st_mode, state.st_mtime_ns, b"|")
        else:
            content = path.read_bytes()
            found[str(path.relative_to(root))] = (state.st_mode, state.st_mtime_ns, content)
    return found


def _in_sync(machine: Machine) -> bool:
    tid = admin.flush_tid(machine.path("/Backup1"))
    return admin.sync_end_tid(machine.path("/Backup2/pfs/test")) == tid


def _write(machine: Machine, name: str, text: str) -> None:
    (machine.path("/Backup1/test") / name).write_text(text)
    admin.flush(machine.path("/Backup1"))


@pytest.fixture
def stream(machine: Machine) -> RunningHammer:
    """Return an idle stream whose slave holds one file."""
    master, slave = machine.master_and_slave()
    _write(machine, "first", "one")
    stream = machine.stream("-vv", "-B", "mirror-stream", master, slave)
    stream.wait_until_waiting("wait")
    return stream


def test_slave_follows_every_change_of_files(machine: Machine, stream: RunningHammer) -> None:
    live, shown = machine.path("/Backup1/test"), machine.path("/Backup2/pfs/test")
    (live / "deep" / "er").mkdir(parents=True)
    (live / "deep" / "er" / "large").write_bytes(bytes(range(256)) * 9000)
    (live / "link").symlink_to("deep/er/large")
    os.mkfifo(live / "deep" / "fifo", 0o640)
    os.utime(live / "deep" / "er", ns=(0, 1_000_000_007))
    os.link(live / "first", live / "deep" / "second name")
    (live / "first").chmod(0o640)
    admin.flush(machine.path("/Backup1"))
    until(lambda: _in_sync(machine))
    assert _tree(live) == _tree(shown)
    assert (shown / "first").stat().st_ino == (shown / "deep" / "second name").stat().st_ino

    with (live / "deep" / "er" / "large").open("r+b") as large:
        large.seek(100_000)
        large.write(b"changed in the middle")
        large.truncate(1_200_000)
    (live / "link").unlink()
    (live / "deep" / "fifo").chmod(0o600)
    (live / "deep" / "er").rename(live / "moved")
    (live / "first").rename(live / "renamed")
    (live / "deep").chmod(0o700)
    admin.flush(machine.path("/Backup1"))
    until(lambda: _in_sync(machine))

    assert _tree(live) == _tree(shown)
    assert live.stat().st_mtime_ns == shown.stat().st_mtime_ns
    assert stream.parent.poll() is None


def test_changed_block_alone_is_sent(machine: Machine, stream: RunningHammer) -> None:
    large = machine.path("/Backup1/test/large")
    large.write_bytes(b"x" * 500_000)
    admin.flush(machine.path("/Backup1"))
    until(lambda: _in_sync(machine))
    with large.open("r+b") as file:
        file.seek(40_000)
        file.write(b"y")
    admin.flush(machine.path("/Backup1"))
    until(lambda: _in_sync(machine))
    stream.wait_until_waiting("wait", 3)

    last = stream.output().rstrip(" W").splitlines()[-3].split("\r")[-1]
    assert int(last.split()[-1]) < 2 * 16464 + 40 * 80
    assert large.read_bytes() == machine.path("/Backup2/pfs/test/large").read_bytes()


def test_slave_link_is_translated_and_follows_each_slice(
    machine: Machine, stream: RunningHammer
) -> None:
    master, slave = machine.path("/Backup1/pfs/test"), machine.path("/Backup2/pfs/test")
    assert os.readlink(master) == "@@-1:00001"

    _write(machine, "second", "two")
    until(lambda: _in_sync(machine))

    tid = admin.sync_end_tid(slave)
    until(lambda: os.readlink(slave) == f"@@{tid:#018x}:00001")
    assert sorted(os.listdir(slave)) == ["first", "second"]
    until(lambda: len([n for n in os.listdir(slave.parent) if n.startswith("@@")]) == 1)
    assert stream.parent.poll() is None


def test_slave_cannot_be_entered_before_its_first_slice(machine: Machine) -> None:
    _, slave = machine.master_and_slave()

    assert slave.is_symlink()
    assert not slave.exists()
    assert os.readlink(slave) == "@@0x0000000000000001:00001"


def test_halves_share_group_and_command_line_and_source_is_older(
    machine: Machine, stream: RunningHammer
) -> None:
    (source,), (target,) = stream.pids("source"), stream.pids("target")

    assert sorted([stream.parent.pid, source, target]) == stream.group()
    assert stream.parent.pid < source < target
    assert stream.output().endswith(" W")


def test_orphans_continue_mirroring_after_the_parent_is_killed(
    machine: Machine, stream: RunningHammer
) -> None:
    stream.parent.send_signal(signal.SIGTERM)
    assert stream.parent.wait() == -signal.SIGTERM

    _write(machine, "second", "two")

    until(lambda: _in_sync(machine))
    assert len(stream.group()) == 2


def test_dead_target_has_no_effect_until_the_master_moves(
    machine: Machine, stream: RunningHammer
) -> None:
    (source,), (target,) = stream.pids("source"), stream.pids("target")
    os.kill(target, signal.SIGKILL)
    until(lambda: not is_alive(target))
    assert is_alive(source)

    _write(machine, "second", "two")

    stream.wait_until_printed("\nLost Link\n")
    stream.wait_until_waiting("restart")
    until(lambda: _in_sync(machine))
    assert ("parent", 20.0, "restart") in stream.waits()


def test_interrupt_ends_parent_with_status_one(machine: Machine, stream: RunningHammer) -> None:
    os.killpg(stream.parent.pid, signal.SIGINT)

    assert stream.parent.wait() == 1
    until(lambda: not stream.group())


def test_interrupted_bulk_resumes_after_its_last_slice(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    admin.write(machine.path("/Backup1"), 1, 420000, 10, 0x80000)
    admin.set_knob(machine.path("/Backup1"), "slow_read_ms", 300)
    stream = machine.stream("-v", "-S", "400k", "mirror-copy", master, slave)
    stream.wait_until_waiting("sync", 5)
    stream.end()
    held = admin.sync_end_tid(slave)
    assert held > 1
    admin.set_knob(machine.path("/Backup1"), "slow_read_ms", None)

    done = machine.run([machine.hammer, "-vv", "-S", "400k", "mirror-copy", master, slave])

    assert f"Mirror-read: Mirror {held + 1:016x} to ".encode() in done.stderr
    assert _tree(machine.path("/Backup1/test")) == _tree(slave)


def test_steady_state_takes_twice_the_delay_without_bulk(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    admin.write(machine.path("/Backup1"), 1, 1000)
    stream = machine.stream("-vv", "mirror-stream", master, slave)
    stream.wait_until_waiting("wait")
    until(lambda: stream.output().endswith(" W"))

    _write(machine, "second", "two")
    until(lambda: _in_sync(machine))

    assert "to 0000000000000000 (bulk= 18446744073709551615)" in stream.output()
    waits = [(seconds, why) for half, seconds, why in stream.waits() if half == "source"]
    delays = [seconds for seconds, _ in waits if seconds > 0]
    assert (5.0, "no work") in waits
    assert 9.0 <= sum(delays) <= 15.0


def test_two_streams_onto_one_slave_both_work(machine: Machine, stream: RunningHammer) -> None:
    master, slave = machine.path("/Backup1/pfs/test"), machine.path("/Backup2/pfs/test")
    second = machine.stream("-vv", "-B", "mirror-stream", master, slave)
    second.wait_until_waiting("wait")

    _write(machine, "second", "two")

    stream.wait_until_waiting("wait", 2)
    second.wait_until_waiting("wait", 2)
    until(lambda: _in_sync(machine))
    until((slave / "second").exists)
    assert _tree(machine.path("/Backup1/test")) == _tree(slave)
    assert "Lost Link" not in stream.output() + second.output()


def test_ignored_sigchld_leaves_the_parent_spinning(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    words = ["/usr/bin/env", "--ignore-signal=CHLD", machine.hammer, "mirror-copy", master, slave]
    if machine.run([*words[:2], "true"]).returncode:
        pytest.skip("env(1) cannot ignore signals here")

    stream = machine.start(words)
    stream.wait_until_printed("succeeded")

    until(lambda: [stream.parent.pid] == stream.group())
    assert stream.parent.poll() is None


def test_reversed_pair_mirrors_back(machine: Machine, stream: RunningHammer) -> None:
    master, slave = machine.path("/Backup1/pfs/test"), machine.path("/Backup2/pfs/test")
    stream.end()
    for verb, path in (("pfs-downgrade", master), ("pfs-upgrade", slave)):
        assert machine.run([machine.hammer, verb, path]).returncode == 0
    (slave / "written to the copy").write_text("back")
    while admin.flush_tid(machine.path("/Backup2")) <= admin.sync_end_tid(master):
        admin.write(machine.path("/Backup2"), 1, 100, 1, 0x1000)
    admin.flush(machine.path("/Backup2"))

    machine.run([machine.hammer, "mirror-copy", slave, master])

    assert (master / "first").read_text() == "one"
    assert admin.sync_end_tid(master) == admin.flush_tid(machine.path("/Backup2"))


def test_promoted_slave_s_new_files_are_objects_of_their_own(
    machine: Machine, stream: RunningHammer
) -> None:
    slave = machine.path("/Backup2/pfs/test")
    stream.end()
    machine.run([machine.hammer, "pfs-upgrade", slave])

    admin.write(machine.path("/Backup2"), 1, 100)
    admin.flush(machine.path("/Backup2"))
    copy = machine.path("/Backup1/pfs/copy")
    uuid = f"shared-uuid={admin.shared_uuid(slave)}"
    machine.run([machine.hammer, "pfs-slave", copy, uuid])
    machine.run([machine.hammer, "mirror-copy", slave, copy])

    assert len(os.listdir(copy)) == 2
    assert _tree(copy) == _tree(slave)


def test_unmounted_file_system_is_an_empty_directory(
    machine: Machine, stream: RunningHammer
) -> None:
    stream.end()
    root = machine.path("/Backup2")

    admin.unmount(root)
    words = [machine.hammer, "pfs-status", root]
    assert b"Cannot access" in machine.run(words).stderr
    assert os.listdir(root) == []

    admin.mount(root)
    assert machine.run(words).returncode == 0
    assert (root / "pfs" / "test" / "first").read_text() == "one"


def test_unmount_shows_the_directory_below_again(machine: Machine, stream: RunningHammer) -> None:
    stream.end()
    place = machine.path("/Backup1/test")

    admin.unmount_null(place)
    assert os.listdir(place) == []
    assert b"PFS#0" in machine.run([machine.hammer, "pfs-status", place]).stdout
    assert os.listdir(machine.path("/Backup1/pfs/test")) == ["first"]

    admin.mount_null(machine.path("/Backup1/pfs/test"), place)
    assert os.listdir(place) == ["first"]
