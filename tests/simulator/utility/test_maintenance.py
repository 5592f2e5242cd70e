"""history, prune-everything, reblock and version-upgrade, in the words of a kernel's hammer."""

import re
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, time_scale=20)
    for disk in ("/Backup1", "/Backup2"):
        machine.new_disk(disk)
    hammer(machine, "pfs-master", "/Backup1/pfs/test")
    uuid = admin.shared_uuid(machine.path("/Backup1/pfs/test"))
    hammer(machine, "pfs-slave", "/Backup2/pfs/test", f"shared-uuid={uuid}")
    return machine


def hammer(machine: Machine, *words: str) -> tuple[int, str]:
    shown = [str(machine.path(word)) if word.startswith("/") else word for word in words]
    done = machine.run([machine.hammer, *shown])
    output = (done.stdout + done.stderr).decode()
    return done.returncode, output.replace(str(machine.root), "")


def copy(machine: Machine) -> str:
    return hammer(machine, "mirror-copy", "/Backup1/pfs/test", "/Backup2/pfs/test")[1]


def test_full_slave_takes_a_copy_after_pruning_and_reblocking(machine: Machine) -> None:
    file = machine.path("/Backup1/pfs/test") / "file"
    file.write_text("a")
    admin.flush(machine.path("/Backup1"))
    admin.set_knob(machine.path("/Backup2"), "full", 1)
    assert "fatal error 28" in copy(machine)

    assert hammer(machine, "reblock", "/Backup2")[0] == 0
    assert "fatal error 28" in copy(machine)

    assert hammer(machine, "prune-everything", "/Backup2/pfs/test")[0] == 0
    status, reblocked = hammer(machine, "reblock", "/Backup2")
    assert (status, "Reblock /Backup2 succeeded" in reblocked) == (0, True)
    assert "succeeded" in copy(machine)


def test_prune_everything_prints_as_a_kernel_s(machine: Machine) -> None:
    file = machine.path("/Backup1/pfs/test") / "file"
    for text in ("a", "b"):
        file.write_text(text)
        admin.flush(machine.path("/Backup1"))

    status, output = hammer(machine, "prune-everything", "/Backup1/pfs/test")

    lines = output.splitlines()
    assert status == 0
    assert lines[:4] == [
        "Prune /Backup1/pfs/test/: EVERYTHING",
        "Prune /Backup1/pfs/test/: objspace 8000000000000000:0000 7fffffffffffffff:ffff pfs_id 1",
        "Prune /Backup1/pfs/test/: prune_min is 0d/00:00:00",
        "Prune /Backup1/pfs/test/ succeeded",
    ]
    assert not lines[4].startswith("Pruned 0/")


def test_version_is_raised_and_never_lowered(machine: Machine) -> None:
    assert hammer(machine, "version-upgrade", "/Backup1", "7") == (
        0,
        "hammer version-upgrade: succeeded\n",
    )
    assert "current=7" in hammer(machine, "version", "/Backup1")[1]
    assert hammer(machine, "version-upgrade", "/Backup1", "6")[0] == 1
    assert "current=7" in hammer(machine, "version", "/Backup1")[1]


def test_history_names_the_tids_at_which_a_file_changed(machine: Machine) -> None:
    file = machine.path("/Backup1/pfs/test") / "file"
    tids = []
    for text in ("a", "bb"):
        file.write_text(text)
        tids.append(admin.flush(machine.path("/Backup1")))
    copy(machine)

    for place in ("/Backup1/pfs/test/file", "/Backup2/pfs/test/file"):
        status, output = hammer(machine, "history", place)
        head, *lines, end = output.splitlines()
        assert (status, end) == (0, "}")
        assert re.fullmatch(rf"{place}\t[0-9a-f]{{16}} clean {{", head)
        found = [int(line.split()[0], 16) for line in lines]
        assert found[0] <= tids[0] < found[-1] <= tids[1]


def test_history_of_a_missing_file_is_no_failure(machine: Machine) -> None:
    missing = "/Backup1/pfs/test/none"

    assert hammer(machine, "history", missing) == (0, f"{missing}\tNo such file or directory\n")
