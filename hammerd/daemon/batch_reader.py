"""Reads a batch of ends with one command, and sets apart those that fail or hang.

    look at unknown paths ── pfs-status of all ──┬── all answered
                                                 ├── one failed: set apart, the rest again
                                                 └── hung: one by one, each file system by itself

A hung pfs-status tells nothing, not even which operand it hangs at: what it prints waits in its
buffer. So each is asked alone then; the first that hangs makes the others of its file system
suspect, and they are tried in turn by later samples.
"""

import asyncio
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from posixpath import dirname

from hammerd.core.judgement import EndSeen, ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.core.pfs_status import PfsStatus
from hammerd.core.stream_sayings import Cure
from hammerd.daemon.clock import Clock
from hammerd.daemon.end_reading import EndReading
from hammerd.daemon.set_apart import SetApart
from hammerd.daemon.status_calls import Seen, StatusCalls

READ_STEP_S = 1e-6
"""Two ends of one pfs-status are read one after the other: their instants must tell."""

BATCH_SHARE, ALONE_SHARE = 0.4, 0.25
"""How much of a timeout a batch may take, and each reading alone after it: a probe whose batch
hung at another pair's disk still answers in its time."""

HANGS = ProbeFailed(
    ProbeTrouble.PROBE_TIMEOUT, detail="an earlier command on its file system is not back yet"
)


