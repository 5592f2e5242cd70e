"""Measures the time from the death of a process to the new stream's first line.

Bare hammer sleeps 15 s and a delay after both halves ended, if it notices at all; min_py sees
only the parent end. All streams run with -B, bare ones with a delay of 5 s, and the masters' file
systems publish a flush in steps.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import min_py
from bench.rig import DELAY_S, Mirror, Rig, rig, wait_until
from bench.supervised import Hammerd
from bench.tables import milliseconds, print_table
from hammerd.cli.demo.streams import StreamGroup, is_alive
from hammerd.daemon.process.process_table import ancestors_of, process_ids

PAIRS = 5
WATCH_S = 25.0
TURN_S = 0.002
OPTIONS = ("-vv", "-i", str(DELAY_S), "-B")
FIRST_LINE = b"Mirror-read: "

DEATHS: dict[str, Callable[[StreamGroup], int]] = {
    "source half": lambda stream: stream.pids[1],
    "target half": lambda stream: stream.pids[2],
    "parent": lambda stream: stream.pgid,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The seconds to a peer's next first line, None if too late, and whether old halves live."""

    seconds: float | None
    has_orphans: bool

    def shown(self) -> str:
        """Return the text for the table."""
        when = f"none in {WATCH_S:.0f} s"
        if self.seconds is not None:
            is_short = self.seconds < 1
            when = f"{self.seconds * 1000:.0f} ms" if is_short else f"{self.seconds:.1f} s"
        if not self.has_orphans:
            return when
        return f"{when}, orphans" if self.seconds is None else f"{when}, two writers"


@dataclass(frozen=True, slots=True)
class Peer:
    """A stream without hammerd: its stderr and its process group."""

    stderr: Path
    pgid: Callable[[], int]

    def kill(self, here: Rig, target: Callable[[StreamGroup], int]) -> Outcome:
        """Kill a process of its stream and wait for the next first line."""
        stream = _stream_of(here, self.pgid())
        offset = self.stderr.stat().st_size
        killed_at = time.monotonic()
        os.kill(target(stream), signal.SIGKILL)
        seconds = self._next_first_line(offset, killed_at)
        halves = stream.processes[1:]
        return Outcome(seconds, all(map(is_alive, halves)))

    def _next_first_line(self, offset: int, killed_at: float) -> float | None:
        while (waited_s := time.monotonic() - killed_at) < WATCH_S:
            if FIRST_LINE in self.stderr.read_bytes()[offset:]:
                return waited_s
            time.sleep(TURN_S)
        return None


def run() -> None:
    """Kill each process of a stream, under all supervisors at once, and print the ratios."""
    with rig(in_steps=True) as here, ThreadPoolExecutor(2 * len(DEATHS)) as watchers:
        bare = {death: _bare(here, f"bare-{death}") for death in DEATHS}
        minimal = {death: _under_min_py(here, f"min_py-{death}") for death in DEATHS}
        mirrors = here.on_own_file_systems(PAIRS)
        daemon = Hammerd(here, "hammerd", mirrors, here.hammer)
        daemon.wait_until_idle()
        theirs: dict[tuple[str, str], Future[Outcome]] = {}
        for death, target in DEATHS.items():
            theirs["bare", death] = watchers.submit(bare[death].kill, here, target)
            theirs["min_py", death] = watchers.submit(minimal[death].kill, here, target)
        ours = {death: _kill_ours(here, daemon, mirrors, DEATHS[death]) for death in DEATHS}
        _report(ours, {key: future.result() for key, future in theirs.items()})


def _report(ours: dict[str, list[float]], theirs: dict[tuple[str, str], Outcome]) -> None:
    rows = []
    for death, seconds in ours.items():
        bare, minimal = theirs["bare", death], theirs["min_py", death]
        at_least = bare.seconds or WATCH_S
        ratio = f"{'' if bare.seconds else '> '}{at_least / median(seconds):.0f}"
        rows.append((death, milliseconds(seconds), bare.shown(), minimal.shown(), ratio))
    heads = ("killed, stream idle", "hammerd", "bare hammer", "min_py", "bare / hammerd")
    print_table("Recovery: from a death to the new stream's first line", heads, rows)


def _kill_ours(
    here: Rig, daemon: Hammerd, mirrors: list[Mirror], target: Callable[[StreamGroup], int]
) -> list[float]:
    """Kill in one pair after the other and return the seconds that each took."""
    taken = []
    for mirror in mirrors:
        stream = _stream_of(here, _pid_of(daemon, mirror))
        killed_time = time.time()
        os.kill(target(stream), signal.SIGKILL)
        taken.append(_streaming_time(daemon, mirror, killed_time) - killed_time)
    daemon.wait_until_idle()
    return taken


def _streaming_time(daemon: Hammerd, mirror: Mirror, since_time: float) -> float:
    found: list[float] = []

    def is_there() -> bool:
        moment = daemon.logged_since("pair.streaming", mirror.name, since_time)
        found.extend([] if moment is None else [moment])
        return bool(found)

    wait_until(is_there, f"{mirror.name} streams again", 0.02)
    return found[0]


def _pid_of(daemon: Hammerd, mirror: Mirror) -> int:
    pid = daemon.pairs()[mirror.name].get("pid")
    assert isinstance(pid, int)
    return pid


def _bare(here: Rig, name: str) -> Peer:
    words = here.on_own_file_systems(1)[0].stream_words(here.hammer, *OPTIONS)
    process = _start(here, name, words)
    return Peer(here.root / name, lambda: process.pid)


def _under_min_py(here: Rig, name: str) -> Peer:
    words = here.on_own_file_systems(1)[0].stream_words(here.hammer, *OPTIONS)
    commands = here.root / f"{name}.commands"
    commands.write_text("\t".join(words) + "\n")
    process = _start(here, name, [sys.executable, "-IS", str(min_py.__file__), str(commands)])
    return Peer(here.root / name, lambda: _child_of(process.pid))


def _child_of(parent: int) -> int:
    return next(pid for pid in process_ids() if next(ancestors_of(pid), None) == parent)


def _start(here: Rig, name: str, words: list[str]) -> subprocess.Popen[bytes]:
    with (here.root / name).open("wb") as stderr:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )


def _stream_of(here: Rig, pgid: int) -> StreamGroup:
    return next(stream for stream in here.streams() if stream.pgid == pgid)
