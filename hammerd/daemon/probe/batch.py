"""Reads a batch of endpoints with one command, and quarantines those that fail or hang.

    read all paths ── pfs-status of all ──┬── all answered
                                          ├── one failed: quarantined, the others again
                                          └── hung: one by one, each file system by itself

A hung pfs-status prints nothing, not even the operand at which it hangs: its output waits in its
buffer. So each endpoint is then read alone; the first that hangs makes the others of its file
system suspect, and later samples try them in turn. While a batch that hung still runs and its
file system is unknown, there is no second batch: each endpoint is read alone.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import assert_never

from hammerd.core.hammer.messages import Cure
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import MasterByLink, ProbeFailed, ProbeResult, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.quarantine import Quarantine
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.timing.clock import Clock, Instant

READ_STEP_S = 1e-6
"""Endpoints of one pfs-status are read one after the other: their instants must show the order."""

BATCH_SHARE, ALONE_SHARE = 0.4, 0.25
"""The share of a timeout for a batch, and for each reading alone after it: a probe whose batch
hung at another pair's disk is still answered in time."""

HANGS = ProbeFailed(
    ProbeTrouble.PROBE_TIMEOUT, detail="an earlier command on its file system is not back yet"
)

OnRead = Callable[[Sequence[EndpointReading]], None]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The shortest timeout (seconds) of all requests, and the longest for each endpoint.

    A batch takes no more than a share of the shortest, so that each request is answered in time.
    """

    batch_s: float
    alone_s: Mapping[Endpoint, float] = field(default_factory=dict)

    def alone(self, endpoint: Endpoint) -> float:
        """Return the time for an endpoint that is read alone."""
        return ALONE_SHARE * self.alone_s.get(endpoint, self.batch_s)


class BatchReader:
    """Reads endpoints; keeps their paths and the quarantine."""

    def __init__(self, commands: PfsStatusCommands, prober: PathProber, clock: Clock) -> None:
        self.paths = KnownPaths(prober, clock)
        self.quarantine = Quarantine(commands.has_ended)
        self._commands = commands
        self._clock = clock
        self._slaves: frozenset[Endpoint] = frozenset()
        self._masters: frozenset[Endpoint] = frozenset()
        self._hung_batches: set[int] = set()
        self._read: dict[Endpoint, tuple[PathState, Tid]] = {}
        self.calls = count(1)
        self._retried_file_systems: set[Hashable] = set()

    async def are_as_read(self, pair: Pair) -> bool:
        """Read the paths of a pair; return whether its endpoints are the PFSs that were read last.

        An endpoint on another host has no path here, and counts as the same.
        """
        here = [one for one in (pair.slave, pair.master) if one.host.shares_paths]
        if await self.paths.read(here, is_quick=True):
            return False
        return all(self._is_as_read(one, is_slave=one == pair.slave) for one in here)

    def _is_as_read(self, endpoint: Endpoint, *, is_slave: bool) -> bool:
        read, now = self._read.get(endpoint), self.paths.state(endpoint)
        if read is None or now is None:
            return False
        before, tid = read
        if (before.real, before.file_system) != (now.real, now.file_system):
            return False
        was, link = before.link, now.link
        if was is None or link is None:
            # A null mount shows neither role nor number: a slave needs a pfs-status for them.
            return not is_slave and was is link and now.real_file.is_directory
        # A slave that was made again has the number of the one before it, and a lower TID.
        return (was.pfs_id, was.is_master) == (link.pfs_id, link.is_master) and (
            link.tid is None or link.tid >= tid
        )

    def is_left_alone(self, endpoint: Endpoint) -> bool:
        """Return whether a plan holds an endpoint, so that nothing reads it."""
        return self._commands.holder_of(endpoint) is not None

    def set_pairs(self, pairs: Iterable[Pair]) -> None:
        """Set the masters, and the slaves that are no pair's master, from all pairs."""
        pairs = tuple(pairs)
        self._masters = frozenset(pair.master for pair in pairs)
        self._slaves = frozenset(pair.slave for pair in pairs) - self._masters

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget endpoints that no pair has any more."""
        self.quarantine.forget_all_but(endpoints)
        self.paths.forget_all_but(endpoints)
        self._read = {one: read for one, read in self._read.items() if one in endpoints}

    async def read(
        self, endpoints: Sequence[Endpoint], timeouts: Timeouts, on_read: OnRead
    ) -> None:
        """Read endpoints with known paths, in this order, except quarantined ones and suspects.

        `on_read` is called with readings as soon as they are made.
        """
        endpoints = [one for one in endpoints if not self.is_left_alone(one)]
        by_link = [reading for one in endpoints if (reading := self._master_by_link(one))]
        on_read(by_link)
        done = {reading.endpoint for reading in by_link}
        left: Sequence[Endpoint] = [one for one in endpoints if one not in done]
        while left := [one for one in left if one not in self.quarantine]:
            left = await self._read_some(left, timeouts, on_read)

    async def retry(self, endpoint: Endpoint, timeout_s: float) -> bool:
        """Try a quarantined endpoint; return True when it was read, and is released."""
        file_system = self.paths.file_system(endpoint)
        if self.is_left_alone(endpoint):
            return False
        if file_system in self._retried_file_systems:
            return False
        if self.quarantine.is_hanging(file_system):
            self.quarantine.add(endpoint, self.not_read(endpoint))
            return False
        self._retried_file_systems.add(file_system)
        try:
            if await self.paths.read([endpoint]):
                self.quarantine.add(endpoint, self.not_read(endpoint))
                return False
            if self._master_by_link(endpoint):
                self.quarantine.release(endpoint)
                return True
            reading = await self._read_one(endpoint, ALONE_SHARE * timeout_s)
        finally:
            self._retried_file_systems.discard(file_system)
        return isinstance(reading.seen, PfsStatus)

    def _master_by_link(self, endpoint: Endpoint) -> EndpointReading | None:
        """Return the reading of a slave whose link shows a master: it needs no pfs-status."""
        state = self.paths.state(endpoint)
        link = state.link if state else None
        if state is None or link is None or not link.is_master or endpoint not in self._slaves:
            return None
        if state.real in {self.paths.real_path(master) for master in self._masters}:
            # It is the PFS of a pair's master by another path, and is read as such anyway.
            return None
        now = self._clock.now()
        found = MasterByLink(link.pfs_id)
        return EndpointReading(endpoint, now, found, now.at, next(self.calls), state)

    def not_read(self, endpoint: Endpoint) -> EndpointReading:
        """Return the failed reading of an endpoint on which an earlier command hangs."""
        now = self._clock.now()
        return EndpointReading(endpoint, now, HANGS, now.at, next(self.calls))

    async def _read_some(
        self, endpoints: Sequence[Endpoint], timeouts: Timeouts, on_read: OnRead
    ) -> Sequence[Endpoint]:
        """Read endpoints up to the first that fails by itself; return those that are left."""
        if len(endpoints) > 1 and self._has_hung_batch():
            await self._read_one_by_one(endpoints, timeouts, on_read)
            return ()
        began, call = self._clock.now(), next(self.calls)
        operands = [self.paths.operand(one) for one in endpoints]
        result = await self._commands.status(operands, BATCH_SHARE * timeouts.batch_s)
        seen: list[ProbeResult] = [*result.statuses]
        if (failure := result.failure) is not None:
            if len(endpoints) > 1 and not (result.is_of_one or _is_not_started(failure)):
                self._hung_batches |= {result.hung_pid} - {0}
                await self._read_one_by_one(endpoints, timeouts, on_read)
                return ()
            seen += [failure] * (1 if result.is_of_one else len(endpoints) - len(seen))
        ended_at = self._clock.now().at
        readings = await self._with_missing_paths(
            [
                self._reading(endpoint, began.later(step * READ_STEP_S), one, ended_at, call)
                for step, (endpoint, one) in enumerate(zip(endpoints, seen, strict=False))
            ]
        )
        for reading in readings:
            self._update_quarantine(reading, result.hung_pid)
        on_read(readings)
        return endpoints[len(readings) :]

    def _has_hung_batch(self) -> bool:
        """Return whether a batch that hung on an unknown file system still runs."""
        self._hung_batches = {
            pid for pid in self._hung_batches if not self._commands.has_ended(pid)
        }
        return bool(self._hung_batches)

    async def _read_one_by_one(
        self, endpoints: Sequence[Endpoint], timeouts: Timeouts, on_read: OnRead
    ) -> None:
        by_file_system: dict[Hashable, list[Endpoint]] = {}
        for one in dict.fromkeys(endpoints):
            by_file_system.setdefault(self.paths.file_system(one), []).append(one)
        await asyncio.gather(
            *(self._read_file_system(own, timeouts, on_read) for own in by_file_system.values())
        )
        hanging = [one for one in by_file_system if self.quarantine.is_hanging(one)]
        for file_system in hanging:
            # The batch itself hangs there too, and may still run.
            for pid in self._hung_batches:
                self.quarantine.add_hung(file_system, pid)
        if hanging:
            self._hung_batches.clear()

    async def _read_file_system(
        self, endpoints: Sequence[Endpoint], timeouts: Timeouts, on_read: OnRead
    ) -> None:
        """Read the endpoints of one file system one by one, up to the first that hangs."""
        readings: list[EndpointReading] = []
        for one in endpoints:
            if readings and _hangs(readings[-1].seen):
                self.quarantine.add(one, None)
            else:
                readings.append(await self._read_one(one, timeouts.alone(one)))
        on_read(readings)

    async def _read_one(self, endpoint: Endpoint, timeout_s: float) -> EndpointReading:
        began, call = self._clock.now(), next(self.calls)
        result = await self._commands.status([self.paths.operand(endpoint)], timeout_s)
        seen = result.statuses[0] if result.statuses else result.failure
        assert seen is not None, "a result without a status has a failure"
        found = self._reading(endpoint, began, seen, self._clock.now().at, call)
        (reading,) = await self._with_missing_paths([found])
        self._update_quarantine(reading, result.hung_pid)
        return reading

    def _reading(
        self, endpoint: Endpoint, began: Instant, seen: ProbeResult, ended_at: float, call: int
    ) -> EndpointReading:
        state, asked_at = self.paths.state(endpoint), self.paths.asked_at(endpoint)
        if isinstance(seen, PfsStatus) and state is not None:
            self._read[endpoint] = (state, seen.sync_end_tid)
        return EndpointReading(endpoint, began, seen, ended_at, call, state, asked_at)

    def _update_quarantine(self, reading: EndpointReading, hung_pid: int) -> None:
        endpoint = reading.endpoint
        match reading.seen:
            case PfsStatus():
                self.quarantine.release(endpoint)
            case ProbeFailed() as failed:
                if endpoint in self.quarantine or not _is_not_started(failed):
                    self.quarantine.add(endpoint, reading)
            case MasterByLink():
                pass
            case _:
                assert_never(reading.seen)
        if hung_pid:
            self.quarantine.add_hung(self.paths.file_system(endpoint), hung_pid)

    async def _with_missing_paths(self, readings: list[EndpointReading]) -> list[EndpointReading]:
        """Read the paths of missing endpoints again, and add their present state."""
        missing = [reading.endpoint for reading in readings if _is_missing(reading.seen)]
        if missing:
            await self.paths.read(missing)
        return [self._with_path(reading) for reading in readings]

    def _with_path(self, reading: EndpointReading) -> EndpointReading:
        seen, state = reading.seen, self.paths.state(reading.endpoint)
        if not (isinstance(seen, ProbeFailed) and state and _is_missing(seen)):
            return reading
        return replace(reading, seen=replace(seen, stat=state.stat), path_state=state)


def _is_not_started(failure: ProbeFailed) -> bool:
    """Return whether the command could not be started: no endpoint is the cause."""
    return failure.why is ProbeTrouble.SPAWN_FAILED


def _hangs(seen: ProbeResult) -> bool:
    return isinstance(seen, ProbeFailed) and seen.why is ProbeTrouble.PROBE_TIMEOUT


def _is_missing(seen: ProbeResult) -> bool:
    if not isinstance(seen, ProbeFailed) or isinstance(seen.why, ProbeTrouble):
        return False
    return seen.why.cure is Cure.MOUNT
