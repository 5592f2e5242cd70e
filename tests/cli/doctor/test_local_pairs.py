"""`hammerd doctor` names the fault of a broken set-up in its first bad line: local pairs."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from hammerd.cli.check import bounded_command, path_check
from hammerd.cli.doctor.lines.findings import not_tried
from hammerd.cli.doctor.system import machine
from hammerd.cli.main import main
from hammerd.core.hosts.host import THIS_HOST
from hammerd.daemon.paths import probe_program
from hammerd.simulator import admin
from tests.cli.doctor.patient import Patient
from tests.daemon.rights import ROOT_ONLY
from tests.daemon.small_disk import a_small_disk


def test_nothing_is_bad_where_all_is_well(patient: Patient):
    found = patient.examine()

    assert (found.code, found.bad, found.not_tried) == (0, [], [])
    assert [found.label(line) for line in found.lines] == [
        *("hammer", "master mount", "master path", "master pfs"),
        *("slave mount", "slave path", "slave pfs", "slave space"),
        *("unique_uuid", "shared_uuid", "role", "tid", "file_system"),
        *("master fstab", "slave fstab", "crontab", "stream", "dmesg"),
    ]


def test_text_shows_each_line_and_the_hint_of_a_bad_one(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "1000")
    patient.write("crontab", f"@reboot root hammer mirror-stream {patient.master} {patient.slave}")
    config = patient.disks.config(patient.master, patient.slave)

    code = main(["doctor", "-c", str(config)])

    out, err = patient.capsys.readouterr()
    assert (code, err) == (1, "")
    first, *_ = out.splitlines()
    assert first == "this host"
    assert "\n  ok         slave pfs" in out
    bad = out.partition("  BAD        crontab       ")[2]
    assert bad.startswith(f"{patient.files.crontabs[0]}: @reboot root hammer mirror-stream")
    assert "\n      hint: delete this line" in bad


# --- hammer ----------------------------------------------------------------------------------


def test_a_missing_hammer_is_named(patient: Patient):
    found = patient.examine(daemon=f'hammer = "{patient.disks.root}/none"')

    assert found.bad == ["hammer"]
    assert "is not there" in str(found.first_bad["what"])
    assert "master pfs" in found.not_tried
    assert "role" in found.not_tried


def test_a_program_that_is_no_hammer_is_named(patient: Patient):
    found = patient.examine(daemon='hammer = "/bin/echo"')

    assert found.bad == ["hammer"]
    assert "is no hammer: -h" in str(found.first_bad["what"])


# --- paths and mounts ------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["master", "slave"])
@pytest.mark.parametrize(
    ("typo", "cause"), [("pfs/typo", "pfs_missing"), ("psf/a", "file_system_missing")]
)
def test_a_path_with_a_typo_is_named(patient: Patient, end: str, typo: str, cause: str):
    found = patient.examine(**{end: patient.disks.fs(1) / typo})

    assert found.bad == [f"{end} path"]
    assert found.first_bad["what"] == cause
    assert "role" in found.not_tried


@pytest.mark.parametrize("end", ["master", "slave"])
def test_a_directory_outside_hammer_is_named(patient: Patient, end: str):
    plain = patient.disks.root / f"plain-{end}"
    plain.mkdir()

    found = patient.examine(**{end: plain})

    assert found.bad == [f"{end} pfs"]
    assert "a plain directory outside HAMMER" in str(found.first_bad["hint"])


@pytest.mark.parametrize("end", ["master", "slave"])
def test_a_missing_null_mount_is_named(patient: Patient, end: str):
    directory = patient.disks.fs(1 if end == "master" else 2) / "a"
    directory.mkdir()

    found = patient.examine(**{end: directory})

    assert found.bad == [f"{end} pfs"]
    assert found.first_bad["what"] == "null_mount_missing"


def test_a_null_mount_of_fstab_that_is_not_mounted_is_named(patient: Patient):
    directory = patient.disks.fs(2) / "of-fstab"
    directory.mkdir()
    with (patient.disks.root / "fstab").open("a") as file:
        file.write(f"{patient.slave} {directory} null rw 0 0\n")

    found = patient.examine(slave=directory)

    assert found.bad == ["slave mount"]
    assert found.first_bad["what"] == f"{directory} is in /etc/fstab and not mounted"


def test_a_file_system_of_fstab_that_is_not_mounted_is_named(patient: Patient):
    patient.write("mount", "ROOT on / (hammer, local)\n")

    found = patient.examine()

    assert found.bad[0] == "master mount"
    assert f"{patient.disks.fs(1)} is in /etc/fstab" in str(found.first_bad["what"])


def test_a_file_system_that_turned_read_only_is_named(patient: Patient):
    mounts = (patient.disks.root / "mount").read_text()
    where = f"on {patient.disks.fs(2)} (hammer, local"
    patient.write("mount", mounts.replace(where, f"{where}, read-only"))

    found = patient.examine()

    assert found.bad == ["slave mount"]
    assert "mount -uw" in str(found.first_bad["hint"])


# --- the two PFSs ----------------------------------------------------------------------------


def test_another_uuid_is_named(patient: Patient):
    other = patient.disks.slave(patient.disks.master("other"), "other")

    found = patient.examine(slave=other)

    assert found.bad == ["shared_uuid"]
    assert found.first_bad["what"] == "uuid_mismatch"
    assert "role" in found.not_tried


def test_a_slave_that_is_a_master_is_named(patient: Patient):
    promoted = patient.disks.slave(patient.master, "promoted")
    patient.disks.run("mirror-copy", patient.master, promoted)
    patient.disks.run("pfs-upgrade", promoted)

    found = patient.examine(slave=promoted)

    assert found.bad == ["role"]
    assert found.first_bad["what"] == "not_a_slave"


def test_swapped_ends_are_named(patient: Patient):
    found = patient.examine(patient.slave, patient.master)

    assert found.bad == ["role"]
    assert "the ends are swapped" in str(found.first_bad["what"])


def test_one_pfs_at_both_ends_is_named(patient: Patient):
    alias = patient.disks.root / "alias-of-the-slave"
    alias.symlink_to(patient.slave)

    found = patient.examine(alias)

    assert found.bad[0] == "unique_uuid"
    assert found.first_bad["what"] == "same_pfs"


def test_the_root_of_a_file_system_as_slave_is_named(patient: Patient):
    found = patient.examine(slave=patient.disks.fs(2))

    assert found.bad == ["slave pfs"]


def test_a_slave_ahead_of_its_master_is_named(patient: Patient):
    ahead = patient.disks.slave(patient.master, "ahead")
    patient.disks.run("pfs-update", ahead, "sync-end-tid=0x900000000")

    found = patient.examine(slave=ahead)

    assert found.bad == ["tid"]
    assert "0x0000000900000000 is ahead" in str(found.first_bad["what"])


def test_a_full_slave_is_named(patient: Patient):
    disks = patient.disks
    with a_small_disk(disks.fs(3), kib=1024) as disk:
        admin.new_file_system(disks.fs(3), "Backup3")
        (disks.fs(3) / "pfs").mkdir()
        slave = disks.slave(patient.master, "a", 3)
        disk.fill()

        found = patient.examine(slave=slave)

    assert found.bad == ["slave space"]
    assert found.first_bad["what"] == "0.0 % of its file system is free"


# --- a boot, and other streams ---------------------------------------------------------------


def test_a_line_that_fstab_lacks_is_named(patient: Patient):
    patient.write("fstab", f"/dev/da1 {patient.disks.fs(1)} hammer rw 2 2\n")

    found = patient.examine()

    assert found.bad == ["slave fstab"]
    assert f"{patient.disks.fs(2)} is mounted now" in str(found.first_bad["what"])


def test_a_line_that_does_not_mount_at_boot_is_named(patient: Patient):
    fstab = (patient.disks.root / "fstab").read_text()
    patient.write("fstab", fstab.replace("rw", "rw,noauto"))

    assert patient.examine().bad == ["master fstab", "slave fstab"]


@pytest.mark.parametrize("crontab", ["crontab", "root.crontab"])
@pytest.mark.parametrize("name", ["slave", "alias"])
def test_a_forgotten_line_of_a_crontab_is_named(patient: Patient, crontab: str, name: str):
    alias = patient.disks.root / f"alias-{crontab}-{name}"
    alias.symlink_to(patient.slave)
    slave = alias if name == "alias" else patient.slave
    line = f"@reboot  hammer mirror-stream {patient.master} {slave}"
    patient.write(crontab, f"# {line}\n{line}\n")

    found = patient.examine()

    assert found.bad == ["crontab"]
    assert str(found.first_bad["what"]).endswith(" ".join(line.split()))


def test_a_stream_of_somebody_else_is_named(patient: Patient):
    words = f"hammer mirror-stream {patient.master} {patient.slave}"
    patient.write("ps", f"    1 /sbin/init\n  812 {words}\n")

    found = patient.examine()

    assert found.bad == ["stream"]
    assert "kill -TERM -- -812" in str(found.first_bad["hint"])


def test_a_stream_of_hammerd_is_no_fault(patient: Patient):
    words = f"hammer mirror-stream {patient.master} {patient.slave}"
    patient.write("ps", f"  813 {words}\n")
    (patient.disks.root / "run/streams").mkdir(parents=True, exist_ok=True)
    patient.write("run/streams/813.json", "{}")

    assert patient.examine().bad == []


@pytest.mark.parametrize(
    "line",
    [
        "CRC DATA @ 9000000001234567/16384 FAILED",
        "HAMMER(Backup1): Critical error inode=-1 error=5 while syncing inodes",
        "HAMMER(Backup2): Forcing read-only mode",
    ],
)
def test_a_complaint_of_the_kernel_is_named(patient: Patient, line: str):
    patient.write("dmesg", f"HAMMER(Backup1) recovery complete\n{line}\nda0: attached\n")

    found = patient.examine()

    assert found.bad == ["dmesg"]
    assert line in str(found.first_bad["what"])


# --- limits ----------------------------------------------------------------------------------


def test_a_command_that_hangs_leaves_its_own_lines_untried(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
):
    os.mkfifo(patient.disks.root / "fifo")
    patient.files = machine.Files(
        patient.files.fstab,
        (str(patient.disks.root / "fifo"),),
        ("cat", str(patient.disks.root / "fifo")),
        ("cat", str(patient.disks.root / "fifo")),
        patient.files.ps,
    )
    monkeypatch.setattr(machine, "FILES_HERE", patient.files)
    monkeypatch.setattr(machine, "COMMAND_TIMEOUT_S", 2.0)

    found = patient.examine()

    assert found.bad == []
    assert found.not_tried == [
        *("master mount", "slave mount", "master fstab", "slave fstab", "crontab", "dmesg")
    ]


def test_a_path_that_hangs_is_named_and_those_after_it_are_not_tried(
    patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hanging = tmp_path / "probe_program.py"
    hanging.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(probe_program, "__file__", str(hanging))
    monkeypatch.setattr(path_check, "TIMEOUT_S", 0.3)

    found = patient.examine()

    assert found.bad == ["master path"]
    assert found.first_bad["what"] == "probe_timeout"
    assert {"slave path", "slave pfs", "role"} <= set(found.not_tried)


@ROOT_ONLY
def test_a_file_of_root_is_not_tried_by_another_user():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        crontab = Path(directory) / "root"
        crontab.write_text("")
        crontab.chmod(0o600)
        os.seteuid(65534)
        try:
            found = machine.Machine(THIS_HOST).read(str(crontab))
        finally:
            os.seteuid(0)

    assert found == not_tried(f"cat {crontab}: needs root")


def test_output_without_end_is_cut(patient: Patient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounded_command, "MOST_OUTPUT_BYTES", 1000)

    done = bounded_command.run_command(("yes",), 30.0)

    assert done.is_late
    assert len(done.out) < 1 << 20


def test_an_unknown_pair_is_wrong_usage(patient: Patient):
    config = patient.disks.config(patient.master, patient.slave)

    code = main(["doctor", "-c", str(config), "b", "b*"])

    assert code == 64
    assert 'no such pair: "b"; no pair matches "b*"' in patient.capsys.readouterr().err


def test_a_config_with_faults_ends_with_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "h.toml").write_text("[pairs.a]\n")

    assert main(["doctor", "-c", str(tmp_path / "h.toml")]) == 78
    assert "pairs.a.master: is missing" in capsys.readouterr().err


def test_a_disabled_pair_is_examined_by_name_only(patient: Patient):
    patient.rest = '[pairs.b]\nmaster = "/none"\nslave = "/nothing"\nenabled = false\n'
    config = patient.disks.root / "h.toml"

    assert patient.examine().bad == []
    assert main(["doctor", "-c", str(config), "b*"]) == 69
    assert "disabled in the config: b" in patient.capsys.readouterr().err
    assert main(["doctor", "--json", "-c", str(config), "b"]) == 1
    assert {line["pair"] for line in json.loads(patient.capsys.readouterr().out)["lines"]} == {
        None,
        "b",
    }
