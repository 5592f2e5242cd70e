"""Master and slave swap their roles: what a turned-round mirror copies depends on both TIDs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine

OLD_BASE = 0x500000000
LOW_BASE, HIGH_BASE = 0x100000000, 0x900000000


def _hammer(machine: Machine, *words: object) -> str:
    done = machine.run([machine.hammer, *map(str, words)])
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


@pytest.fixture(params=[LOW_BASE, HIGH_BASE], ids=["low", "high"])
def swapped(machine: Machine, request: pytest.FixtureRequest) -> tuple[Path, Path, bool]:
    """Return the old master, the new one, and whether the TIDs of the new one are higher."""
    old = machine.new_disk("/Old", tid_base=OLD_BASE) / "pfs/test"
    new = machine.new_disk("/New", tid_base=request.param) / "pfs/test"
    _hammer(machine, "pfs-master", old)
    _hammer(machine, "pfs-slave", new, f"shared-uuid={admin.shared_uuid(old)}")
    for name in ("file", "gone"):
        (old / name).write_text("text")
    admin.flush(machine.path("/Old"))
    _hammer(machine, "mirror-copy", old, new)
    (old / "last").write_text("written just before")
    _hammer(machine, "pfs-downgrade", old)
    return old, new, request.param == HIGH_BASE


def test_slave_comes_to_the_tid_of_the_downgraded_master(
    machine: Machine, swapped: tuple[Path, Path, bool]
) -> None:
    old, new, _ = swapped
    stored = admin.sync_end_tid(old)

    assert "Mirror-read" in _hammer(machine, "mirror-copy", old, new)

    assert admin.sync_end_tid(new) == stored == admin.sync_end_tid(old)
    assert sorted(os.listdir(new)) == sorted(os.listdir(old)) == ["file", "gone", "last"]
    _hammer(machine, "pfs-upgrade", new)
    assert sorted(os.listdir(new)) == ["file", "gone", "last"]


def test_turned_round_mirror_copies_only_from_higher_tids(
    machine: Machine, swapped: tuple[Path, Path, bool]
) -> None:
    old, new, is_higher = swapped
    _hammer(machine, "mirror-copy", old, new)
    _hammer(machine, "pfs-upgrade", new)
    stored = admin.sync_end_tid(old)
    (new / "new").write_text("text")
    (new / "gone").unlink()
    admin.flush(machine.path("/New"))

    output = _hammer(machine, "-B", "mirror-copy", new, old)

    assert f"Mirror-read {new} succeeded" in output
    assert ("No work to do" in output) == (not is_higher)
    assert (admin.sync_end_tid(old) > stored) == is_higher
    names = ["file", "last", "new"] if is_higher else ["file", "gone", "last"]
    assert sorted(os.listdir(old)) == names
