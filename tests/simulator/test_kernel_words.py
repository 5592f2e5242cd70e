"""What a kernel says to a full disk, a read-only mount, a user, and files that are open."""

from __future__ import annotations

import errno
import os
import re
import signal
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.machine import Machine, group_members, wait_for


@pytest.fixture
def ends(machine: Machine) -> tuple[Path, Path]:
    """Return a master with a file that its slave lacks."""
    ends = machine.master_and_slave()
    (machine.path("/Backup1/test") / "file").write_text("text")
    admin.flush(machine.path("/Backup1"))
    return ends


def _copy(machine: Machine, ends: tuple[Path, Path]) -> str:
    done = machine.run([machine.hammer, "mirror-copy", *ends])
    assert done.returncode == 0
    return done.stderr.decode().replace(str(machine.root), "")


def _refused(machine: Machine, *words: str | Path) -> str:
    done = machine.run([machine.hammer, *words])
    assert done.returncode == 1
    return done.stderr.decode().replace(str(machine.root), "")


def test_full_slave_gives_a_number(machine: Machine, ends: tuple[Path, Path]) -> None:
    admin.set_knob(machine.path("/Backup2"), "full", 1)

    assert "hammer: Mirror-write /Backup2/pfs/test fatal error 28\n" in _copy(machine, ends)
    assert admin.sync_end_tid(ends[1]) == 1
    (machine.path("/Backup1/test") / "file").unlink()
    admin.flush(machine.path("/Backup1"))
    assert "fatal error 28" in _copy(machine, ends)

    admin.set_knob(machine.path("/Backup2"), "full", None)
    assert "Mirror-read /Backup1/pfs/test succeeded" in _copy(machine, ends)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, 97])
def test_any_number_may_stand_there(machine: Machine, ends: tuple[Path, Path], code: int) -> None:
    admin.set_knob(machine.path("/Backup2"), "faults", f"MIRROR_WRITE head {code}")

    assert f"hammer: Mirror-write /Backup2/pfs/test fatal error {code}\n" in _copy(machine, ends)


def test_read_only_slave_gives_words(machine: Machine, ends: tuple[Path, Path]) -> None:
    admin.set_knob(machine.path("/Backup2"), "ronly", 1)

    said = _copy(machine, ends)

    assert "hammer: Mirror-write /Backup2/pfs/test failed: Read-only file system\n" in said


def test_user_may_look_and_not_mirror(machine: Machine, ends: tuple[Path, Path]) -> None:
    for number in (1, 2):
        admin.set_knob(machine.path(f"/Backup{number}"), "unprivileged", 1)

    assert _copy(machine, ends) == (
        "Prescan to break up bulk transfer\n"
        "hammer: Mirror-read /Backup1/pfs/test failed: Operation not permitted\n"
        "hammer: validate_mrec_header: short read\n"
    )
    assert machine.run([machine.hammer, "pfs-status", *ends]).returncode == 0
    assert machine.run([machine.hammer, "synctid", machine.path("/Backup1")]).returncode == 0
    said = _refused(machine, "pfs-update", ends[0], "label=new")
    assert said.endswith(": Operation not permitted\n")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev", "Cannot access /dev: Input/output error"),
        ("/", "Cannot access /: Inappropriate ioctl for device"),
        ("/nowhere/x", "Failed to open /nowhere/x: No such file or directory"),
    ],
)
def test_what_is_not_hammer_answers_as_its_file_system_does(
    machine: Machine, path: str, said: str
) -> None:
    assert _refused(machine, "pfs-status", path) == f"hammer: {said}\n"


def test_turn_is_refused_while_a_file_is_open(machine: Machine, ends: tuple[Path, Path]) -> None:
    master, slave = ends
    for number in (1, 2):
        admin.set_knob(machine.path(f"/Backup{number}"), "open_files", "4 1")

    said = [_refused(machine, "pfs-downgrade", master), _refused(machine, "pfs-upgrade", slave)]

    assert said == [
        "hammer: pfs-downgrade of PFS#1 () failed: Directory not empty\n",
        "hammer: pfs-upgrade of PFS#1 () failed: Directory not empty\n",
    ]
    assert os.readlink(master) == "@@-1:00001"
    assert os.readlink(slave).startswith("@@0x")
    admin.set_knob(machine.path("/Backup2"), "open_files", "2")
    assert machine.run([machine.hammer, "pfs-upgrade", slave]).returncode == 0


