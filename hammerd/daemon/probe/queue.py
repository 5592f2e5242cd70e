"""Reads ends for whoever asks: one batch at a time for all that was asked meanwhile.

Sixty pairs that probe at once cost a command or two, and sixty that probe a disk that hangs do
not leave sixty hanging commands behind. Who asks for an end whose path is slow to be looked at
waits for it alone. Endpoints in quarantine (daemon/probe/quarantine.py) are left out of batches: a
probe tries its own first, and each sample tries them in turn, meanwhile, until one fails again.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.pair.flushes import FlushPlace
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.read_order import Chain, chains_of, read_order
from hammerd.daemon.probe.batch import BatchReader, Timeouts
from hammerd.daemon.probe.reading import EndpointReading


@dataclass(eq=False, slots=True)
class _Ask:
    """What somebody wants to be read; `is_looked_at` when all its paths were, however slowly."""

    chains: tuple[Chain, ...]
    timeout_s: float
    answer: asyncio.Future[list[EndpointReading]]
    is_looked_at: bool = False

    @property
    def ends(self) -> frozenset[Endpoint]:
        return frozenset(end for chain in self.chains for end in chain)


class ProbeQueue:
    """The readings that are asked for and under way."""

    def __init__(self, batches: BatchReader) -> None:
        self._batches = batches
        self._asks: list[_Ask] = []
        self._worker: asyncio.Task[None] | None = None
        self._retries: asyncio.Task[None] | None = None
        self._knows_all = False
        self._late: set[asyncio.Task[None]] = set()

    def operand(self, end: Endpoint) -> Endpoint:
        """Return an end as hammer must be given it: a symlink to a PFS softlink is followed."""
        return self._batches.operand(end)

    def target(self, end: Endpoint) -> Endpoint:
        """Return an end as a stream must be given it: no link on its way can be turned."""
        return self._batches.target(end)

    async def are_as_read(self, pair: Pair) -> bool:
        """Look whether the ends of a pair are what they were when they were last read.

        An end on another host cannot be looked at, and counts as such.
        """
        ends = [end for end in (pair.slave, pair.master) if not end.is_remote]
        return await self._batches.are_as_read(ends, pair.slave)

    def real_path(self, end: Endpoint) -> str | None:
        """Return an end's path without any symlink on the way, None before it was looked at."""
        return self._batches.real_path(end)

    def flush_place(self, end: Endpoint) -> FlushPlace | None:
        """Return through which path an end is flushed, None before it was looked at."""
        return self._batches.flush_place(end)

    async def probe(self, pairs: Iterable[Pair], timeout_s: float) -> list[EndpointReading]:
        """Read the ends of pairs that are here, each slave before its master.

        Ends that are set apart are tried first. Each end comes back, read or failed.
        """
        pairs = tuple(pairs)
        if not self._knows_all:
            self._batches.know(pairs)
        chains = chains_of(pairs)
        ends = read_order(chains)
        for end in ends:
            if end in self._batches.apart:
                await self._batches.retry(end, timeout_s)
        readings = await self._ask(chains, timeout_s)
        read = {reading.end for reading in readings}
        return [*readings, *(self._batches.not_read(end) for end in ends if end not in read)]

    async def sample(self, pairs: Iterable[Pair], timeout_s: float) -> list[EndpointReading]:
        """Read the ends of all pairs that are here; of those set apart return the last failure.

        Ends of other pairs are forgotten.
        """
        pairs = tuple(pairs)
        self._knows_all = True
        self._batches.know(pairs)
        self._batches.keep({end for pair in pairs for end in (pair.master, pair.slave)})
        if len(self._batches.apart) and (self._retries is None or self._retries.done()):
            self._retries = asyncio.get_running_loop().create_task(self._retry(timeout_s))
        return await self._ask(chains_of(pairs), timeout_s)

    async def close(self) -> None:
        """Answer nobody any more."""
        tasks = [task for task in (self._worker, self._retries, *self._late) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- one batch at a time -----------------------------------------------------------------

    async def _ask(self, chains: tuple[Chain, ...], timeout_s: float) -> list[EndpointReading]:
        if not chains:
            return []
        ask = _Ask(chains, timeout_s, asyncio.get_running_loop().create_future())
        self._put(ask)
        return await ask.answer

    def _put(self, ask: _Ask) -> None:
        self._asks.append(ask)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._asks:
            asks, self._asks = self._asks, []
            try:
                await self._answer(asks)
            except Exception as error:
                self._fail(asks, error)

    async def _answer(self, asks: Sequence[_Ask]) -> None:
        asks = await self._looked_at(asks)
        if not asks:
            return
        alone_s: dict[Endpoint, float] = {}
        for ask in asks:
            for end in ask.ends:
                alone_s[end] = max(ask.timeout_s, alone_s.get(end, 0.0))
        timeouts = Timeouts(min(ask.timeout_s for ask in asks), alone_s)
        ends = read_order([chain for ask in asks for chain in ask.chains])
        readings: list[EndpointReading] = []

        def tell(some: Sequence[EndpointReading]) -> None:
            readings.extend(some)
            read = {reading.end for reading in readings}
            for ask in asks:
                if all(end in read or end in self._batches.apart for end in ask.ends):
                    self._settle(ask, readings)

        await self._batches.read(ends, timeouts, tell)
        for ask in asks:
            self._settle(ask, readings)

    def _fail(self, asks: Iterable[_Ask], error: Exception) -> None:
        for ask in asks:
            if not ask.answer.done():
                ask.answer.set_exception(error)

    def _settle(self, ask: _Ask, readings: Iterable[EndpointReading]) -> None:
        if not ask.answer.done():
            ask.answer.set_result([*self._of(ask.ends, readings)])

    async def _looked_at(self, asks: Sequence[_Ask]) -> Sequence[_Ask]:
        """Look at all paths that were not; return those who need not wait for a slow one."""
        ends = {end for ask in asks if not ask.is_looked_at for end in ask.ends}
        here = [end for end in ends if end not in self._batches.apart]
        slow = await self._batches.look(here, is_quick=True)
        for ask in asks:
            if not ask.is_looked_at and ask.ends & slow:
                task = asyncio.get_running_loop().create_task(self._look_slowly(ask, slow))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            else:
                ask.is_looked_at = True
        return [ask for ask in asks if ask.is_looked_at]

    async def _look_slowly(self, ask: _Ask, slow: Collection[Endpoint]) -> None:
        try:
            hanging = await self._batches.look(ask.ends & frozenset(slow))
        except Exception as error:
            self._fail((ask,), error)
            return
        for end in hanging:
            self._batches.apart.add(end, self._batches.not_read(end))
        ask.is_looked_at = True
        self._put(ask)

    def _of(
        self, ends: frozenset[Endpoint], readings: Iterable[EndpointReading]
    ) -> Iterator[EndpointReading]:
        own = [reading for reading in readings if reading.end in ends]
        yield from own
        yield from self._batches.apart.failures(ends - {reading.end for reading in own})

    async def _retry(self, timeout_s: float) -> None:
        for end in self._batches.apart.queue():
            if not await self._batches.retry(end, timeout_s):
                return
