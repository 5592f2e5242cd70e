"""Replays scenarios written here, in the form of the recordings, that no recording holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulator.comparison.transcripts import differences
from tests.simulator.fixtures.machine import Machine
from tests.simulator.replay.actions import replay_all
from tests.simulator.replay.clock_phase import ROUND, Wait, clock_phase_of, waits
from tests.simulator.replay.recording import Recording
from tests.simulator.replay.rerun import Rerun
from tests.simulator.replay.virtual_clock import by_age

DISKS = (
    "helper: fakefs-new /Backup1 6 Backup1 && mkdir /Backup1/pfs",
    "helper: fakefs-new /Backup2 6 Backup2 && mkdir /Backup2/pfs",
)
MASTER = "helper: hammer pfs-master /Backup1/pfs/test"
SLAVE = (
    "helper: hammer pfs-slave /Backup2/pfs/test shared-uuid=71111111-e667-11f1-a8c7-01301bb8a9f5"
)
STREAM = ("hammer", "-i", "1", "mirror-stream", "/Backup1/pfs/test", "/Backup2/pfs/test")
PARENT = "pid 100 ppid 1 pgrp 100 state R  hammer"
HALVES = ("pid 101 ppid 100 pgrp 100 state S  hammer", "pid 102 ppid 100 pgrp 100 state S  hammer")
BULK = "Prescan to break up bulk transfer\nPrescan 1 chunks, total 0 MBytes (208)\n"


@dataclass
class RecordedScenario:
    """The content of a recording's folder; trees are (time, processes)."""

    setup: tuple[str, ...]
    argv: tuple[str, ...]
    actions: tuple[tuple[float, str], ...]
    exit: str = "killed by harness after 9 s (was still running)"
    env: str = "(nothing special)"
    stdout: bytes = b""
    stderr: tuple[tuple[float, str], ...] = ()
    trees: tuple[tuple[float, tuple[str, ...]], ...] = ((0.05, (PARENT, *HALVES)),)

    def differences(self, machine: Machine, place: Path) -> list[str]:
        """Write the folder, replay it and return the differences."""
        place.mkdir()
        notes = [f"       setup  {line}\n" for line in self.setup]
        notes += ["       0.010  started pid 100: hammer (cwd /)\n"]
        notes += [f"       {at:.3f}  {line}\n" for at, line in self.actions]
        notes += ["\n## exit\n\n## process tree changes\n\n"]
        for at, processes in self.trees:
            notes += [f"       {at:.3f}\n", *(f"             {one}\n" for one in processes)]
        lines = [{"t": at, "stream": "stderr", "data": text} for at, text in self.stderr]
        timing = "".join(json.dumps(line) + "\n" for line in lines)
        (place / "notes.md").write_text("".join(notes))
        (place / "cmd.json").write_text(json.dumps({"argv": self.argv}))
        (place / "env").write_text(self.env)
        (place / "exit").write_text(self.exit)
        (place / "stdout").write_bytes(self.stdout)
        (place / "stderr").write_text("".join(text for _, text in self.stderr), encoding="latin-1")
        (place / "timing.jsonl").write_text(timing)
        rerun = Rerun(machine, Recording(place))
        replay_all(rerun)
        return differences(rerun)


def ended(setup: tuple[str, ...], argv: tuple[str, ...], stdout: bytes = b"") -> RecordedScenario:
    """Return a command that ends with status 0."""
    over = ((0.1, "process ended by itself: rc 0"),)
    return RecordedScenario(setup, argv, over, exit="0", stdout=stdout, trees=())


@pytest.mark.parametrize(
    "setup",
    [
        ("fake kernel knob /Backup1/.hammerfs/fail_fork = 1",),
        ("process limit: ulimit -u 1",),
        (),
    ],
)
def test_parent_that_cannot_fork(machine: Machine, tmp_path: Path, setup: tuple[str, ...]) -> None:
    spins = (8.0, "parent state R, CPU used: utime 1 stime 2 clock ticks (100/s)")
    over = (9.0, "harness ends the run: SIGKILL to 1 remaining process(es)")
    scenario = RecordedScenario((*DISKS, MASTER, SLAVE, *setup), STREAM, (spins, over))
    scenario.trees = ((0.05, (PARENT,)),)
    assert scenario.differences(machine, tmp_path / "recording") == []


