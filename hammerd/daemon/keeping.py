"""What outlives the daemon: taken up at the start, written down at changes and at intervals.

Rules count in monotonic seconds, the file in wall time; this is where one becomes the other.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from hammerd.core.lag import SlaveReading
from hammerd.core.pair_states import Memory, Paused
from hammerd.core.tid_clock import rebased
from hammerd.daemon import state
from hammerd.daemon.clock import Clock
from hammerd.daemon.logs import Logger
from hammerd.daemon.readings import Readings
from hammerd.daemon.state import SavedPair, SavedSlave, SavedState
from hammerd.daemon.writer import Writer


class Keeping:
    """The state file of one daemon."""

    def __init__(self, path: Path, readings: Readings, clock: Clock, writer: Writer) -> None:
        self._path = path
        self._readings = readings
        self._clock = clock
        self._writer = writer

    def load(self, log: Logger) -> SavedState:
        """Take up what an earlier daemon left, and say what could not be read of it."""
        loaded = state.load(self._path)
        if loaded.complaint:
            log.error("state.unreadable", because=loaded.complaint)
        now = self._clock.now()
        self._readings.load(
            {end: rebased(clock, now.at, now.time) for end, clock in loaded.state.clocks.items()},
            {
                end: SlaveReading(slave.tid, now.at - max(0.0, now.time - slave.time))
                for end, slave in loaded.state.slaves.items()
            },
        )
        return loaded.state

    def save(self, memories: Mapping[str, Memory]) -> None:
        """Have the state written down."""
        clocks, slaves = self._readings.saved()
        wall = self._clock.wall_time
        text = state.dump(
            SavedState(
                {name: _saved_pair(memory, wall) for name, memory in memories.items()},
                clocks,
                {end: SavedSlave(slave.tid, wall(slave.at)) for end, slave in slaves.items()},
            )
        )
        self._writer.submit(partial(state.save, self._path, text))


def _saved_pair(memory: Memory, wall_time: Callable[[float], float]) -> SavedPair:
    match memory.wanted:
        case Paused(None):
            return SavedPair(True, None, memory.is_diverged)
        case Paused(float(until_at)):
            return SavedPair(True, wall_time(until_at), memory.is_diverged)
        case _:
            return SavedPair(is_diverged=memory.is_diverged)
