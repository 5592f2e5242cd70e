"""The programs beside hammer, refused calls, and kills during a flush."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hammerd.simulator import admin
from hammerd.simulator.kernel.records.record_store import INODE, Record, RecordStore
from tests.simulator.fixtures.machine import Machine


def test_programs_run_the_tutorial(machine: Machine) -> None:
    root, program = machine.path("/Disk"), machine.bin
    assert machine.run([program / "newfs_hammer", "Disk", root]).returncode == 0
    assert machine.run([machine.hammer, "pfs-master", root / "data"]).returncode == 0
    (root / "mounted").mkdir()
    assert machine.run([program / "mount_null", root / "data", root / "mounted"]).returncode == 0
    (root / "mounted" / "file").write_text("text")
    before = admin.flush_tid(root)

    assert machine.run([program / "sync", root]).returncode == 0
    assert admin.flush_tid(root) > before
    assert machine.run([program / "umount", root / "mounted"]).returncode == 0
    assert os.listdir(root / "mounted") == []
    assert machine.run([program / "umount", root]).returncode == 0
    assert os.listdir(root) == []


def test_flush_without_changes_leaves_the_tid(machine: Machine) -> None:
    machine.master_and_slave()
    root = machine.path("/Backup1")
    (machine.path("/Backup1/test") / "file").write_text("text")

    first, second = admin.flush(root), admin.flush(root)

    assert first == second


def test_file_systems_have_tid_bases_of_their_own(machine: Machine) -> None:
    low, high = machine.new_disk("/Low"), machine.new_disk("/High", tid_base=0x500000000)

    assert admin.flush_tid(low) < 0x200000000 < 0x500000000 < admin.flush_tid(high)


def test_impossible_null_mount_is_refused(machine: Machine) -> None:
    master, slave = machine.master_and_slave()

    with pytest.raises(ValueError, match="not the link of a PFS that can be entered"):
        admin.mount_null(slave, machine.path("/Backup2/pfs"))
    with pytest.raises(ValueError, match="mounted already"):
        admin.mount_null(master, machine.path("/Backup1/test"))


def test_torn_last_line_is_skipped_and_cut_off(tmp_path: Path) -> None:
    store = RecordStore(str(tmp_path))
    whole, later = Record(1, INODE, 0, 0x10), Record(2, INODE, 0, 0x20)
    store.append_with_data([(whole, b"whole")], [])
    with Path(store.log_path).open("ab") as log:
        log.write(b"+ 2 1 0 20 0 5")
    assert [whole.identity()] == [record.identity() for record in store.load()]

    store.append_with_data([(later, b"later")], [])

    assert store.data(store.load()) == [b"whole", b"later"]


def test_flush_after_a_killed_flush_stores_all_changes(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    live = machine.path("/Backup1/test")
    for number in range(60):
        (live / f"file{number}").write_bytes(os.urandom(100_000))
    flush = subprocess.Popen([machine.bin / "sync", machine.path("/Backup1")])
    data = Path(machine.path("/Backup1/.hammerfs/pfs/00001/data"))
    while flush.poll() is None and data.stat().st_size < 1_000_000:
        pass
    flush.send_signal(signal.SIGKILL)
    flush.wait()
    (live / "file7").write_text("changed")

    admin.flush(machine.path("/Backup1"))
    machine.run([machine.hammer, "mirror-copy", master, slave])

    assert sorted(os.listdir(live)) == sorted(os.listdir(slave))
    assert all(
        (slave / name).read_bytes() == (live / name).read_bytes() for name in os.listdir(live)
    )
