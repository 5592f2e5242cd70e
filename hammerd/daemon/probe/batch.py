"""Reads a batch of ends with one command, and sets apart those that fail or hang.

    look at all paths ── pfs-status of all ──┬── all answered
                                             ├── one failed: set apart, the rest again
                                             └── hung: one by one, each file system by itself

A hung pfs-status tells nothing, not even which operand it hangs at: what it prints waits in its
buffer. So each is asked alone then; the first that hangs makes the others of its file system
suspect, and they are tried in turn by later samples. While a batch that hung is not gone and
nobody knows where it hangs, there is no second one: each is asked alone.

A path is looked at before each reading: a link may have been turned since the last one.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from posixpath import dirname
from typing import assert_never

from hammerd.core.hammer.messages import Cure
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.flushes import FlushPlace
from hammerd.core.pair.probe_verdict import EndpointSeen, MasterByLink, ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.quarantine import Quarantine
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.timing.clock import Clock, Instant

READ_STEP_S = 1e-6
"""Two ends of one pfs-status are read one after the other: their instants must tell."""

BATCH_SHARE, ALONE_SHARE = 0.4, 0.25
"""How much of a timeout a batch may take, and each reading alone after it: a probe whose batch
hung at another pair's disk still answers in its time."""

HANGS = ProbeFailed(
    ProbeTrouble.PROBE_TIMEOUT, detail="an earlier command on its file system is not back yet"
)


