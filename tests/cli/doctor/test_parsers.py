"""The doctor reads mount, fstab, df, dmesg and a batch of far commands."""

from pathlib import Path

import pytest

from hammerd.cli.check.bounded_command import CommandResult
from hammerd.cli.doctor.lines.findings import Outcome
from hammerd.cli.doctor.ssh.batch import MARK, fetch, parse_batch
from hammerd.cli.doctor.ssh.far_end import parse_df
from hammerd.cli.doctor.system import machine
from hammerd.cli.doctor.system.kernel_log import complaints
from hammerd.cli.doctor.system.mount_table import boot_finding, mount_finding
from hammerd.core.api.free_space import FreeSpace
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.system.mounts import Mount, parse_fstab, parse_mounts

DRAGONFLY_MOUNTS = """\
ROOT on / (hammer, noatime, local)
devfs on /dev (devfs, nosymfollow, local)
/dev/serno/VB.s1a on /boot (ufs, local)
/pfs/@@-1:00001 on /var (null, local)
Backup1 on /Backup1 (hammer, local, read-only)
"""


def test_mounts_of_dragonfly_are_read():
    mounts = parse_mounts(DRAGONFLY_MOUNTS)

    assert [(each.where, each.kind) for each in mounts] == [
        *(("/", "hammer"), ("/dev", "devfs"), ("/boot", "ufs")),
        *(("/var", "null"), ("/Backup1", "hammer")),
    ]
    assert "read-only" in mounts[-1].options


def test_mounts_of_linux_are_read():
    (mount,) = parse_mounts("/dev/vda on / type ext4 (rw,relatime)\nnonsense\n")

    assert mount == Mount("/dev/vda", "/", "ext4", frozenset({"rw", "relatime"}))


def test_fstab_is_read_with_comments_and_escapes():
    text = (
        "# Device\n\n/dev/da1 /My\\040Disk/ hammer rw,noauto 2 2 # old\nproc /proc procfs\n"
        "/dev/da0 / hammer rw 1 1\n"
    )

    assert parse_fstab(text) == (
        Mount("/dev/da1", "/My Disk", "hammer", frozenset({"rw", "noauto"})),
        Mount("/dev/da0", "/", "hammer", frozenset({"rw"})),
    )


def mounted(*places: tuple[str, str]) -> tuple[Mount, ...]:
    return tuple(Mount("D", where, kind, frozenset({"rw"})) for where, kind in places)


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/Backup1/pfs/a", Outcome.OK),
        ("/Backup12/pfs/a", Outcome.OK),
        ("/Backup2/pfs/a", Outcome.BAD),
        ("/Backup1/a/file", Outcome.BAD),
    ],
)
def test_a_path_needs_the_mounts_of_fstab_above_it(path: str, outcome: Outcome):
    now = mounted(("/", "hammer"), ("/Backup1", "hammer"))
    fstab = mounted(("/Backup1", "hammer"), ("/Backup2", "hammer"), ("/Backup1/a", "null"))

    assert mount_finding((path,), now, fstab).outcome is outcome


def test_each_mount_of_hammer_above_a_path_is_needed_at_boot():
    now = mounted(("/", "hammer"), ("/Backup1", "hammer"), ("/Backup1/a", "null"), ("/t", "tmpfs"))

    both = boot_finding(("/Backup1/a",), now, mounted(("/Backup1", "hammer")))
    one = boot_finding(("/Backup1/pfs/a",), now, mounted(("/Backup1", "hammer")))
    other = boot_finding(("/t/pfs/a",), now, ())

    assert (both.outcome, one.outcome, other.outcome) == (Outcome.BAD, Outcome.OK, Outcome.OK)
    assert "/Backup1/a is mounted now" in both.what


@pytest.mark.parametrize(
    "line", ["B2 1000 900 100 90% /Backup2", "a-long-name\n     1000 900 100 90% /Backup2"]
)
def test_sizes_of_df_are_read(line: str):
    head = "Filesystem 1K-blocks Used Avail Capacity Mounted on\n"

    assert parse_df(head + line) == FreeSpace(100 << 10, 1000 << 10)
    assert parse_df(head) is None


def test_kernel_messages_that_are_no_complaints_are_left_out():
    quiet = (
        "HAMMER(ROOT) recovery check seqno=0010d2d5\n"
        "HAMMER(ROOT) recovery range 3000000001f3b1a0-3000000001f3b1a0\n"
        "HAMMER(Backup1) mounted clean, no recovery needed\n"
        "HAMMER: read-write -> read-only\n"
        "da0: 300.000MB/s transfers\n"
        "em0: CRC offload enabled\n"
    )
    loud = "hammer_btree_extract: CRC DATA @ 9000000000f08000/16384 FAILED\n"

    assert complaints(quiet + loud) == (loud.strip(),)


def test_results_of_a_batch_are_those_before_the_command_that_hangs():
    out = f"B on / (hammer)\n\n{MARK} 0\ncat: x: No such file\n\n{MARK} 1\nhalf a li".encode()

    assert list(parse_batch(out)) == [
        CommandResult(0, b"B on / (hammer)\n"),
        CommandResult(1, b"cat: x: No such file\n", b"cat: x: No such file\n"),
    ]


def test_of_a_batch_that_hangs_only_the_hanging_command_counts_as_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine, "LOGIN_TIMEOUT_S", 2.0)
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n')
    ssh.chmod(0o755)
    host = machine.Machine(SshHost("far", settings=SshSettings(program=str(ssh))))
    words = (("echo", "one"), ("sleep", "1000"), ("echo", "two"))
    fetch(host, [host.host.program(each) for each in words])
    ssh.write_text("#!/bin/sh\necho again\n")

    one, sleep, two = (host.run(*each) for each in words)

    assert (one.status, one.text.strip()) == (0, "one")
    assert sleep.is_late
    assert two.text == "again\n"
