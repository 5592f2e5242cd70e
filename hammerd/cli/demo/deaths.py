"""What the demo kills, how long the pair takes to stream again, and what hammer alone would do.

The time runs from the moment before the signal is sent to hammerd's log line `pair.streaming`,
which it writes on the new stream's first line of output.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from hammerd.cli.demo import screen
from hammerd.cli.demo.streams import Stream, Witness
from hammerd.cli.demo.supervisor import LogLine, Supervisor
from hammerd.cli.output.failures import CommandFailed

LOG_RESOLUTION_S = 0.001


@dataclass(frozen=True, slots=True)
class Death:
    """One thing to kill; a negative target is a group, as kill(1) takes it.

    `alone` is what was recorded of the real hammer without a supervisor, delay 5 s.
    """

    title: str
    targets: Callable[[Stream], tuple[int, ...]]
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
class Times:
    """How long hammerd took to launch the new stream, and that one to its first line."""

    own_s: float
    launch_s: float

    @property
    def total_s(self) -> float:
        """From the death to the new stream's first line."""
        return self.own_s + self.launch_s


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long a pair took to stream again, and hammer alone, where it has a like."""

    title: str
    times: Times
    alone: str


def kill_and_watch(death: Death, supervisor: Supervisor, witness: Witness) -> Recovery:
    """Kill, show what hammerd logs up to the new stream, and check the process table.

    Raises:
        CommandFailed: the pair did not stream again, something of the old stream lives, or two
            streams were seen at once.
    """
    old = witness.the_one()
    targets = death.targets(old)
    screen.command(f"kill -9 {' '.join(map(str, targets))}")
    killed_time = time.time()
    for target in targets:
        with contextlib.suppress(ProcessLookupError):  # a half may follow its peer at once
            os.kill(target, signal.SIGKILL)
    return Recovery(death.title, relieved(old, killed_time, supervisor, witness), death.alone)


def relieved(old: Stream, since_time: float, supervisor: Supervisor, witness: Witness) -> Times:
    """Wait until another stream has relieved `old`, and return how long that took.

    Raises:
        CommandFailed: it did not come, or not alone.
    """
    lines = supervisor.listen_until(_streams_after(since_time), "the pair streams again")
    supervisor.wait_until(lambda: _is_whole(witness), "the new stream has both its halves")
    left = [process.pid for process in old.processes if process.is_alive()]
    if left or witness.the_one().pgid == old.pgid:
        raise CommandFailed(f"of the old stream there still are processes {left}")
    launched_time = max(line.time for line in lines if line.event == "pair.launching")
    # The log cuts its times to whole milliseconds: what is added never understates the whole.
    own_s = launched_time - since_time + LOG_RESOLUTION_S
    return Times(own_s, lines[-1].time - launched_time)


def _streams_after(since_time: float) -> Callable[[LogLine], bool]:
    def is_it(line: LogLine) -> bool:
        return line.event == "pair.streaming" and line.time > since_time - LOG_RESOLUTION_S

    return is_it


def _is_whole(witness: Witness) -> bool:
    return [stream.is_whole for stream in witness.look()] == [True]
