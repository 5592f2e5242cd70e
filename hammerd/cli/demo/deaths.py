"""Kills processes of a stream, and measures the time until the pair streams again.

The time runs from the moment before the signal is sent to hammerd's log line `pair.streaming`,
which it writes at the new stream's first line of output.
"""

import contextlib
import os
import signal
import time
from dataclasses import dataclass

from hammerd.cli.demo import screen
from hammerd.cli.demo.daemon_process import DaemonProcess, LogLine
from hammerd.cli.demo.streams import StreamGroup, StreamScanner, is_alive
from hammerd.cli.output.failures import CommandFailed

LOG_RESOLUTION_S = 0.001


PARENT, SOURCE_HALF, TARGET_HALF = range(3)


@dataclass(frozen=True, slots=True)
class Death:
    """Positions of the processes to kill in the stream; without any the whole group is killed.

    `alone` is the recovery time that was recorded with the real hammer alone, delay 5 s.
    """

    title: str
    positions: tuple[int, ...]
    alone: str
    is_busy: bool = False


DEATHS = (
    Death("source half, idle", (SOURCE_HALF,), "20 s"),
    Death("target half, idle", (TARGET_HALF,), "not before a write, then 20 s"),
    Death("source half, copying", (SOURCE_HALF,), "20 s", is_busy=True),
    Death("target half, copying", (TARGET_HALF,), "20 s", is_busy=True),
    Death("parent", (PARENT,), "never: the halves go on, unwatched"),
    Death("link: both halves", (SOURCE_HALF, TARGET_HALF), "20 s"),
    Death("whole group", (), "never: nothing is left"),
)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds that hammerd took to launch the new stream, and the stream to its first line.

    `alone` is the time of hammer alone, "" if not comparable.
    """

    title: str
    alone: str
    own_s: float
    launch_s: float


def kill_and_measure(death: Death, daemon: DaemonProcess, scanner: StreamScanner) -> Recovery:
    """Kill processes, show hammerd's log up to the new stream, and check the process table.

    Raises:
        CommandFailed: the pair did not stream again, a process of the old stream is alive, or two
            streams ran at once.
    """
    old = scanner.whole_stream()
    # As in kill(1), a negative target is a group.
    targets = [old.pids[position] for position in death.positions] or [-old.pgid]
    screen.show_command(f"kill -9 {' '.join(map(str, targets))}")
    killed_time = time.time()
    for target in targets:
        with contextlib.suppress(ProcessLookupError):  # a half may exit as soon as its peer does
            os.kill(target, signal.SIGKILL)
    own_s, launch_s = wait_for_successor(old, killed_time, daemon, scanner)
    return Recovery(death.title, death.alone, own_s, launch_s)


def wait_for_successor(
    old: StreamGroup, since_time: float, daemon: DaemonProcess, scanner: StreamScanner
) -> tuple[float, float]:
    """Wait for the successor of `old`; return the seconds up to its launch, and from there.

    Raises:
        CommandFailed: no new stream came, or processes of the old one were left.
    """

    def streams_again(line: LogLine) -> bool:
        return line.event == "pair.streaming" and line.time > since_time - LOG_RESOLUTION_S

    def is_whole() -> bool:
        return [stream.is_whole for stream in scanner.scan()] == [True]

    lines = daemon.read_log_until(streams_again, "the pair streams again")
    daemon.wait_until(is_whole, "the new stream has both its halves")
    left = [process.pid for process in old.processes if is_alive(process)]
    if left or scanner.whole_stream().pgid == old.pgid:
        raise CommandFailed(f"of the old stream there still are processes {left}")
    launched_time = max(line.time for line in lines if line.event == "pair.launching")
    # The log truncates times to milliseconds: with the addition the result is no underestimate.
    own_s = launched_time - since_time + LOG_RESOLUTION_S
    return own_s, lines[-1].time - launched_time
