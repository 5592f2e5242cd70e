"""Measures the cost of an idle supervisor: memory, threads, wake-ups, CPU, started processes.

hammerd samples TIDs and reports states while min_py only waits; the difference is the cost of
that. Every pair is a stream of three processes from one file system to another.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import min_py
from bench.rig import Mirror, Rig, rig, wait_until
from bench.supervised import Hammerd
from bench.tables import print_table

SIZES = (1, 10, 100)
WINDOW_S = 60.0
"""Two of hammerd's sample intervals, and one of its scans for foreign streams."""

SECONDS_TO_REST = 10
"""The time from the launch of the last stream until it is idle."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment."""

    wakeups: int
    cpu_s: float
    spawned: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A supervisor that is measured; `spawned` returns the number of what it has started."""

    name: str
    pid: int
    spawned: Callable[[], int]

    def read(self) -> Reading:
        """Read the counters."""
        cpu = psutil.Process(self.pid).cpu_times()
        return Reading(_voluntary_switches(self.pid), cpu.user + cpu.system, self.spawned())

    def row(self, before: Reading) -> tuple[str, ...]:
        """Return its row: present sizes, and counts per minute since `before`."""
        now, process = self.read(), psutil.Process(self.pid)
        memory = process.memory_full_info()
        per_minute = 60 / WINDOW_S
        return (
            self.name,
            f"{memory.rss / 2**20:.1f}",
            f"{getattr(memory, 'pss', 0) / 2**20:.1f}",
            str(process.num_threads()),
            f"{(now.wakeups - before.wakeups) * per_minute:.0f}",
            f"{(now.cpu_s - before.cpu_s) * per_minute:.2f}",
            f"{(now.spawned - before.spawned) * per_minute:.0f}",
        )


def run() -> None:
    """Measure hammerd and min_py at every size, all of them at the same time."""
    with rig() as here:
        subjects = [_subject(here, size) for size in SIZES]
        subjects += [_peer(here, size) for size in SIZES]
        wait_until(lambda: len(here.streams()) == 2 * sum(SIZES), "all streams run", 1)
        time.sleep(SECONDS_TO_REST)
        before = [subject.read() for subject in subjects]
        time.sleep(WINDOW_S)
        rows = [each.row(read) for each, read in zip(subjects, before, strict=True)]
    print_costs("Cost of an idle supervisor", "hammers/min", rows)


def print_costs(title: str, started: str, rows: Sequence[Sequence[str]]) -> None:
    """Print the rows of subjects; `started` is the head of what they start."""
    heads = ("idle", "RSS MB", "PSS MB", "threads", "wake-ups/min", "CPU s/min", started)
    print_table(title, heads, rows)


def _subject(here: Rig, size: int) -> Subject:
    mirrors = here.on_one_file_system(size)
    hammer, spawned = _counted_hammer(here, f"count{size}")
    daemon = Hammerd(here, f"hammerd{size}", mirrors, hammer)
    daemon.wait_until_idle(up_s=0)
    return Subject(f"hammerd, {_pairs(size)}", daemon.process.pid, spawned)


def _peer(here: Rig, size: int) -> Subject:
    hammer, spawned = _counted_hammer(here, f"min_py{size}")
    commands = here.root / f"min_py{size}.commands"
    commands.write_text(_command_lines(here.on_one_file_system(size), hammer))
    process = subprocess.Popen(
        [sys.executable, "-IS", str(min_py.__file__), str(commands)], stderr=subprocess.DEVNULL
    )
    return Subject(f"min_py, {_pairs(size)}", process.pid, spawned)


def _command_lines(mirrors: Sequence[Mirror], hammer: Path) -> str:
    return "".join("\t".join(mirror.stream_words(hammer, "-B")) + "\n" for mirror in mirrors)


def _counted_hammer(here: Rig, name: str) -> tuple[Path, Callable[[], int]]:
    """Make a hammer that adds a byte to a file at each start."""
    place = here.root / name
    place.mkdir()
    tally, hammer = place / "tally", place / "hammer"
    tally.touch()
    hammer.write_text(f'#!/bin/sh\nprintf . >> {tally}\nexec {here.hammer} "$@"\n')
    hammer.chmod(0o755)
    return hammer, lambda: tally.stat().st_size


def _pairs(size: int) -> str:
    return f"{size} pair{'' if size == 1 else 's'}"


def _voluntary_switches(pid: int) -> int:
    """Return the voluntary context switches of all threads of a process."""
    tasks = Path(f"/proc/{pid}/task")
    if not tasks.is_dir():
        return int(psutil.Process(pid).num_ctx_switches().voluntary)
    statuses = [(task / "status").read_text() for task in map(Path, os.scandir(tasks))]
    lines = [line for status in statuses for line in status.splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
