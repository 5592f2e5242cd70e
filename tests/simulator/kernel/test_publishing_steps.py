"""Flushes that publish in steps, the syncer and synctid (knob `flush_steps`)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hammerd.simulator import admin
from hammerd.simulator.kernel.ioctls.pfs import wait_pfs
from hammerd.simulator.utility.arguments.paths import open_pfs
from tests.simulator.fixtures.machine import Machine
from tests.waiting import until

MANUAL_SYNC = "inf inf inf content 2"
CHECKS = 300


@pytest.fixture
def stepping(machine: Machine) -> Machine:
    """Return a machine whose master's file system publishes a step at each `admin.step`."""
    machine.master_and_slave()
    _settle(_masters(machine))
    admin.publish_in_steps(_masters(machine), shape=MANUAL_SYNC, syncer_s=None)
    return machine


def _masters(machine: Machine) -> Path:
    return machine.path("/Backup1")


def _ends(machine: Machine) -> tuple[Path, Path]:
    return machine.path("/Backup1/pfs/test"), machine.path("/Backup2/pfs/test")


def _settle(root: Path) -> int:
    for _ in range(2):
        admin.flush(root)
    return admin.flush_tid(root)


def _write(machine: Machine, name: str, text: str) -> None:
    machine.path(f"/Backup1/test/{name}").write_text(text)


def _copy(machine: Machine) -> None:
    done = machine.run([machine.hammer, "mirror-copy", *_ends(machine)])
    assert b"succeeded" in done.stderr


def test_knob_with_an_invalid_shape_is_refused(machine: Machine) -> None:
    root = machine.new_disk("/Backup1")

    with pytest.raises(ValueError, match="no flush goes like this: soon"):
        admin.publish_in_steps(root, shape="soon")
    for shape in ("sync", "late", "random", "random 7", MANUAL_SYNC):
        admin.publish_in_steps(root, shape=shape)


def test_step_before_the_last_shows_a_file_of_zeros(stepping: Machine) -> None:
    _, slave = _ends(stepping)
    _copy(stepping)
    _write(stepping, "file", "content")
    flushed = admin.sync(_masters(stepping))
    assert admin.flush_tid(_masters(stepping)) < flushed.tids[0]

    seen = []
    for _ in range(3):
        tid = admin.step(_masters(stepping))
        _copy(stepping)
        shown = slave / "file"
        seen.append((tid, shown.read_bytes() if shown.exists() else None))

    before, first, second = seen
    assert before[1] is None
    assert first == (flushed.tids[0], bytes(len("content")))
    assert second == (flushed.content_tid, b"content")
    assert flushed.content_tid < flushed.tids[2]


def test_change_of_a_file_shows_its_length_before_its_content(stepping: Machine) -> None:
    _, slave = _ends(stepping)
    _write(stepping, "file", "old")
    admin.synctid(_masters(stepping))
    _copy(stepping)
    _write(stepping, "file", "newer")
    flushed = admin.sync(_masters(stepping))
    while admin.flush_tid(_masters(stepping)) < flushed.tids[0]:
        admin.step(_masters(stepping))

    _copy(stepping)
    assert (slave / "file").read_bytes() == b"old\0\0"
    admin.synctid(_masters(stepping))
    _copy(stepping)
    assert (slave / "file").read_bytes() == b"newer"


def test_symlink_is_never_shown_without_its_text(stepping: Machine) -> None:
    _, slave = _ends(stepping)
    stepping.path("/Backup1/test/link").symlink_to("somewhere")
    admin.sync(_masters(stepping))
    for _ in range(2):
        admin.step(_masters(stepping))

    _copy(stepping)

    assert os.readlink(slave / "link") == "somewhere"


