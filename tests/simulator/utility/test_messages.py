"""Output and exit status of command lines that no recording holds, byte for byte.

The machine has a master /Backup1/pfs/test and a slave of it that was never mirrored.
"""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest

from hammerd.simulator import admin
from hammerd.simulator.utility.arguments import options
from hammerd.simulator.utility.mirror import protocol
from tests.simulator.fixtures.machine import Machine
from tests.waiting import until

_UTILITY = Path(options.__file__).parent
USAGE = (_UTILITY / "usage.txt").read_text()
MIRROR_USAGE = (_UTILITY / "usage_mirror.txt").read_text()
PFS_USAGE = (_UTILITY / "usage_pfs.txt").read_text()

MASTER, SLAVE = "/Backup1/pfs/test", "/Backup2/pfs/test"
NEW = "Creating PFS#2\tsucceeded!\n/Backup2/pfs/new\n"
NO_ENTRY = "No such file or directory\n"
SPIN_CPU_S = 0.5
NOT_HAMMER = "Inappropriate ioctl for device\n"

FAILURES: tuple[tuple[str, str, str], ...] = (
    ("pfs-slave", "", PFS_USAGE),
    ("pfs-upgrade", "", PFS_USAGE),
    ("mirror-write", "", MIRROR_USAGE),
    ("mirror-read a b c", "", MIRROR_USAGE),
    ("-z pfs-status", "", "hammer: illegal option -- z\n" + USAGE),
    ("-t", "", "hammer: option requires an argument -- t\n" + USAGE),
    ("-b 1.5m mirror-stream a b", "", USAGE),
    ("pfs-master /Backup1/pfs/test", "", "hammer: Cannot create {m}, file exists!\n"),
    (
        "pfs-master /Backup1/nodir/x",
        "",
        "hammer: Cannot open directory /Backup1/nodir: " + NO_ENTRY,
    ),
    ("pfs-slave /Backup2/pfs/new bad=1", NEW, "hammer: invalid option: bad\n"),
    ("pfs-slave /Backup2/pfs/new label", NEW, "hammer: option label requires an assignment\n"),
    (
        "pfs-slave /Backup2/pfs/new prune-min=1x",
        NEW,
        "hammer: option 1x: illegal time spec, use Nd or [Nd/]hh[:mm[:ss]]\n",
    ),
    (
        "pfs-slave /Backup2/pfs/new snapshots=rel",
        NEW,
        "option snapshots: 'rel' must be an absolute path\n",
    ),
    (
        "pfs-slave /Backup2/pfs/new snapshots=",
        NEW,
        "option snapshots: '' must be an absolute path\n"
        "use 'snapshots-clear' to unset snapshots dir\n",
    ),
    (
        "pfs-slave /Backup2/pfs/new snapshots=/" + "x" * 64,
        NEW,
        "hammer: option snapshots: path too long, 65 character limit\n",
    ),
    (
        "pfs-slave /Backup2/pfs/new unique-uuid=1",
        NEW,
        "hammer: option unique-uuid: error parsing uuid 1\n",
    ),
    ("pfs-status /nothere", "", "hammer: Failed to open /nothere: " + NO_ENTRY),
    ("pfs-status /plain", "", "hammer: Cannot access /plain: " + NOT_HAMMER),
    ("pfs-status /Backup2/test", "", "hammer: Failed to open /Backup2/test: " + NO_ENTRY),
    ("pfs-upgrade /Backup1/pfs/test", "", "hammer: It is already a master\n"),
    ("pfs-downgrade /Backup2/pfs/test", "", "hammer: It is already a slave\n"),
    ("pfs-downgrade /Backup1", "", "hammer: You cannot downgrade PFS#0\n"),
    ("synctid", "", "hammer synctid <filesystem> [quick]\n"),
    ("synctid /Backup1 slow", "", "hammer synctid <filesystem> [quick]\n"),
    ("synctid /Backup2/test", "", "hammer: Unable to open /Backup2/test: " + NO_ENTRY),
    ("version", "", "hammer: hammer version - expected a single <fs> path arg\n"),
    (
        "version /nothere",
        "",
        "hammer: hammer version: unable to access /nothere: " + NO_ENTRY,
    ),
    (
        "-R mirror-write -R pfs-status pfs-status /Backup1",
        "",
        "hammer: hammer-remote: request does not match restricted command\n",
    ),
    (
        "-T /Backup2/pfs/ -T / mirror-write /Backup1/pfs/test",
        "",
        "hammer: hammer-remote: restricted target\n",
    ),
    (
        "-T /Backup2/pfs/ mirror-write /Backup2/pfs/a/../b",
        "",
        "hammer: hammer-remote: '..' not allowed\n",
    ),
)


@pytest.fixture
def here(machine: Machine) -> Machine:
    machine.master_and_slave()
    machine.path("/plain").mkdir()
    machine.path("/Backup2/test").symlink_to(machine.path(SLAVE))
    return machine


