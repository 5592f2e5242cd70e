"""Flushes file systems at intervals with `hammer synctid`, for pairs that have `flush_every`.

    due ── which places are one file system? ── synctid of each ──┬── completed: readings
                                                                  └── failed or late: log, status

One synctid at most runs on a file system, whatever the number of its pairs: one that hangs in the
kernel cannot be killed, and gets no second one beside it. A flush that fails costs nothing else.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hammerd.core.hammer.commands import environment, synctid_argv
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import ROOT_PFS
from hammerd.core.pair.flushes import (
    FileSystem,
    FlushPlace,
    FlushState,
    PairFlushes,
    file_systems,
    flushed_pairs,
    shortest_interval_s,
)
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid, parse_tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.process.commands import CommandResult, Commands
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.timing.clock import Clock, Instant

FLUSH_TIMEOUT_S = 30.0
NAMES_TIMEOUT_S = 10.0

PlaceOf = Callable[[Endpoint], FlushPlace | None]
"""Returns through which path an end is flushed, None before it was looked at."""


class FlushCommands:
    """The commands that a flush takes."""

    def __init__(self, calls: Commands, status: PfsStatusCommands, hammer: str, home: str) -> None:
        self._calls = calls
        self._status = status
        self._hammer = hammer
        self._env = environment(home)
        self._names: Mapping[str, str] = {}
        self._hung_pid = 0

    async def names(self, places: Iterable[str]) -> Mapping[str, str]:
        """Return by directory which file system it is on: the unique-uuid of its root PFS.

        What cannot be told is left out. One that hangs gets no second one beside it, and what was
        told before it stands.
        """
        asked = tuple(dict.fromkeys(places))
        if len(asked) < 2:
            return {}
        if self._hung_pid and not self._status.is_gone(self._hung_pid):
            return self._names
        answer = await self._status.status([Endpoint(place) for place in asked], NAMES_TIMEOUT_S)
        self._hung_pid = answer.hung_pid
        if not self._hung_pid:
            told = zip(asked, answer.statuses, strict=False)
            self._names = {place: one.unique_uuid for place, one in told if one.pfs_id == ROOT_PFS}
        return self._names

    async def synctid(self, path: str) -> CommandResult:
        """Flush a file system; it prints a TID that covers all that was written before."""
        return await self._calls.run(synctid_argv(self._hammer, path), self._env, FLUSH_TIMEOUT_S)

    def is_gone(self, pid: int) -> bool:
        """Tell whether a late command has ended after all."""
        return not self._calls.is_under_way(pid)


@dataclass(slots=True)
class _Flushing:
    """The flushes of one file system; `late_pid` is a synctid that was killed and may hang."""

    due_at: float = 0.0
    is_under_way: bool = False
    late_pid: int = 0


class Flusher:
    """The flushes of all file systems, and how they went."""

    def __init__(
        self,
        commands: FlushCommands,
        place_of: PlaceOf,
        readings: ReadingStore,
        clock: Clock,
        log: Logger,
    ) -> None:
        self._commands = commands
        self._place_of = place_of
        self._readings = readings
        self._clock = clock
        self._log = log
        self._systems: dict[str, _Flushing] = {}
        self._states: dict[Endpoint, FlushState] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def of(self, pair: Pair) -> PairFlushes:
        """Return how the flushes of a pair's file systems went."""
        if pair.timing.flush_every_s is None:
            return PairFlushes()
        master, slave = (self._states.get(end, FlushState()) for end in (pair.master, pair.slave))
        return PairFlushes(pair.timing.flush_every_s, master, slave)

    async def flush(self, lives: Iterable[PairLife]) -> None:
        """Flush the file systems that are due; one that hangs keeps no other from its turn."""
        lives = tuple(lives)
        interval_s = shortest_interval_s(life.pair for life in lives)
        own: set[asyncio.Task[None]] = set()
        while interval_s is not None:
            own |= await self._begin(flushed_pairs(lives), interval_s)
            if not own:
                return
            done, own = await asyncio.wait(own, timeout=interval_s)
            for task in done:
                task.result()
            if not own:
                return

    async def _begin(self, pairs: tuple[Pair, ...], interval_s: float) -> set[asyncio.Task[None]]:
        ends = {end for pair in pairs for end in (pair.master, pair.slave)}
        self._states = {end: state for end, state in self._states.items() if end in ends}
        here = sorted((end for end in ends if not end.is_remote), key=str)
        places = {end: place for end in here if (place := self._place_of(end)) is not None}
        named = [place.path for place in places.values() if place.is_in_root_pfs]
        names = await self._commands.names(named)
        systems = file_systems(pairs, {end: each.path for end, each in places.items()}, names)
        self._systems = {one.path: self._systems.get(one.path, _Flushing()) for one in systems}
        loop = asyncio.get_running_loop()
        begun = {loop.create_task(self._flush(one, interval_s)) for one in systems}
        # A reload cancels who waits for a flush, and never the flush: it would begin twice.
        for task in begun:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return begun

    async def _flush(self, system: FileSystem, interval_s: float) -> None:
        flushing, now_at = self._systems[system.path], self._clock.now().at
        # We are called at each interval: what is due before the next call is due now.
        if flushing.is_under_way or flushing.due_at > now_at + interval_s / 2:
            return
        if flushing.late_pid and not self._commands.is_gone(flushing.late_pid):
            return
        flushing.due_at, flushing.late_pid = now_at + system.every_s, 0
        flushing.is_under_way = True
        try:
            began = self._clock.now()
            answer = await self._commands.synctid(system.path)
        finally:
            flushing.is_under_way = False
        flushing.late_pid = answer.pid
        tid = _tid(answer)
        if tid is None:
            self._failed(system, answer)
        else:
            self._completed(system, tid, began)

    def _completed(self, system: FileSystem, tid: Tid, began: Instant) -> None:
        if any(self._state(end).failed_because for end in system.masters | system.slaves):
            self._log.info("flush.works_again", path=system.path)
        for end in system.masters | system.slaves:
            self._states[end] = FlushState(began.at)
        for master in system.masters:
            self._readings.master_flushed(master, tid, began)
        for slave in system.slaves:
            self._readings.slave_flushed(slave, began.at)

    def _failed(self, system: FileSystem, answer: CommandResult) -> None:
        because, hint = _why(answer)
        told = f"hammer synctid {system.path}: {because}"
        ends = system.masters | system.slaves
        if any(self._state(end).failed_because != told for end in ends):
            self._log.warning("flush.failed", path=system.path, because=because, hint=hint)
        for end in ends:
            self._states[end] = replace(self._state(end), failed_because=told)

    def _state(self, end: Endpoint) -> FlushState:
        return self._states.get(end, FlushState())


def _tid(answer: CommandResult) -> Tid | None:
    if not answer.is_good:
        return None
    try:
        return parse_tid(answer.stdout.strip())
    except ValueError:
        return None


def _why(answer: CommandResult) -> tuple[str, str]:
    if answer.spawn_error is not None:
        return answer.spawn_error.message, answer.spawn_error.hint
    if answer.is_late:
        return (
            f"it did not come back in {FLUSH_TIMEOUT_S:.0f} s",
            "the disk hangs or is very busy; look at dmesg and iostat",
        )
    complaint = find_cause(answer.stderr.encode())
    if complaint is not None:
        return complaint.text, complaint.hint
    if answer.is_good:
        return "it printed no TID", "run it by hand: it prints 0x and 16 digits"
    return f"it ended with {answer.status}", "run it by hand"
