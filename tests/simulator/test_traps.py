"""Traps: the caller of a program dies before, while or after the program runs, once."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine
from tests.waiting import until

CALLER = """\
import subprocess, sys
done = subprocess.run(sys.argv[1:])
print("returned", done.returncode)
"""


def _call(machine: Machine, *words: object) -> subprocess.CompletedProcess[bytes]:
    """Run a program as the child of another one, whose group is its own."""
    program = machine.path("/caller.py")
    program.write_text(CALLER)
    return machine.run(["python3", program, *map(str, words)])


@pytest.mark.parametrize(("when", "is_made"), [("before", False), ("after", True)])
def test_caller_of_a_command_of_hammer_dies(machine: Machine, when: str, is_made: bool) -> None:
    root = machine.new_disk("/Disk")
    master, other = root / "pfs/data", root / "pfs/other"
    armed = admin.trap(machine.bin, f"pfs-master {master}", when=when)

    passed_by = _call(machine, machine.hammer, "pfs-master", other)
    assert passed_by.stdout.endswith(b"returned 0\n")
    assert (armed.is_armed, other.is_symlink()) == (True, True)
    killed = _call(machine, machine.hammer, "pfs-master", master)
    assert (killed.returncode, armed.is_armed) == (-signal.SIGKILL, False)
    assert (master.is_symlink(), b"returned" in killed.stdout) == (is_made, False)
    again = _call(machine, machine.hammer, "pfs-status", other)
    assert again.stdout.endswith(b"returned 0\n")


def test_program_goes_on_when_its_caller_dies_meanwhile(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    admin.set_knob(machine.path("/Backup2"), "slow_write_ms", 10_000)
    admin.trap(machine.bin, "mirror-copy", when="during")

    killed = _call(machine, machine.hammer, "mirror-copy", master, slave)

    assert killed.returncode == -signal.SIGKILL
    until(lambda: admin.sync_end_tid(slave) > 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_programs_beside_hammer_and_of_the_system(machine: Machine, when: str) -> None:
    root = machine.new_disk("/Disk")
    machine.run([machine.hammer, "pfs-master", root / "pfs/data"])
    admin.trap(machine.bin, "mkdir", when=when)
    admin.trap(machine.bin, "mount_null", when=when)

    for words in (["mkdir", root / "data"], ["mount_null", root / "pfs/data", root / "data"]):
        assert _call(machine, *words).returncode == -signal.SIGKILL
        if when == "before":
            assert _call(machine, *words).stdout.endswith(b"returned 0\n")

    assert [mount.place for mount in admin.mounts(machine.root)][1:] == [str(root / "data")]
    assert b"(null, local)" in _call(machine, "mount").stdout


def test_trap_can_be_removed_and_is_one_a_program(machine: Machine) -> None:
    armed = admin.trap(machine.bin, "pfs-slave")

    with pytest.raises(ValueError, match="is trapped already"):
        admin.trap(machine.bin, "pfs-master")
    with pytest.raises(ValueError, match="later is not one of before, during, after"):
        admin.trap(machine.bin, "pfs-master", when="later")
    assert (armed.remove(), armed.remove(), armed.is_armed) == (True, False, False)
    assert admin.trap(machine.bin, "pfs-slave").is_armed


def test_the_test_itself_is_spared(machine: Machine, tmp_path: Path) -> None:
    admin.trap(machine.bin, "mkdir", when="before")

    done = machine.run(["mkdir", tmp_path / "made"])

    assert (done.returncode, b"not from the test" in done.stderr) == (70, True)