def test_null_mount_alone_hinders_no_turn(machine: Machine, ends: tuple[Path, Path]) -> None:
    assert machine.run([machine.hammer, "pfs-downgrade", ends[0]]).returncode == 0


@pytest.fixture
def promoted(machine: Machine, ends: tuple[Path, Path]) -> Path:
    """Return a slave that is a master now, on a file system whose TIDs are lower."""
    master = ends[0]
    slave = machine.new_disk("/Low", tid_base=0x1000) / "pfs" / "test"
    uuid = f"shared-uuid={admin.shared_uuid(master)}"
    machine.run([machine.hammer, "pfs-slave", slave, uuid])
    _copy(machine, (master, slave))
    assert machine.run([machine.hammer, "pfs-upgrade", slave]).returncode == 0
    return slave


def test_downgrade_alone_keeps_the_tid_of_the_slave(machine: Machine, promoted: Path) -> None:
    os.readlink(promoted)
    machine.run([machine.hammer, "pfs-downgrade", promoted])

    assert admin.sync_end_tid(promoted) == admin.flush_tid(machine.path("/Backup1"))


def test_mere_look_changes_what_the_downgrade_stores(machine: Machine, promoted: Path) -> None:
    machine.run([machine.hammer, "pfs-status", promoted])
    machine.run([machine.hammer, "pfs-downgrade", promoted])

    assert admin.sync_end_tid(promoted) <= admin.flush_tid(machine.path("/Low"))


def test_look_is_forgotten_by_a_mount(machine: Machine, promoted: Path) -> None:
    machine.run([machine.hammer, "pfs-status", promoted])
    admin.unmount(machine.path("/Low"))
    admin.mount(machine.path("/Low"))
    machine.run([machine.hammer, "pfs-downgrade", promoted])

    assert admin.sync_end_tid(promoted) == admin.flush_tid(machine.path("/Backup1"))


