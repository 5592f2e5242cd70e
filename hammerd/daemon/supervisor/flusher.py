"""Flushes file systems at intervals with `hammer synctid`, for pairs that have `flush_every`.

    due ── group the paths by file system ── synctid of each ──┬── completed: readings
                                                               └── failed or late: log, status

A file system has at most one synctid at a time, whatever the number of its pairs: one that hangs
in the kernel cannot be killed, and no second one starts beside it. A failed flush has no other
effect.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hammerd.core.flush import flushes
from hammerd.core.hammer.commands import environment, synctid_argv
from hammerd.core.hammer.messages import Cure
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import ROOT_PFS
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import parse_tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.pfs_status import HolderOf, PfsStatusCommands
from hammerd.daemon.process.commands import CommandResult, Commands
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.timing.clock import Clock, Instant

FLUSH_TIMEOUT_S = 30.0
NAMES_TIMEOUT_S = 10.0

FlushPathOf = Callable[[Endpoint], flushes.FlushPath | None]
"""Returns the path through which an endpoint is flushed, None before the path was read."""


class FlushCommands:
    """Runs the commands of a flush."""

    def __init__(
        self, commands: Commands, status: PfsStatusCommands, hammer: str, home: str
    ) -> None:
        self._commands = commands
        self._status = status
        self._hammer = hammer
        self._env = environment(home)
        self._names: Mapping[str, str] = {}
        self._hung_pid = 0

    async def names(self, directories: Iterable[str]) -> Mapping[str, str]:
        """Return the file system of each directory: the unique-uuid of its root PFS.

        Unknown ones are left out. While a command hangs no second one is started, and the last
        result is returned.
        """
        paths = tuple(dict.fromkeys(directories))
        if len(paths) < 2:
            return {}
        if self._hung_pid and not self._status.has_ended(self._hung_pid):
            return self._names
        result = await self._status.status([Endpoint(path) for path in paths], NAMES_TIMEOUT_S)
        self._hung_pid = result.hung_pid
        if not self._hung_pid:
            found = zip(paths, result.statuses, strict=False)
            self._names = {path: one.unique_uuid for path, one in found if one.pfs_id == ROOT_PFS}
        return self._names

    async def synctid(self, path: str) -> CommandResult:
        """Flush a file system; the printed TID covers everything written before."""
        return await self._commands.run(
            synctid_argv(self._hammer, path), self._env, FLUSH_TIMEOUT_S
        )

    def has_ended(self, pid: int) -> bool:
        """Return whether a late command has ended."""
        return not self._commands.is_under_way(pid)


@dataclass(slots=True)
class _Flushing:
    """The flushes of one file system; `late_pid` is a synctid that was killed and may hang."""

    due_at: float = 0.0
    is_under_way: bool = False
    late_pid: int = 0


class Flusher:
    """Flushes all file systems and keeps the last result of each endpoint."""

    def __init__(
        self,
        commands: FlushCommands,
        flush_path_of: FlushPathOf,
        readings: ReadingStore,
        clock: Clock,
        log: Logger,
    ) -> None:
        self._commands = commands
        self._flush_path_of = flush_path_of
        self._readings = readings
        self._clock = clock
        self._log = log
        self._systems: dict[str, _Flushing] = {}
        self._states: dict[Endpoint, flushes.FlushState] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        # Slaves that take turns: none of them is at fault if it is away.
        self._rotating: set[Endpoint] = set()
        self.holder_of: HolderOf = lambda _endpoint: None
        self._flushed_now: list[flushes.FileSystem] = []

    def of(self, pair: Pair) -> flushes.PairFlushes:
        """Return the last results of the flushes of a pair's file systems."""
        if pair.timing.flush_every_s is None:
            return flushes.PairFlushes()
        master, slave = (self._state(one) for one in (pair.master, pair.slave))
        return flushes.PairFlushes(pair.timing.flush_every_s, master, slave)

    def is_flushing(self, endpoints: Iterable[Endpoint]) -> bool:
        """Return whether a flush of the file system of one of these endpoints is under way."""
        ends = frozenset(endpoints)
        return any(ends & (system.masters | system.slaves) for system in self._flushed_now)

    async def flush(self, lives: Iterable[PairLife]) -> None:
        """Flush the file systems that are due; one that hangs does not delay the others."""
        lives = tuple(lives)
        interval_s = flushes.shortest_interval_s(life.pair for life in lives)
        own: set[asyncio.Task[None]] = set()
        while interval_s is not None:
            own |= await self._start(flushes.flushed_pairs(lives), interval_s)
            if not own:
                return
            done, own = await asyncio.wait(own, timeout=interval_s)
            for task in done:
                task.result()
            if not own:
                return

    async def _start(self, pairs: tuple[Pair, ...], interval_s: float) -> set[asyncio.Task[None]]:
        self._rotating = {pair.slave for pair in pairs if pair.rotate.takes_turns}
        away = {one for one in self._rotating if self._readings.is_unreadable(one)}
        pairs = tuple(pair for pair in pairs if pair.slave not in away)
        endpoints = {one for pair in pairs for one in (pair.master, pair.slave)}
        self._states = {one: state for one, state in self._states.items() if one in endpoints}
        here = (one for one in endpoints if one.host.shares_paths)
        local = sorted((one for one in here if self.holder_of(one) is None), key=str)
        flush_paths = {
            one: flush_path
            for one in local
            if (flush_path := self._flush_path_of(one)) is not None
        }
        roots = [
            flush_path.path for flush_path in flush_paths.values() if flush_path.is_in_root_pfs
        ]
        names = await self._commands.names(roots)
        systems = flushes.file_systems(
            pairs, {one: flush_path.path for one, flush_path in flush_paths.items()}, names
        )
        self._systems = {one.path: self._systems.get(one.path, _Flushing()) for one in systems}
        loop = asyncio.get_running_loop()
        started = {loop.create_task(self._flush(one, interval_s)) for one in systems}
        # A reload cancels the caller of flush(), never a flush: it would run twice.
        for task in started:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return started

    async def _flush(self, system: flushes.FileSystem, interval_s: float) -> None:
        flushing, now_at = self._systems[system.path], self._clock.now().at
        # This is called at each interval: a flush that is due before the next call is due now.
        if flushing.is_under_way or flushing.due_at > now_at + interval_s / 2:
            return
        if flushing.late_pid and not self._commands.has_ended(flushing.late_pid):
            return
        if all(map(self.holder_of, system.masters | system.slaves)):
            return  # a plan began while the file systems were named
        flushing.due_at, flushing.late_pid = now_at + system.every_s, 0
        flushing.is_under_way = True
        self._flushed_now.append(system)
        try:
            began = self._clock.now()
            result = await self._commands.synctid(system.path)
        finally:
            flushing.is_under_way = False
            self._flushed_now.remove(system)
        flushing.late_pid = result.pid
        if _has_printed_tid(result):
            self._completed(system, began)
        else:
            self._failed(system, result)

    def _completed(self, system: flushes.FileSystem, began: Instant) -> None:
        if any(self._state(one).failed_because for one in system.masters | system.slaves):
            self._log.info("flush.works_again", path=system.path)
        for one in system.masters | system.slaves:
            self._states[one] = flushes.FlushState(began.at)
        ended = self._clock.now()
        for master in system.masters:
            self._readings.record_master_flush(master, began, ended)
        for slave in system.slaves:
            self._readings.slaves.record_flush(slave, began.at)

    def _failed(self, system: flushes.FileSystem, result: CommandResult) -> None:
        if _is_missing(result) and self._rotating.issuperset(system.masters | system.slaves):
            return
        because, hint = _cause_and_hint(result)
        failed_because = f"hammer synctid {system.path}: {because}"
        endpoints = system.masters | system.slaves
        if any(self._state(one).failed_because != failed_because for one in endpoints):
            self._log.warning("flush.failed", path=system.path, because=because, hint=hint)
        for one in endpoints:
            self._states[one] = replace(self._state(one), failed_because=failed_because)

    def _state(self, endpoint: Endpoint) -> flushes.FlushState:
        return self._states.get(endpoint, flushes.FlushState())


def _has_printed_tid(result: CommandResult) -> bool:
    if not result.is_good:
        return False
    try:
        parse_tid(result.stdout.strip())
    except ValueError:
        return False
    return True


def _is_missing(result: CommandResult) -> bool:
    complaint = find_cause(result.stderr.encode())
    return complaint is not None and complaint.cure is Cure.MOUNT


def _cause_and_hint(result: CommandResult) -> tuple[str, str]:
    if result.spawn_error is not None:
        return result.spawn_error.message, result.spawn_error.hint
    if result.is_late:
        return (
            f"it did not come back in {FLUSH_TIMEOUT_S:.0f} s",
            "the disk hangs or is very busy; look at dmesg and iostat",
        )
    complaint = find_cause(result.stderr.encode())
    if complaint is not None:
        return complaint.text, complaint.hint
    if result.is_good:
        return "it printed no TID", "run it by hand: it prints 0x and 16 digits"
    return f"it ended with {result.status}", "run it by hand"