OnRead = Callable[[Sequence[EndpointReading]], None]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long (seconds) those who ask would wait: the most hurried, and for each end the longest.

    A batch takes no more than a share of the first, so that each is answered in its own time.
    """

    batch_s: float
    alone_s: Mapping[Endpoint, float] = field(default_factory=dict)

    def alone(self, end: Endpoint) -> float:
        """Return how long an end may take that is asked alone."""
        return ALONE_SHARE * self.alone_s.get(end, self.batch_s)


class BatchReader:
    """Reads ends, and remembers what was seen of their paths."""

    def __init__(self, calls: PfsStatusCommands, looks: PathProber, clock: Clock) -> None:
        self.apart = Quarantine(calls.is_gone)
        self._calls = calls
        self._looks = looks
        self._clock = clock
        self.slaves: frozenset[Endpoint] = frozenset()
        self._masters: frozenset[Endpoint] = frozenset()
        self._hung_somewhere: set[int] = set()
        self._read: dict[Endpoint, tuple[PathState, Tid]] = {}
        self._calls_made = count(1)
        self._seen: dict[Endpoint, PathState] = {}
        self._looked_at: dict[Endpoint, float] = {}
        self._tried_places: set[Hashable] = set()

    def operand(self, end: Endpoint) -> Endpoint:
        """Return an end as hammer must be given it: a symlink to a PFS softlink is followed."""
        seen = self._seen.get(end)
        return replace(end, path=seen.operand) if seen else end

    def target(self, end: Endpoint) -> Endpoint:
        """Return an end as a stream must be given it: no link on its way can be turned."""
        seen = self._seen.get(end)
        return replace(end, path=seen.target) if seen else end

    async def are_as_read(self, ends: Collection[Endpoint], slave: Endpoint) -> bool:
        """Look whether ends are the same PFSs as when they were last read."""
        if await self.look(ends, is_quick=True):
            return False
        return all(self._is_as_read(end, is_slave=end == slave) for end in ends)

    def _is_as_read(self, end: Endpoint, *, is_slave: bool) -> bool:
        read, seen = self._read.get(end), self._seen.get(end)
        if read is None or seen is None:
            return False
        before, tid = read
        if (before.real, before.file_system) != (seen.real, seen.file_system):
            return False
        was, link = before.link, seen.link
        if was is None or link is None:
            # A null mount shows neither role nor number: a slave is asked for them.
            return not is_slave and was is link and seen.end.is_directory
        # A slave that was made anew has the number of the one before it, and a lower TID.
        return (was.pfs_id, was.is_master) == (link.pfs_id, link.is_master) and (
            link.tid is None or link.tid >= tid
        )

    def real_path(self, end: Endpoint) -> str | None:
        """Return an end's path without any symlink on the way, None before it was looked at."""
        seen = self._seen.get(end)
        return seen.real if seen else None

    def flush_place(self, end: Endpoint) -> FlushPlace | None:
        """Return through which path an end is flushed, None before it was looked at."""
        seen = self._seen.get(end)
        if seen is None:
            return None
        if seen.is_pfs_link:
            return FlushPlace(dirname(seen.real), is_in_root_pfs=True)
        return FlushPlace(seen.operand)

    def know(self, pairs: Iterable[Pair]) -> None:
        """Learn which ends are slaves and no pair's master; each sample knows them all."""
        pairs = tuple(pairs)
        self._masters = frozenset(pair.master for pair in pairs)
        self.slaves = frozenset(pair.slave for pair in pairs) - self._masters

    def keep(self, ends: Collection[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        self.apart.keep(ends)
        self._seen = {end: seen for end, seen in self._seen.items() if end in ends}
        self._looked_at = {end: at for end, at in self._looked_at.items() if end in ends}
        self._read = {end: read for end, read in self._read.items() if end in ends}

    async def look(
        self, ends: Collection[Endpoint], *, is_quick: bool = False
    ) -> frozenset[Endpoint]:
        """Look at the paths of ends; return those that do not answer, quickly: not yet."""
        asked_at = self._clock.now().at
        answers = await self._looks.look((end.path for end in ends), is_quick=is_quick)
        for end in ends:
            if (seen := answers.get(end.path)) is not None:
                self._seen[end], self._looked_at[end] = seen, asked_at
        return frozenset(end for end in ends if answers.get(end.path, True) is None)

    async def read(
        self,
        ends: Sequence[Endpoint],
        timeouts: Timeouts,
        on_read: OnRead = lambda _readings: None,
    ) -> list[EndpointReading]:
        """Read ends that were looked at, in this order, but those set apart.

        Suspected ones do not come back. `on_read` is told of some of them at once.
        """
        promoted = [reading for end in ends if (reading := self._promoted(end))]
        asked = {*ends} - {reading.end for reading in promoted}
        rest: Sequence[Endpoint] = [end for end in ends if end in asked and end not in self.apart]
        readings: list[EndpointReading] = []

        def tell(some: Sequence[EndpointReading]) -> None:
            readings.extend(some)
            on_read(some)

        tell(promoted)
        while rest:
            rest = await self._read_some(rest, timeouts, tell)
            rest = [end for end in rest if end not in self.apart]
        return readings

    async def retry(self, end: Endpoint, timeout_s: float) -> bool:
        """Try an end that is set apart; True when it was read, and is so no longer."""
        place = self._place(end)
        if place in self._tried_places:
            return False
        if self.apart.is_hanging(place):
            self.apart.add(end, self.not_read(end))
            return False
        self._tried_places.add(place)
        try:
            if await self.look([end]):
                self.apart.add(end, self.not_read(end))
                return False
            if self._promoted(end):
                self.apart.release(end)
                return True
            reading = await self._read_one(end, ALONE_SHARE * timeout_s)
        finally:
            self._tried_places.discard(place)
        return isinstance(reading.seen, PfsStatus)

    def _promoted(self, end: Endpoint) -> EndpointReading | None:
        """Return what the link of a slave says if that is a master: it is asked nothing more."""
        seen = self._seen.get(end)
        link = seen.link if seen else None
        if seen is None or link is None or not link.is_master or end not in self.slaves:
            return None
        if seen.real in {self.real_path(master) for master in self._masters}:
            # It is the PFS of a pair's master by another path, and asked as such anyway.
            return None
        now = self._clock.now()
        found = MasterByLink(link.pfs_id)
        return EndpointReading(end, now, found, now.at, next(self._calls_made), seen)

    def not_read(self, end: Endpoint) -> EndpointReading:
        """Return the failure of an end that cannot even be asked now."""
        now = self._clock.now()
        return EndpointReading(end, now, HANGS, now.at, next(self._calls_made))

    # --- a batch -----------------------------------------------------------------------------

    async def _read_some(
        self, ends: Sequence[Endpoint], timeouts: Timeouts, tell: OnRead
    ) -> Sequence[Endpoint]:
        """Read ends up to the first that fails by itself; return those that are left."""
        if len(ends) > 1 and self._hangs_somewhere():
            await self._one_by_one(ends, timeouts, tell)
            return ()
        began, call = self._clock.now(), next(self._calls_made)
        operands = [self.operand(end) for end in ends]
        answer = await self._calls.status(operands, BATCH_SHARE * timeouts.batch_s)
        seen: list[EndpointSeen] = [*answer.statuses]
        if answer.failure is not None:
            if len(ends) > 1 and not answer.is_of_one and not _is_nobodys(answer.failure):
                self._hung_somewhere |= {answer.hung_pid} - {0}
                await self._one_by_one(ends, timeouts, tell)
                return ()
            seen += [answer.failure] * (1 if answer.is_of_one else len(ends) - len(seen))
        ended_at = self._clock.now().at
        readings = [
            self._reading(end, began.later(step * READ_STEP_S), one, ended_at, call)
            for step, (end, one) in enumerate(zip(ends, seen, strict=False))
        ]
        readings = await self._explained(readings)
        for reading in readings:
            self._keep_apart(reading, answer.hung_pid)
        tell(readings)
        return ends[len(readings) :]

    def _hangs_somewhere(self) -> bool:
        """Tell whether a batch hangs nobody knows where, and is not gone: no second one then."""
        self._hung_somewhere = {
            pid for pid in self._hung_somewhere if not self._calls.is_gone(pid)
        }
        return bool(self._hung_somewhere)

    async def _one_by_one(
        self, ends: Sequence[Endpoint], timeouts: Timeouts, tell: OnRead
    ) -> None:
        places: dict[Hashable, list[Endpoint]] = {}
        for end in dict.fromkeys(ends):
            places.setdefault(self._place(end), []).append(end)
        await asyncio.gather(*(self._read_place(own, timeouts, tell) for own in places.values()))
        for place in places:
            # The batch itself hangs there too, and may not be gone.
            if self.apart.is_hanging(place):
                for pid in self._hung_somewhere:
                    self.apart.hangs(place, pid)
        if any(self.apart.is_hanging(place) for place in places):
            self._hung_somewhere.clear()

    async def _read_place(
        self, ends: Sequence[Endpoint], timeouts: Timeouts, tell: OnRead
    ) -> None:
        """Read the ends of one file system one by one, up to the first that hangs."""
        readings: list[EndpointReading] = []
        for end in ends:
            if readings and _hangs(readings[-1].seen):
                self.apart.add(end, None)
                continue
            readings.append(await self._read_one(end, timeouts.alone(end)))
        tell(readings)

    async def _read_one(self, end: Endpoint, timeout_s: float) -> EndpointReading:
        began, call = self._clock.now(), next(self._calls_made)
        answer = await self._calls.status([self.operand(end)], timeout_s)
        seen = answer.statuses[0] if answer.statuses else answer.failure
        assert seen is not None, "an answer without a status says why"
        found = self._reading(end, began, seen, self._clock.now().at, call)
        (reading,) = await self._explained([found])
        self._keep_apart(reading, answer.hung_pid)
        return reading

    def _reading(
        self, end: Endpoint, began: Instant, seen: EndpointSeen, ended_at: float, call: int
    ) -> EndpointReading:
        at_path = self._seen.get(end)
        if isinstance(seen, PfsStatus) and at_path is not None:
            self._read[end] = (at_path, seen.sync_end_tid)
        looked_at = self._looked_at.get(end)
        return EndpointReading(end, began, seen, ended_at, call, at_path, looked_at)

    def _keep_apart(self, reading: EndpointReading, hung_pid: int) -> None:
        match reading.seen:
            case PfsStatus():
                self.apart.release(reading.end)
            case ProbeFailed() as failed if reading.end in self.apart or not _is_nobodys(failed):
                self.apart.add(reading.end, reading)
            case ProbeFailed() | MasterByLink():
                pass
            case _:
                assert_never(reading.seen)
        if hung_pid:
            self.apart.hangs(self._place(reading.end), hung_pid)

    # --- paths -------------------------------------------------------------------------------

    def _place(self, end: Endpoint) -> Hashable:
        """Return what stands for the file system of an end, as far as it is known."""
        seen = self._seen.get(end)
        return seen.device if seen and seen.device is not None else dirname(end.path)

    async def _explained(self, readings: list[EndpointReading]) -> list[EndpointReading]:
        """Say of ends that are missing how their paths look, now that they are."""
        missing = [reading.end for reading in readings if _is_missing(reading.seen)]
        if missing:
            await self.look(missing)
        return [self._with_look(reading) for reading in readings]

    def _with_look(self, reading: EndpointReading) -> EndpointReading:
        seen, at_path = reading.seen, self._seen.get(reading.end)
        if not (isinstance(seen, ProbeFailed) and at_path and _is_missing(seen)):
            return reading
        return replace(reading, seen=replace(seen, look=at_path.look), at_path=at_path)


def _is_nobodys(failure: ProbeFailed) -> bool:
    """Tell whether it lies at none of the ends that they were not read."""
    return failure.why is ProbeTrouble.SPAWN_FAILED


def _hangs(seen: EndpointSeen) -> bool:
    return isinstance(seen, ProbeFailed) and seen.why is ProbeTrouble.PROBE_TIMEOUT


def _is_missing(seen: EndpointSeen) -> bool:
    if not isinstance(seen, ProbeFailed) or isinstance(seen.why, ProbeTrouble):
        return False
    return seen.why.cure is Cure.MOUNT
