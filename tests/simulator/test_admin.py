"""The programs beside hammer, refused calls, and kills during a flush."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel.records.record_store import INODE, Record, RecordStore
from tests.simulator.fixtures.machine import Machine

ROLES = ("master", "slave")


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


def test_new_pfs_is_as_the_commands_make_it(machine: Machine) -> None:
    first, second = machine.new_disk("/First"), machine.new_disk("/Second")
    master, slave = first / "pfs/master", first / "pfs/slave"
    machine.run([machine.hammer, "pfs-master", master])
    uuid = admin.shared_uuid(master)
    machine.run([machine.hammer, "pfs-slave", slave, f"shared-uuid={uuid}"])

    admin.new_slave(second / "pfs/slave", admin.new_master(second / "pfs/master"))

    assert admin.shared_uuid(second / "pfs/slave") == admin.shared_uuid(second / "pfs/master")
    shown = [_shown(machine, root) for root in (first, second)]
    assert shown[0] == shown[1]


def _shown(machine: Machine, root: Path) -> tuple[set[str], str, str]:
    names = {f"{path.relative_to(root)} {path.lstat().st_mode:o}" for path in root.rglob("*")}
    done = [machine.run([machine.hammer, "pfs-status", root / "pfs" / name]) for name in ROLES]
    # Uuids and the master's TID are random.
    master, slave = (re.sub(r"uuid=\S+", "uuid", each.stdout.decode()) for each in done)
    return names, master.partition("label")[2], slave.partition("PFS#")[2]


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

    words = [
        (slave, "/Backup2/pfs", 64, f"{slave}: No such file"),
        (master, "/Backup1/nowhere", 64, f"{machine.path('/Backup1/nowhere')}: No such file"),
        (master, "/Backup1/test", 1, "Device busy"),
        (master, "/Backup1/pfs", 1, "Device busy"),
        (machine.path("/Backup1"), "/Backup1/pfs", 1, f"{machine.path('/Backup1')} is not the"),
        (master, "/", 1, f"{machine.root} is not in {machine.path('/Backup1')}"),
    ]
    for link, place, status, text in words:
        done = machine.run([machine.bin / "mount_null", link, machine.path(place)])
        assert (
            done.returncode,
            done.stderr.decode().partition("mount_null: ")[2][: len(text)],
        ) == (
            status,
            text,
        )
    done = machine.run([machine.bin / "umount", machine.path("/Backup1/pfs")])
    assert (done.returncode, done.stderr) == (
        1,
        f"umount: unmount of {machine.path('/Backup1/pfs')} failed: Invalid argument\n".encode(),
    )


def test_mounts_are_listed_and_fstab_brings_them_back(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    admin.set_knob(machine.path("/Backup2"), "as_of", 1)
    machine.run([machine.hammer, "mirror-copy", master, slave])
    tid = admin.sync_end_tid(slave)
    machine.path("/Backup2/mounted").mkdir()
    (machine.path("/Backup1/test") / "file").write_text("text")
    assert machine.run([machine.bin / "mount_null", slave, "Backup2/mounted"]).returncode == 0

    done = machine.run([machine.bin / "mount"])
    assert done.stdout.decode().replace(str(machine.root), "").splitlines() == [
        "Backup1 on /Backup1 (hammer, local)",
        "Backup2 on /Backup2 (hammer, local)",
        "/Backup1/pfs/@@-1:00001 on /Backup1/test (null, local)",
        f"/Backup2/pfs/@@{tid:#018x}:00001 on /Backup2/mounted (null, local)",
    ]
    lines = machine.run([machine.bin / "mount", "-p", "-t", "null"]).stdout.decode().splitlines()
    assert lines[0] == f"{master.parent}/@@-1:00001\t{machine.path('/Backup1/test')}\tnull rw\t0 0"
    assert len(lines) == 2
    fstab = machine.path("/fstab")
    fstab.write_text(
        f"# Device Mountpoint FStype Options Dump Pass#\n\n/dev/ad0 / hammer rw 1 1\n"
        f"{master}\t{machine.path('/Backup1/test')} null rw 0 0\n"
        f"{slave} {machine.path('/Backup2/mounted')} null rw,noauto 0 0\n"
        f"{slave} {machine.path('/Backup2/nowhere')} null rw 0 0\n"
    )
    (failed,) = admin.reboot(machine.root, fstab)
    assert "/Backup2/nowhere: [Errno 2] No such file" in failed
    assert [mount.place for mount in admin.mounts(machine.root)][2:] == [
        str(machine.path("/Backup1/test"))
    ]
    assert os.listdir(machine.path("/Backup1/test")) == ["file"]
    assert os.listdir(machine.path("/Backup2/mounted")) == []
    assert admin.mount_fstab(fstab) == [failed]


def test_open_files_are_listed_with_their_holders(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    live = machine.path("/Backup1/test")
    (live / "file").write_text("text")
    machine.path("/Backup1/pfs/other")
    machine.run([machine.hammer, "pfs-master", machine.path("/Backup1/pfs/other")])
    holders = "1 franz vi 812 file\n1 root sh 99\n2 root tail 7"
    admin.set_knob(machine.path("/Backup1"), "open_files", holders)

    whole = machine.run([machine.bin / "fstat", "-f", master]).stdout.decode().splitlines()
    assert whole[0].split()[:5] == ["USER", "CMD", "PID", "FD", "PATH"]
    assert [line.split()[:5] for line in whole[1:]] == [
        ["franz", "vi", "812", "3", str(live / "file")],
        ["root", "sh", "99", "wd", str(live)],
    ]
    one = machine.run([machine.bin / "fstat", live / "file"]).stdout.decode().splitlines()
    assert [line.split()[-1] for line in one] == ["NAME", str(live / "file")]
    assert machine.run([machine.bin / "fstat"]).stdout.count(b"\n") == 4
    assert machine.run([machine.bin / "fstat", "-f", slave.parent]).stdout.count(b"\n") == 1
    missing = machine.run([machine.bin / "fstat", slave])
    assert (missing.returncode, b": No such file or directory" in missing.stderr) == (1, True)
    refused = machine.run([machine.hammer, "pfs-downgrade", master]).stderr
    assert b"failed: Directory not empty" in refused
    busy = machine.run([machine.bin / "umount", live])
    assert (busy.returncode, busy.stderr) == (
        1,
        f"umount: unmount of {live} failed: Device busy\n".encode(),
    )


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