def test_stream_wakes_at_every_step(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    root = _masters(machine)
    _settle(root)
    admin.publish_in_steps(root, syncer_s=None)
    stream = machine.stream("-vv", "-B", "-i", "0", "mirror-stream", master, slave)
    stream.wait_until_waiting("wait")
    _write(machine, "file", "content")

    flushed = admin.sync(root)

    until(lambda: admin.sync_end_tid(slave) == flushed.content_tid)
    until(lambda: (slave / "file").read_text() == "content")
    stream.wait_until_printed("Mirror-write: Completed", 2)
    assert f"snapshot to {flushed.tids[0]:016x}" in stream.output()


def test_syncer_publishes_a_write_that_nobody_synced(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    root = _masters(machine)
    _settle(root)
    stream = machine.stream("-B", "mirror-stream", master, slave)
    stream.wait_until_waiting("wait")
    _write(machine, "file", "content")
    assert not (slave / "file").exists()

    admin.publish_in_steps(root, time_scale=50)

    until(lambda: (slave / "file").exists() and (slave / "file").read_text() == "content")


def test_next_flush_publishes_what_the_syncer_took(stepping: Machine) -> None:
    before = admin.flush_tid(_masters(stepping))
    _write(stepping, "file", "content")

    took = admin.run_syncer(_masters(stepping))
    until(lambda: admin.flush_tid(_masters(stepping)) >= before)
    assert took.is_new
    assert admin.flush_tid(_masters(stepping)) < took.content_tid

    after = admin.run_syncer(_masters(stepping))
    until(lambda: admin.flush_tid(_masters(stepping)) == took.content_tid)
    assert not after.is_new


def test_idle_file_system_takes_no_tid(machine: Machine) -> None:
    machine.master_and_slave()
    root = _masters(machine)
    admin.publish_in_steps(root, time_scale=100)
    flushed = admin.synctid(root)

    tids = {flushed}
    for _ in range(3):
        tids |= {admin.synctid(root), admin.run_syncer(root).content_tid, admin.flush_tid(root)}

    assert tids == {flushed}


def test_synctid_covers_what_was_written_before_it(machine: Machine) -> None:
    _, slave = machine.master_and_slave()
    root = _masters(machine)
    admin.publish_in_steps(root, shape="random 7", time_scale=20)
    for number in range(6):
        _write(machine, f"file{number}", "content")

        output = machine.run([machine.hammer, "synctid", root]).stdout.decode()
        assert int(output, 16) == admin.flush_tid(root)
        _copy(machine)

        assert admin.sync_end_tid(slave) == int(output, 16)
        assert (slave / f"file{number}").read_text() == "content"


def test_synctid_may_print_a_tid_that_no_slave_comes_to(machine: Machine) -> None:
    _, slave = machine.master_and_slave()
    root = _masters(machine)
    admin.publish_in_steps(root, syncer_s=None, time_scale=50)
    admin.set_knob(root, "synctid_ahead", "0x20")
    _write(machine, "file", "content")

    printed = {machine.run([machine.hammer, "synctid", root]).stdout for _ in range(2)}
    _copy(machine)

    assert [int(tid, 16) for tid in printed] == [admin.sync_end_tid(slave) + 0x20]
    assert (slave / "file").read_text() == "content"


def test_new_master_shows_nothing_until_its_root_is_published(machine: Machine) -> None:
    root = machine.new_disk("/Backup1")
    machine.new_disk("/Backup2")
    admin.publish_in_steps(root, shape=MANUAL_SYNC, syncer_s=None)
    master, slave = _ends(machine)
    machine.run([machine.hammer, "pfs-master", master])
    uuid = f"shared-uuid={admin.shared_uuid(master)}"
    machine.run([machine.hammer, "pfs-slave", slave, uuid])
    (master / "file").touch()
    admin.sync(root)

    _copy(machine)
    assert not slave.exists()
    assert admin.sync_end_tid(slave) > 1

    admin.synctid(root)
    _copy(machine)
    assert os.listdir(slave) == ["file"]


def test_poll_on_one_file_system_takes_no_tid(machine: Machine) -> None:
    master, _ = machine.master_and_slave()
    root = _masters(machine)
    copy = root / "pfs" / "copy"
    uuid = f"shared-uuid={admin.shared_uuid(master)}"
    machine.run([machine.hammer, "pfs-slave", copy, uuid])
    admin.publish_in_steps(root, syncer_s=None, time_scale=50)
    for _ in range(2):
        admin.synctid(root)
        machine.run([machine.hammer, "mirror-copy", master, copy])
    tid = admin.synctid(root)
    assert admin.sync_end_tid(copy) == tid
    stream = machine.stream("-vv", "mirror-stream", master, copy)

    stream.wait_until_printed("Mirror-read: No work to do\n", 4)

    assert "Completed" not in stream.output()
    assert admin.synctid(root) == tid


def test_stream_on_one_file_system_is_idle_after_two_batches(machine: Machine) -> None:
    master, _ = machine.master_and_slave()
    root = _masters(machine)
    copy = root / "pfs" / "copy"
    uuid = f"shared-uuid={admin.shared_uuid(master)}"
    machine.run([machine.hammer, "pfs-slave", copy, uuid])
    admin.publish_in_steps(root, syncer_s=None, time_scale=50)
    admin.synctid(root)
    stream = machine.stream("-vv", "-B", "mirror-stream", master, copy)
    stream.wait_until_waiting("wait")
    began = stream.output().count("Mirror-write: Completed")
    _write(machine, "file", "content")
    flushed = admin.sync(root)

    until(lambda: admin.sync_end_tid(copy) == flushed.tids[-1])
    until(lambda: stream.output().endswith(" W"))
    output = stream.output()
    admin.synctid(root)

    assert output.count("Mirror-write: Completed") - began <= 3
    assert stream.output() == output


def test_step_during_the_check_of_a_waiter_is_not_missed(machine: Machine) -> None:
    master, _ = machine.master_and_slave()
    root = _masters(machine)
    pfs, _ = open_pfs(str(master))
    seen = []

    def wait_and_flush() -> None:
        for number in range(CHECKS):
            # Two groups; the second publishes the first at some moment of the check.
            admin.set_knob(root, "flush_steps", f"0 {number * 1e-5:.5f} content 1")
            tid = admin.write(root, 1, 0)
            wait_pfs(pfs, tid - 1)
            seen.append(tid)

    waiting = threading.Thread(target=wait_and_flush, daemon=True)
    waiting.start()
    waiting.join(60)

    assert len(seen) == CHECKS