def test_source_holds_its_file_system_and_target_nothing(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    master, slave = ends
    stream = machine.stream("-vv", "-B", "mirror-stream", master, slave)
    stream.wait_until_waiting("wait")
    program = [machine.bin / "umount"]

    busy = machine.run([*program, machine.path("/Backup1")])
    assert busy.returncode == 1
    assert b"Device busy" in busy.stderr
    assert machine.run([*program, machine.path("/Backup2")]).returncode == 0
    said = stream.said()
    admin.mount(machine.path("/Backup2"))
    (machine.path("/Backup1/test") / "more").write_text("more")
    tid = admin.flush(machine.path("/Backup1"))

    wait_for(lambda: admin.sync_end_tid(slave) == tid)
    assert stream.said().startswith(said)
    assert "Lost Link" not in stream.said()


def test_unmounted_slave_is_noticed_at_the_next_batch(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    admin.unmount(machine.path("/Backup2"))
    (machine.path("/Backup1/test") / "more").write_text("more")
    tid = admin.flush(machine.path("/Backup1"))

    stream.wait_until_said("\nLost Link\n")
    assert f"PFS slave {ends[1]} does not exist.\n" in stream.said()
    assert "[y/n] No terminal for response\n" in stream.said()
    admin.mount(machine.path("/Backup2"))
    wait_for(lambda: admin.sync_end_tid(ends[1]) == tid)


def test_destroyed_slave_is_noticed_at_the_next_batch(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    wait_for(lambda: stream.said().endswith(" W"))
    machine.run([machine.hammer, "-d", "pfs-destroy", ends[1]], stdin=b"y\n")
    assert stream.said().endswith(" W")
    (machine.path("/Backup1/test") / "more").write_text("more")
    admin.flush(machine.path("/Backup1"))

    stream.wait_until_said("\nLost Link\n")
    assert f"PFS slave {ends[1]} does not exist.\n" in stream.said()


def test_promotion_of_the_slave_is_noticed_at_the_next_write(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    wait_for(lambda: stream.said().endswith(" W"))
    assert machine.run([machine.hammer, "pfs-upgrade", ends[1]]).returncode == 0
    said = stream.said()
    (machine.path("/Backup1/test") / "more").write_text("more")
    admin.flush(machine.path("/Backup1"))

    stream.wait_until_said("\nLost Link\n")
    assert said.endswith(" W")
    assert "hammer: mirror-write: target must be in slave mode\n" in stream.said()


def test_stream_of_a_downgraded_master_goes_on_after_the_upgrade(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    root, live = machine.path("/Backup1"), machine.path("/Backup1/test")
    admin.publish_in_steps(root, syncer_s=None, time_scale=50)
    admin.synctid(root)
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    wait_for(lambda: stream.said().endswith(" W"))

    assert machine.run([machine.hammer, "pfs-downgrade", ends[0]]).returncode == 0
    assert machine.run([machine.hammer, "pfs-upgrade", ends[0]]).returncode == 0
    admin.mount_null(ends[0], live)
    (live / "more").write_text("more")
    tid = admin.synctid(root)

    wait_for(lambda: admin.sync_end_tid(ends[1]) == tid)
    assert sorted(os.listdir(ends[1])) == ["file", "more"]
    assert "Lost Link" not in stream.said()


def test_killed_source_leaves_its_words_on_the_line_of_its_progress(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.write(machine.path("/Backup1"), 1, 8_000_000)
    admin.set_knob(machine.path("/Backup2"), "slow_write_ms", 20_000)
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("slow_write_ms")
    _, source, _ = group_members(stream.parent.pid)

    os.kill(source, signal.SIGKILL)

    stream.wait_until_said("\nLost Link\n")
    echo = r"tids=\S+ +\d+hammer: read_mrecords: short read on pipe\n\nLost Link\n"
    assert re.search(echo, stream.said())


def test_stream_of_a_destroyed_master_waits_for_ever(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.publish_in_steps(machine.path("/Backup1"), shape="0 content 1", syncer_s=None)
    other = machine.path("/Backup1/pfs/other")
    machine.run([machine.hammer, "pfs-master", other])
    admin.synctid(machine.path("/Backup1"))
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    wait_for(lambda: stream.said().endswith(" W"))
    said = stream.said()

    machine.run([machine.hammer, "-d", "pfs-destroy", ends[0]], stdin=b"y\ny\n")
    assert not ends[0].exists()
    (other / "file").write_text("text")
    admin.synctid(machine.path("/Backup1"))

    waiters = machine.path("/Backup1/.hammerfs/waiters")
    assert len(list(waiters.iterdir())) == 1
    assert (stream.said(), len(stream.group())) == (said, 3)


def test_null_mount_of_a_slave_stays_as_it_was(machine: Machine, ends: tuple[Path, Path]) -> None:
    place = machine.path("/Backup2/mounted")
    place.mkdir()
    with pytest.raises(ValueError, match="can be entered"):
        admin.mount_null(ends[1], place)
    _copy(machine, ends)
    admin.mount_null(ends[1], place)
    live = machine.path("/Backup1/test")
    (live / "file").write_text("changed")
    (live / "later").write_text("later")
    admin.flush(machine.path("/Backup1"))
    _copy(machine, ends)

    assert sorted(os.listdir(ends[1])) == ["file", "later"]
    assert os.listdir(place) == ["file"]
    assert (place / "file").read_text() == "text"
    status = machine.run([machine.hammer, "pfs-status", place]).stdout.decode()
    assert "operating as a SLAVE" in status
    admin.unmount_null(place)
    assert os.listdir(place) == []
    admin.mount_null(ends[1], place)
    assert sorted(os.listdir(place)) == ["file", "later"]
