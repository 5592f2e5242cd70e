"""A power cut and a lost disk: commits and writes that survive, and those that do not."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine, is_alive
from tests.waiting import until


@pytest.fixture
def ends(machine: Machine) -> tuple[Path, Path]:
    """Return a master and its slave, which holds `first`, on its disk."""
    ends = machine.master_and_slave()
    _write(machine, "first")
    _copy(machine, ends)
    admin.flush(machine.path("/Backup2"))
    return ends


def _write(machine: Machine, name: str) -> int:
    (machine.path("/Backup1/test") / name).write_text(name)
    return admin.flush(machine.path("/Backup1"))


def _copy(machine: Machine, ends: tuple[Path, Path]) -> int:
    assert machine.run([machine.hammer, "mirror-copy", *ends]).returncode == 0
    return admin.sync_end_tid(ends[1])


def test_slave_is_one_commit_back_after_a_cut(machine: Machine, ends: tuple[Path, Path]) -> None:
    _write(machine, "second")
    durable = _copy(machine, ends)
    _write(machine, "third")
    assert _copy(machine, ends) > durable

    admin.power_cut(machine.path("/Backup2"))

    assert admin.sync_end_tid(ends[1]) == durable
    assert os.readlink(ends[1]) == f"@@{durable:#018x}:00001"
    assert sorted(os.listdir(ends[1])) == ["first", "second"]
    _copy(machine, ends)
    assert sorted(os.listdir(ends[1])) == ["first", "second", "third"]


@pytest.mark.parametrize("how", ["sync", "synctid", "syncer"])
def test_flush_of_the_slave_s_disk_makes_a_commit_durable(
    machine: Machine, ends: tuple[Path, Path], how: str
) -> None:
    _write(machine, "second")
    committed = _copy(machine, ends)

    if how == "sync":
        machine.run([machine.bin / "sync", machine.path("/Backup2")])
    elif how == "synctid":
        machine.run([machine.hammer, "synctid", machine.path("/Backup2")])
    else:
        admin.run_syncer(machine.path("/Backup2"))
    until(lambda: admin.durable_tid(ends[1]) == committed)

    admin.power_cut(machine.path("/Backup2"))

    assert admin.sync_end_tid(ends[1]) == committed


def test_commit_after_the_begin_of_a_flush_is_not_in_it(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.publish_in_steps(machine.path("/Backup2"), shape="5 content 1", syncer_s=None)
    durable = admin.sync_end_tid(ends[1])
    _write(machine, "second")
    _copy(machine, ends)
    admin.sync(machine.path("/Backup2"))

    admin.power_cut(machine.path("/Backup2"))

    assert admin.sync_end_tid(ends[1]) == durable


def test_synctid_returns_when_commits_are_durable(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.publish_in_steps(machine.path("/Backup2"), syncer_s=None)
    _write(machine, "second")
    committed = _copy(machine, ends)

    machine.run([machine.hammer, "synctid", machine.path("/Backup2")])

    assert admin.durable_tid(ends[1]) == committed


def test_master_never_goes_back_and_loses_what_was_not_flushed(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    root, live = machine.path("/Backup1"), machine.path("/Backup1/test")
    admin.publish_in_steps(root, shape="inf inf inf content 2", syncer_s=None)
    flushed = _write(machine, "flushed")
    for _ in range(2):
        seen = admin.step(root)
    (live / "in memory").write_text("lost")

    admin.power_cut(root)

    assert seen < admin.flush_tid(root) == flushed
    assert sorted(os.listdir(live)) == ["first", "flushed"]
    _copy(machine, ends)
    assert sorted(os.listdir(ends[1])) == ["first", "flushed"]
    assert not admin.sync(root).is_new


def test_cut_between_two_steps_leaves_a_file_of_zeros(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    root, live = machine.path("/Backup1"), machine.path("/Backup1/test")
    admin.publish_in_steps(root, shape="inf inf inf content 2", syncer_s=None)
    _write(machine, "half")
    admin.step(root)

    admin.power_cut(root)

    assert (live / "half").read_bytes() == bytes(len("half"))
    _copy(machine, ends)
    assert (ends[1] / "half").read_bytes() == bytes(len("half"))


def test_lost_disk_shows_a_commit_that_is_in_memory_only(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    root, durable = machine.path("/Backup2"), admin.sync_end_tid(ends[1])
    stream = machine.stream("-vv", "-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    output = stream.output()
    admin.set_knob(root, "lost_disk", 1)
    tid = _write(machine, "second")
    stream.wait_until_waiting("lost disk")

    assert admin.sync_end_tid(ends[1]) == tid
    assert os.readlink(ends[1]) == f"@@{tid:#018x}:00001"
    assert "Completed" not in stream.output().removeprefix(output)
    (hanging,) = stream.pids("target")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(hanging, number)
    assert is_alive(hanging)
    admin.flush(root)
    refused = machine.run([machine.hammer, "synctid", root])
    assert refused.stderr.decode().endswith("failed: Read-only file system\n")
    again = machine.run([machine.hammer, "-B", "mirror-copy", *ends]).stderr
    assert b"No work" in again
    _write(machine, "third")
    again = machine.run([machine.hammer, "-B", "mirror-copy", *ends]).stderr
    assert b"failed: Read-only file system\n" in again

    stream.end()
    admin.set_knob(root, "lost_disk", None)
    admin.power_cut(root)
    assert admin.sync_end_tid(ends[1]) == durable
    assert os.listdir(ends[1]) == ["first"]
    _copy(machine, ends)
    assert sorted(os.listdir(ends[1])) == ["first", "second", "third"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
def test_half_on_a_lost_disk_survives_kill_without_privilege(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    stream = machine.stream("-B", "mirror-stream", *ends)
    stream.wait_until_waiting("wait")
    admin.set_knob(machine.path("/Backup2"), "lost_disk", 65534)
    _write(machine, "second")
    stream.wait_until_waiting("lost disk")
    (hanging,) = stream.pids("target")

    words = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"]
    until(lambda: machine.run([*words, "kill", "-KILL", str(hanging)]).returncode != 0)

    assert is_alive(hanging)


def test_pair_mirrors_on_after_a_power_cut_of_both(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    admin.power_cut(machine.path("/Backup1"))
    admin.power_cut(machine.path("/Backup2"))
    _write(machine, "second")

    tid = _copy(machine, ends)

    assert tid == admin.flush_tid(machine.path("/Backup1"))
    assert sorted(os.listdir(ends[1])) == ["first", "second"]