def run(machine: Machine, line: str, stdin: bytes = b"") -> tuple[str, str, int]:
    """Run `hammer LINE` with the paths of this machine; return stdout, stderr and status."""
    place = str(machine.root)
    words = re.sub(r"(?<![\w.])/(?=Backup|plain|nothere)", f"{place}/", line).split(" ")
    done = machine.run([machine.hammer, *words], stdin=stdin)
    output = (done.stdout.decode("latin-1"), done.stderr.decode("latin-1"))
    return output[0].replace(place, ""), output[1].replace(place, ""), done.returncode


@pytest.mark.parametrize(("line", "stdout", "stderr"), FAILURES, ids=lambda text: text[:40])
def test_failure(here: Machine, line: str, stdout: str, stderr: str) -> None:
    assert run(here, line) == (stdout, stderr.replace("{m}", MASTER), 1)


def test_help_ends_before_the_next_option(here: Machine) -> None:
    assert run(here, "-h -z") == ("", USAGE, 0)


def test_quiet_and_verbose_cancel_each_other(here: Machine) -> None:
    assert run(here, "-q version /Backup1")[0].count("\n") == 1
    assert run(here, "-q -v version /Backup1")[0].count("\n") > 1


def test_refused_change_names_the_configuration(here: Machine) -> None:
    admin.set_knob(here.path("/Backup2"), "ronly", 1)
    words = "hammer: Unable to adjust PFS configuration: Read-only file system\n"
    assert run(here, f"pfs-update {SLAVE} label=x") == (f"{SLAVE}\n", words, 1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("3d", "3d"), ("1:2:3", "01:02:03"), ("25", "1d/01:00:00"), ("", "00:00:00"), ("2d/", "2d")],
)
def test_prune_min_is_shown(here: Machine, value: str, shown: str) -> None:
    output, _, status = run(here, f"pfs-update {SLAVE} prune-min={value}")
    assert (f"    prune-min={shown}\n" in output, status) == (True, 0)


def test_destroy_with_d_has_no_countdown(here: Machine) -> None:
    output, _, status = run(here, f"-d pfs-destroy {SLAVE}", b"y\r\n")
    assert output.endswith("Destroying PFS#1 ()\npfs-destroy of PFS#1 succeeded!\n")
    assert status == 0


def test_injected_fault_prevents_the_snapshot(here: Machine) -> None:
    admin.write(here.path("/Backup1"), 1, 1000)
    admin.set_knob(here.path("/Backup2"), "faults", "SET_PSEUDOFS errno 5")
    output = run(here, f"mirror-copy {MASTER} {SLAVE}")[1]
    assert "hammer: update_pfs_snapshot (rewrite): Input/output error\n" in output


def test_read_begins_at_the_given_tid(here: Machine) -> None:
    tid = admin.write(here.path("/Backup1"), 1, 1000)
    output = run(here, f"-vv mirror-read {MASTER} {tid:#x}")[1]
    assert f"Mirror-read: Mirror {tid:016x} to {tid:016x} (bulk=" in output
    assert "Mirror-read: No work to do\n" in output


def test_read_in_bulk_begins_at_the_cycle_file(here: Machine) -> None:
    tid = admin.write(here.path("/Backup1"), 1, 1000)
    cycle = here.root / "cycle"
    cycle.write_bytes(bytes(40) + tid.to_bytes(8, "little"))
    output = run(here, f"-B -c {cycle} mirror-read {MASTER}")[1]
    assert output.startswith(f"Mirror-read: Mirror {tid:016x} to {tid:016x}\n")
    assert "Warning: cycle file (-c option) cannot be fully updated" in output


def test_time_limit_ends_a_read_without_a_target(here: Machine) -> None:
    admin.write(here.path("/Backup1"), 1, 100000)
    admin.set_knob(here.path("/Backup1"), "slow_read_ms", 1500)
    output = run(here, f"-t 1 mirror-read {MASTER}")[1]
    assert re.search(r"interrupted by timer at [0-9a-f]{16}\nMirror-read \S+ succeeded\n$", output)


def test_scoreboard_that_cannot_be_created_is_no_error(here: Machine) -> None:
    admin.write(here.path("/Backup1"), 1, 1000)
    output, words, status = run(here, f"-e /nothere/board mirror-copy {MASTER} {SLAVE}")
    assert (output, status) == ("", 0)
    assert words.endswith(f"Mirror-read {MASTER} succeeded\n")


def test_target_refuses_a_stream_that_names_no_pfs(here: Machine) -> None:
    words = "hammer: validate_mrec_header: did not get expected PFSD record type\n"
    record = protocol.pack_tid(protocol.SYNC, 1)
    assert run(here, f"mirror-write {SLAVE}", record) == ("", words, 1)


def test_parent_spins_after_a_failed_fork(here: Machine) -> None:
    admin.set_knob(here.path("/Backup1"), "fork_fails", 1)
    stream = here.stream("-vv", "-i", "1", "mirror-stream", here.path(MASTER), here.path(SLAVE))
    used = psutil.Process(stream.parent.pid)
    until(lambda: used.cpu_times().user + used.cpu_times().system > SPIN_CPU_S)
    assert stream.group() == [stream.parent.pid]
    assert stream.output() == ""