class BatchReader:
    """Reads ends, and remembers what was seen of their paths."""

    def __init__(self, calls: StatusCalls, clock: Clock) -> None:
        self.apart = SetApart(calls.is_gone)
        self._calls = calls
        self._clock = clock
        self._calls_made = count(1)
        self._seen: dict[Endpoint, Seen] = {}
        self._tried_places: set[Hashable] = set()

    def operand(self, end: Endpoint) -> Endpoint:
        """Return an end as hammer must be given it: a symlink to a PFS softlink is followed."""
        seen = self._seen.get(end)
        return replace(end, path=seen.operand) if seen else end

    def real_path(self, end: Endpoint) -> str | None:
        """Return an end's path without any symlink on the way, None before it was looked at."""
        seen = self._seen.get(end)
        return seen.real if seen else None

    def keep(self, ends: Collection[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        self.apart.keep(ends)
        self._seen = {end: seen for end, seen in self._seen.items() if end in ends}

    async def read(self, ends: Sequence[Endpoint], timeout_s: float) -> list[EndReading]:
        """Read ends in this order, but those set apart; suspected ones do not come back."""
        await self._look_at_new(ends, timeout_s)
        rest: Sequence[Endpoint] = [end for end in ends if end not in self.apart]
        readings: list[EndReading] = []
        while rest:
            some, rest = await self._read_some(rest, timeout_s)
            readings += some
            rest = [end for end in rest if end not in self.apart]
        return await self._explained(readings, timeout_s)

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
            if end not in self._seen and not await self._look_alone(end, timeout_s):
                return False
            reading = await self._read_one(end, timeout_s)
            await self._explained([reading], timeout_s)
        finally:
            self._tried_places.discard(place)
        return isinstance(reading.seen, PfsStatus)

    def not_read(self, end: Endpoint) -> EndReading:
        """Return the failure of an end that cannot even be asked now."""
        now = self._clock.now()
        return EndReading(end, now, HANGS, now.at, next(self._calls_made))

    # --- a batch -----------------------------------------------------------------------------

    async def _read_some(
        self, ends: Sequence[Endpoint], timeout_s: float
    ) -> tuple[list[EndReading], Sequence[Endpoint]]:
        """Read ends up to the first that fails by itself; return those that are left, too."""
        began, call = self._clock.now(), next(self._calls_made)
        operands = [self.operand(end) for end in ends]
        answer = await self._calls.status(operands, BATCH_SHARE * timeout_s)
        seen: list[EndSeen] = [*answer.statuses]
        if answer.failure is not None:
            if len(ends) > 1 and not answer.is_of_one and not _is_nobodys(answer.failure):
                return await self._one_by_one(ends, answer.hung_pid, timeout_s), ()
            seen += [answer.failure] * (1 if answer.is_of_one else len(ends) - len(seen))
        ended_at = self._clock.now().at
        readings = [
            EndReading(end, began.later(step * READ_STEP_S), one, ended_at, call)
            for step, (end, one) in enumerate(zip(ends, seen, strict=False))
        ]
        for reading in readings:
            self._keep_apart(reading, answer.hung_pid)
        return readings, ends[len(readings) :]

    async def _one_by_one(
        self, ends: Sequence[Endpoint], hung_pid: int, timeout_s: float
    ) -> list[EndReading]:
        places: dict[Hashable, list[Endpoint]] = {}
        for end in dict.fromkeys(ends):
            places.setdefault(self._place(end), []).append(end)
        of_places = await asyncio.gather(
            *(self._read_place(own, timeout_s) for own in places.values())
        )
        for place in places:
            # The batch itself hangs there too, and may not be gone.
            if hung_pid and self.apart.is_hanging(place):
                self.apart.hangs(place, hung_pid)
        return [reading for readings in of_places for reading in readings]

    async def _read_place(self, ends: Sequence[Endpoint], timeout_s: float) -> list[EndReading]:
        """Read the ends of one file system one by one, up to the first that hangs."""
        readings: list[EndReading] = []
        for end in ends:
            if readings and _hangs(readings[-1].seen):
                self.apart.add(end, None)
                continue
            readings.append(await self._read_one(end, timeout_s))
        return readings

    async def _read_one(self, end: Endpoint, timeout_s: float) -> EndReading:
        began, call = self._clock.now(), next(self._calls_made)
        answer = await self._calls.status([self.operand(end)], ALONE_SHARE * timeout_s)
        seen = answer.statuses[0] if answer.statuses else answer.failure
        assert seen is not None, "an answer without a status says why"
        reading = EndReading(end, began, seen, self._clock.now().at, call)
        self._keep_apart(reading, answer.hung_pid)
        return reading

    def _keep_apart(self, reading: EndReading, hung_pid: int) -> None:
        if isinstance(reading.seen, PfsStatus):
            self.apart.release(reading.end)
        elif not _is_nobodys(reading.seen):
            self.apart.add(reading.end, reading)
        if hung_pid:
            self.apart.hangs(self._place(reading.end), hung_pid)

    # --- looks -------------------------------------------------------------------------------

    def _place(self, end: Endpoint) -> Hashable:
        """Return what stands for the file system of an end, as far as it is known."""
        seen = self._seen.get(end)
        return seen.device if seen and seen.device is not None else dirname(end.path)

    async def _look(self, ends: Sequence[Endpoint], timeout_s: float) -> Sequence[Endpoint]:
        """Look at these paths; where one hangs, set it and its like apart, return the others."""
        answer = await self._calls.look([end.path for end in ends], BATCH_SHARE * timeout_s)
        self._seen.update(zip(ends, answer.seen, strict=False))
        rest = ends[len(answer.seen) :]
        if not (answer.hung_pid and rest):
            return ()
        place = self._place(rest[0])
        self.apart.hangs(place, answer.hung_pid)
        self.apart.add(rest[0], self.not_read(rest[0]))
        for end in rest[1:]:
            if self._place(end) == place:
                self.apart.add(end, None)
        return [end for end in rest if end not in self.apart]

    async def _look_alone(self, end: Endpoint, timeout_s: float) -> bool:
        await self._look([end], timeout_s)
        return not self.apart.is_hanging(self._place(end))

    async def _look_at_new(self, ends: Iterable[Endpoint], timeout_s: float) -> None:
        new: Sequence[Endpoint] = [
            end for end in dict.fromkeys(ends) if not (end in self._seen or end in self.apart)
        ]
        while new:
            new = await self._look(new, timeout_s)

    async def _explained(self, readings: list[EndReading], timeout_s: float) -> list[EndReading]:
        """Say of ends that are missing how their paths look."""
        missing = [reading.end for reading in readings if _is_missing(reading.seen)]
        if missing:
            await self._look(missing, timeout_s)
        return [self._with_look(reading) for reading in readings]

    def _with_look(self, reading: EndReading) -> EndReading:
        seen, at_path = reading.seen, self._seen.get(reading.end)
        if not (isinstance(seen, ProbeFailed) and at_path and _is_missing(seen)):
            return reading
        explained = replace(reading, seen=replace(seen, look=at_path.look))
        if reading.end in self.apart:
            self.apart.add(reading.end, explained)
        return explained


def _is_nobodys(failure: ProbeFailed) -> bool:
    """Tell whether it lies at none of the ends that they were not read."""
    return failure.why is ProbeTrouble.SPAWN_FAILED


def _hangs(seen: EndSeen) -> bool:
    return isinstance(seen, ProbeFailed) and seen.why is ProbeTrouble.PROBE_TIMEOUT


def _is_missing(seen: EndSeen) -> bool:
    if isinstance(seen, PfsStatus) or isinstance(seen.why, ProbeTrouble):
        return False
    return seen.why.cure is Cure.MOUNT
