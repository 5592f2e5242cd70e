"""Kills processes of a stream, and measures the time until the pair streams again.

The time runs from the moment before the signal is sent to hammerd's log line `pair.streaming`,
which it writes at the new stream's first line of output.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from hammerd.cli.demo import screen
from hammerd.cli.demo.daemon_process import DaemonProcess, LogLine
from hammerd.cli.demo.streams import StreamGroup, StreamScanner
from hammerd.cli.output.failures import CommandFailed

LOG_RESOLUTION_S = 0.001


@dataclass(frozen=True, slots=True)
class Death:
    """Processes to kill; a negative target is a group, as in kill(1).

    `alone` is the recovery time that was recorded with the real hammer alone, delay 5 s.
    """

    title: str
    targets: Callable[[StreamGroup], tuple[int, ...]]
    alone: str
    is_busy: bool = False


DEATHS = (
    Death("source half, idle", lambda it: (it.source_half,), "20 s"),
    Death("target half, idle", lambda it: (it.target_half,), "not before a write, then 20 s"),
    Death("source half, copying", lambda it: (it.source_half,), "20 s", is_busy=True),
    Death("target half, copying", lambda it: (it.target_half,), "20 s", is_busy=True),
    Death("parent", lambda it: (it.parent,), "never: the halves go on, unwatched"),
    Death("link: both halves", lambda it: (it.source_half, it.target_half), "20 s"),
    Death("whole group", lambda it: (-it.pgid,), "never: nothing is left"),
)


@dataclass(frozen=True, slots=True)
class RecoveryTimes:
    """Seconds that hammerd took to launch the new stream, and the stream to its first line."""

    own_s: float
    launch_s: float

    @property
    def total_s(self) -> float:
        """Seconds from the death to the new stream's first line."""
        return self.own_s + self.launch_s


@dataclass(frozen=True, slots=True)
class Recovery:
    """Recovery times of a pair, and that of hammer alone ("" if not comparable)."""

    title: str
    times: RecoveryTimes
    alone: str


def kill_and_measure(death: Death, daemon: DaemonProcess, scanner: StreamScanner) -> Recovery:
    """Kill processes, show hammerd's log up to the new stream, and check the process table.

    Raises:
        CommandFailed: the pair did not stream again, a process of the old stream is alive, or two
            streams ran at once.
    """
    old = scanner.whole_stream()
    targets = death.targets(old)
    screen.show_command(f"kill -9 {' '.join(map(str, targets))}")
    killed_time = time.time()
    for target in targets:
        with contextlib.suppress(ProcessLookupError):  # a half may exit as soon as its peer does
            os.kill(target, signal.SIGKILL)
    times = wait_for_successor(old, killed_time, daemon, scanner)
    return Recovery(death.title, times, death.alone)


def wait_for_successor(
    old: StreamGroup, since_time: float, daemon: DaemonProcess, scanner: StreamScanner
) -> RecoveryTimes:
    """Wait until a new stream has replaced `old`, and return the times.

    Raises:
        CommandFailed: no new stream came, or processes of the old one were left.
    """
    lines = daemon.read_log_until(_streams_after(since_time), "the pair streams again")
    daemon.wait_until(lambda: _is_whole(scanner), "the new stream has both its halves")
    left = [process.pid for process in old.processes if process.is_alive()]
    if left or scanner.whole_stream().pgid == old.pgid:
        raise CommandFailed(f"of the old stream there still are processes {left}")
    launched_time = max(line.time for line in lines if line.event == "pair.launching")
    # The log truncates times to milliseconds: with the addition the result is no underestimate.
    own_s = launched_time - since_time + LOG_RESOLUTION_S
    return RecoveryTimes(own_s, lines[-1].time - launched_time)


def _streams_after(since_time: float) -> Callable[[LogLine], bool]:
    def matches(line: LogLine) -> bool:
        return line.event == "pair.streaming" and line.time > since_time - LOG_RESOLUTION_S

    return matches


def _is_whole(scanner: StreamScanner) -> bool:
    return [stream.is_whole for stream in scanner.scan()] == [True]
