"""Errors of a full disk, a read-only mount, an ordinary user and open files, as of a kernel."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine, group_members
from tests.waiting import until


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


def test_full_slave_is_an_error_number(machine: Machine, ends: tuple[Path, Path]) -> None:
    admin.set_knob(machine.path("/Backup2"), "full", 1)

    assert "hammer: Mirror-write /Backup2/pfs/test fatal error 28\n" in _copy(machine, ends)
    assert admin.sync_end_tid(ends[1]) == 1
    (machine.path("/Backup1/test") / "file").unlink()
    admin.flush(machine.path("/Backup1"))
    assert "fatal error 28" in _copy(machine, ends)

    admin.set_knob(machine.path("/Backup2"), "full", None)
    assert "Mirror-read /Backup1/pfs/test succeeded" in _copy(machine, ends)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, 97])
def test_any_error_number_is_printed(machine: Machine, ends: tuple[Path, Path], code: int) -> None:
    admin.set_knob(machine.path("/Backup2"), "faults", f"MIRROR_WRITE head {code}")

    assert f"hammer: Mirror-write /Backup2/pfs/test fatal error {code}\n" in _copy(machine, ends)


def test_read_only_slave_is_an_error_text(machine: Machine, ends: tuple[Path, Path]) -> None:
    admin.set_knob(machine.path("/Backup2"), "ronly", 1)

    output = _copy(machine, ends)

    assert "hammer: Mirror-write /Backup2/pfs/test failed: Read-only file system\n" in output


def test_user_may_read_status_and_not_mirror(machine: Machine, ends: tuple[Path, Path]) -> None:
    for number in (1, 2):
        admin.set_knob(machine.path(f"/Backup{number}"), "unprivileged", 1)

    assert _copy(machine, ends) == (
        "Prescan to break up bulk transfer\n"
        "hammer: Mirror-read /Backup1/pfs/test failed: Operation not permitted\n"
        "hammer: validate_mrec_header: short read\n"
    )
    assert machine.run([machine.hammer, "pfs-status", *ends]).returncode == 0
    assert machine.run([machine.hammer, "synctid", machine.path("/Backup1")]).returncode == 0
    output = _refused(machine, "pfs-update", ends[0], "label=new")
    assert output.endswith(": Operation not permitted\n")


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("/dev", "Cannot access /dev: Input/output error"),
        ("/", "Cannot access /: Inappropriate ioctl for device"),
        ("/nowhere/x", "Failed to open /nowhere/x: No such file or directory"),
    ],
)
def test_other_file_system_fails_with_its_own_errno(
    machine: Machine, path: str, output: str
) -> None:
    assert _refused(machine, "pfs-status", path) == f"hammer: {output}\n"


def test_upgrade_and_downgrade_are_refused_while_a_file_is_open(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    master, slave = ends
    for number in (1, 2):
        admin.set_knob(machine.path(f"/Backup{number}"), "open_files", "4 1")

    output = [_refused(machine, "pfs-downgrade", master), _refused(machine, "pfs-upgrade", slave)]

    assert output == [
        "hammer: pfs-downgrade of PFS#1 () failed: Directory not empty\n",
        "hammer: pfs-upgrade of PFS#1 () failed: Directory not empty\n",
    ]
    assert os.readlink(master) == "@@-1:00001"
    assert os.readlink(slave).startswith("@@0x")
    admin.set_knob(machine.path("/Backup2"), "open_files", "2")
    assert machine.run([machine.hammer, "pfs-upgrade", slave]).returncode == 0


def test_null_mount_does_not_prevent_a_downgrade_and_stays(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    live = machine.path("/Backup1/test")
    assert machine.run([machine.hammer, "pfs-downgrade", ends[0]]).returncode == 0

    assert b"operating as a SLAVE" in machine.run([machine.hammer, "pfs-status", live]).stdout
    assert [str(live)] == [mount.place for mount in admin.mounts(machine.root)][2:]
    (live / "lost").write_text("text")
    admin.flush(machine.path("/Backup1"))
    assert machine.run([machine.hammer, "pfs-upgrade", ends[0]]).returncode == 0
    assert sorted(os.listdir(live)) == sorted(os.listdir(ends[0])) == ["file"]
    (live / "later").write_text("text")
    admin.flush(machine.path("/Backup1"))
    assert "succeeded" in _copy(machine, ends)
    assert sorted(os.listdir(ends[1])) == ["file", "later"]


@pytest.fixture
def promoted(machine: Machine, ends: tuple[Path, Path]) -> Path:
    """Return a promoted slave on a file system whose TIDs are lower."""
    master = ends[0]
    slave = machine.new_disk("/Low", tid_base=0x1000) / "pfs" / "test"
    uuid = f"shared-uuid={admin.shared_uuid(master)}"
    machine.run([machine.hammer, "pfs-slave", slave, uuid])
    _copy(machine, (master, slave))
    assert machine.run([machine.hammer, "pfs-upgrade", slave]).returncode == 0
    return slave


@pytest.mark.parametrize("is_looked_at", [False, True])
def test_downgrade_stores_the_tid_of_the_file_system_even_a_lower_one(
    machine: Machine, promoted: Path, *, is_looked_at: bool
) -> None:
    if is_looked_at:
        machine.run([machine.hammer, "pfs-status", promoted])
    assert machine.run([machine.hammer, "pfs-downgrade", promoted]).returncode == 0

    assert admin.sync_end_tid(promoted) <= admin.flush_tid(machine.path("/Low"))
    assert not promoted.exists()  # it had no root at that TID


def test_promotion_is_taken_back_with_the_tid_of_before(
    machine: Machine, ends: tuple[Path, Path], promoted: Path
) -> None:
    tid = admin.flush_tid(machine.path("/Backup1"))
    machine.run([machine.hammer, "pfs-downgrade", promoted])
    assert machine.run([machine.hammer, "pfs-update", promoted, f"sync-end-tid={tid:#x}"])
    (machine.path("/Backup1/test") / "more").write_text("more")
    admin.flush(machine.path("/Backup1"))

    assert os.listdir(promoted) == ["file"]
    assert "succeeded" in _copy(machine, (ends[0], promoted))
    assert sorted(os.listdir(promoted)) == ["file", "more"]


def test_upgrade_at_a_lower_tid_deletes_everything(
    machine: Machine, ends: tuple[Path, Path], promoted: Path
) -> None:
    for command in ("pfs-downgrade", "pfs-upgrade"):
        assert machine.run([machine.hammer, command, promoted]).returncode == 0

    assert os.listdir(promoted) == []


def test_mirroring_deletes_what_only_the_slave_wrote(
    machine: Machine, ends: tuple[Path, Path], promoted: Path
) -> None:
    (promoted / "own").write_text("own")
    admin.flush(machine.path("/Low"))
    machine.run([machine.hammer, "pfs-downgrade", promoted])

    assert "succeeded" in _copy(machine, (ends[0], promoted))
    assert os.listdir(promoted) == ["file"]


def test_mirroring_does_not_mend_what_the_slave_overwrote(
    machine: Machine, ends: tuple[Path, Path], promoted: Path
) -> None:
    (promoted / "file").write_text("a longer text")
    admin.flush(machine.path("/Low"))
    machine.run([machine.hammer, "pfs-downgrade", promoted])

    assert "succeeded" in _copy(machine, (ends[0], promoted))
    assert stat.S_ISFIFO((promoted / "file").lstat().st_mode)


def test_source_prevents_an_unmount_and_target_does_not(
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
    output = stream.output()
    admin.mount(machine.path("/Backup2"))
    (machine.path("/Backup1/test") / "more").write_text("more")
    tid = admin.flush(machine.path("/Backup1"))

    until(lambda: admin.sync_end_tid(slave) == tid)
    assert stream.output().startswith(output)
    assert "Lost Link" not in stream.output()


def test_unmounted_slave_is_detected_at_the_next_batch(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    admin.unmount(machine.path("/Backup2"))
    (machine.path("/Backup1/test") / "more").write_text("more")
    tid = admin.flush(machine.path("/Backup1"))

    stream.wait_until_printed("\nLost Link\n")
    assert f"PFS slave {ends[1]} does not exist.\n" in stream.output()
    assert "[y/n] No terminal for response\n" in stream.output()
    admin.mount(machine.path("/Backup2"))
    until(lambda: admin.sync_end_tid(ends[1]) == tid)


def test_destroyed_slave_is_detected_at_the_next_batch(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    until(lambda: stream.output().endswith(" W"))
    machine.run([machine.hammer, "-d", "pfs-destroy", ends[1]], stdin=b"y\n")
    assert stream.output().endswith(" W")
    (machine.path("/Backup1/test") / "more").write_text("more")
    admin.flush(machine.path("/Backup1"))

    stream.wait_until_printed("\nLost Link\n")
    assert f"PFS slave {ends[1]} does not exist.\n" in stream.output()


def test_promotion_of_the_slave_is_detected_at_the_next_write(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    until(lambda: stream.output().endswith(" W"))
    assert machine.run([machine.hammer, "pfs-upgrade", ends[1]]).returncode == 0
    output = stream.output()
    (machine.path("/Backup1/test") / "more").write_text("more")
    admin.flush(machine.path("/Backup1"))

    stream.wait_until_printed("\nLost Link\n")
    assert output.endswith(" W")
    assert "hammer: mirror-write: target must be in slave mode\n" in stream.output()


def test_stream_of_a_downgraded_master_continues_after_the_upgrade(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    root, live = machine.path("/Backup1"), machine.path("/Backup1/test")
    admin.publish_in_steps(root, syncer_s=None, time_scale=50)
    admin.synctid(root)
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    until(lambda: stream.output().endswith(" W"))

    assert machine.run([machine.hammer, "pfs-downgrade", ends[0]]).returncode == 0
    assert machine.run([machine.hammer, "pfs-upgrade", ends[0]]).returncode == 0
    (live / "more").write_text("more")
    tid = admin.synctid(root)

    until(lambda: admin.sync_end_tid(ends[1]) == tid)
    assert sorted(os.listdir(ends[1])) == ["file", "more"]
    assert "Lost Link" not in stream.output()


def test_error_after_a_killed_source_is_on_the_progress_line(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.write(machine.path("/Backup1"), 1, 8_000_000)
    admin.set_knob(machine.path("/Backup2"), "slow_write_ms", 20_000)
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("slow_write_ms")
    _, source, _ = group_members(stream.parent.pid)

    os.kill(source, signal.SIGKILL)

    stream.wait_until_printed("\nLost Link\n")
    echo = r"tids=\S+ +\d+hammer: read_mrecords: short read on pipe\n\nLost Link\n"
    assert re.search(echo, stream.output())


def test_stream_of_a_destroyed_master_waits_for_ever(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.publish_in_steps(machine.path("/Backup1"), shape="0 content 1", syncer_s=None)
    other = machine.path("/Backup1/pfs/other")
    machine.run([machine.hammer, "pfs-master", other])
    admin.synctid(machine.path("/Backup1"))
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    until(lambda: stream.output().endswith(" W"))
    output = stream.output()

    machine.run([machine.hammer, "-d", "pfs-destroy", ends[0]], stdin=b"y\ny\n")
    assert not ends[0].exists()
    (other / "file").write_text("text")
    admin.synctid(machine.path("/Backup1"))

    waiters = machine.path("/Backup1/.hammerfs/waiters")
    assert len(list(waiters.iterdir())) == 1
    assert (stream.output(), len(stream.group())) == (output, 3)


def test_null_mount_of_a_slave_stays_as_it_was(machine: Machine, ends: tuple[Path, Path]) -> None:
    place = machine.path("/Backup2/mounted")
    place.mkdir()
    with pytest.raises(FileNotFoundError):
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
