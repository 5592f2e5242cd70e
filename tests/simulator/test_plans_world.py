"""The world in which plans are tested: set up by hand, killed, rebooted, and cut off its power."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hammerd.simulator import admin
from tests.plans_world import PlansWorld, plans_world


@pytest.fixture
def world() -> Iterator[PlansWorld]:
    with plans_world() as world:
        yield world


def test_reboot_finds_the_mounts_of_fstab_only(world: PlansWorld) -> None:
    world.set_up()
    (world.place / "file").write_text("text")
    tid = world.copy()

    assert os.listdir(world.short / f"@@{tid:#018x}") == ["file"]
    assert world.reboot() == []
    assert os.listdir(world.place) == []
    with world.fstab.open("a") as fstab:
        fstab.write(f"{world.master} {world.place} null rw 0 0\n")
    assert world.power_cut() == []
    assert (world.place / "file").read_text() == "text"


def test_command_is_killed_from_outside(world: PlansWorld) -> None:
    world.set_up()

    printed = world.run_killed("pfs-status", "before", "check")

    assert "no faults" not in printed
    done = world.run("check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert admin.trap(world.sbin, "pfs-status").remove()