def test_kills_in_several_runs_of_the_halves(machine: Machine, tmp_path: Path) -> None:
    actions = (
        (3.0, "kill source (pid 101) with SIGKILL"),
        (20.4, "kill target (pid 104) with SIGKILL"),
        (25.4, "WRITE /Backup1 PFS#0 20000 bytes x1 -> flush_tid1 0000000100000600"),
        (60.0, "harness ends the run: SIGKILL to 3 remaining process(es)"),
    )
    scenario = RecordedScenario((*DISKS, MASTER, SLAVE), STREAM, actions)
    echo = "hammer: validate_mrec_header: short read\n"
    again = "Prescan to break up bulk transfer\nPrescan 1 chunks, total 0 MBytes (0)\n"
    scenario.stderr = ((0.1, BULK), (3.0, echo), (37.1, again))
    second = tuple(one.replace("10", "20", 1).replace("ppid 200", "ppid 100") for one in HALVES)
    third = tuple(one.replace("10", "30", 1).replace("ppid 300", "ppid 100") for one in HALVES)
    zombie = second[1].replace("state S", "state Z")
    scenario.trees = (
        (0.05, (PARENT, *HALVES)),
        (3.0, (PARENT,)),
        (19.0, (PARENT, *second)),
        (20.4, (PARENT, second[0], zombie)),
        (21.0, (PARENT,)),
        (37.0, (PARENT, *third)),
    )
    found = scenario.differences(machine, tmp_path / "recording")
    assert [one for one in found if not one.startswith("processes")] == []


def test_file_systems_of_any_form(machine: Machine, tmp_path: Path) -> None:
    setup = (
        "helper: fakefs-new /Backup1 2 Other && mkdir /Backup1/pfs /Backup1/mnt",
        "helper: hammer pfs-master /Backup1/pfs/one; hammer pfs-master /Backup1/pfs/two",
        "helper: fakefs-mount /Backup1 2 /Backup1/mnt/two; echo x > /Backup1/mnt/two/file",
        "helper: fakefs-write /Backup1 2 20000 3 && touch /Backup1/file",
    )
    scenario = ended(setup, ("hammer", "-q", "version", "/Backup1/mnt/two/file"))
    described = b'description="New directory entry layout (DragonFly 2.3+)"\n'
    scenario.stdout = b"min=1 wip=none max=7 current=2 " + described
    assert scenario.differences(machine, tmp_path / "recording") == []


def test_output_that_is_no_utf8(machine: Machine, tmp_path: Path) -> None:
    argv = ("/bin/sh", "-c", "printf 'a\\377'; printf '\\300' >&2")
    scenario = ended(DISKS, argv, b"a\xff")
    scenario.stderr = ((0.05, "\xc0"),)
    assert scenario.differences(machine, tmp_path / "recording") == []


def test_unknown_line_is_reported_if_something_differs(machine: Machine, tmp_path: Path) -> None:
    scenario = ended(DISKS, ("hammer", "-q", "version", "/Backup1"), b"another\n")
    scenario.actions = ((0.05, "something unknown"), *scenario.actions)
    found = scenario.differences(machine, tmp_path / "recording")
    assert found[0].startswith("stdout 'min=1 ")
    assert found[-1] == "not replayed: something unknown"


def test_phase_explains_all_delays() -> None:
    chunks = [(1.0, " W"), (4.7, "\bD"), (5.7, "\b  W\bD"), (10.7, "\b ")]
    seen = waits(chunks)
    assert seen == [Wait(1.0, 4.7, 1), Wait(5.7, 5.7, 5)]
    assert clock_phase_of(seen, 5) == ROUND
    # 3.4 s that count as four need a start late in a second.
    assert 0.6 <= float(clock_phase_of([Wait(1.0, 4.4, 1), Wait(2.0, 5.4, 1)], 5)) < 1


def test_children_are_older_before_the_numbers_wrap() -> None:
    assert by_age([300, 32767], 32766) == [32767, 300]
