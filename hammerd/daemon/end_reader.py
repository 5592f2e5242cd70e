"""Reads ends for whoever asks: one batch at a time for all that was asked meanwhile.

Sixty pairs that probe at once cost a command or two, and sixty that probe a disk that hangs do
not leave sixty hanging commands behind. Ends that are set apart (daemon/set_apart.py) are left
out of batches: a probe tries its own first, and each sample tries them in turn, meanwhile, until
one fails again.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.sample_order import Chain, chains_of, read_order
from hammerd.daemon.batch_reader import BatchReader
from hammerd.daemon.end_reading import EndReading


@dataclass(frozen=True, slots=True)
class _Ask:
    chains: tuple[Chain, ...]
    timeout_s: float
    answer: asyncio.Future[list[EndReading]]


class EndReader:
    """The readings that are asked for and under way."""

    def __init__(self, batches: BatchReader) -> None:
        self._batches = batches
        self._asks: list[_Ask] = []
        self._worker: asyncio.Task[None] | None = None
        self._retries: asyncio.Task[None] | None = None

    def operand(self, end: Endpoint) -> Endpoint:
        """Return an end as hammer must be given it: a symlink to a PFS softlink is followed."""
        return self._batches.operand(end)

    def real_path(self, end: Endpoint) -> str | None:
        """Return an end's path without any symlink on the way, None before it was looked at."""
        return self._batches.real_path(end)

    async def probe(self, pairs: Iterable[Pair], timeout_s: float) -> list[EndReading]:
        """Read the ends of pairs that are here, each slave before its master.

        Ends that are set apart are tried first. Each end comes back, read or failed.
        """
        chains = chains_of(pairs)
        ends = read_order(chains)
        for end in ends:
            if end in self._batches.apart:
                await self._batches.retry(end, timeout_s)
        readings = await self._ask(chains, timeout_s)
        read = {reading.end for reading in readings}
        return [*readings, *(self._batches.not_read(end) for end in ends if end not in read)]

    async def sample(self, pairs: Iterable[Pair], timeout_s: float) -> list[EndReading]:
        """Read the ends of all pairs that are here; of those set apart return the last failure.

        Ends of other pairs are forgotten.
        """
        pairs = tuple(pairs)
        self._batches.keep({end for pair in pairs for end in (pair.master, pair.slave)})
        if len(self._batches.apart) and (self._retries is None or self._retries.done()):
            self._retries = asyncio.get_running_loop().create_task(self._retry(timeout_s))
        return await self._ask(chains_of(pairs), timeout_s)

    async def close(self) -> None:
        """Answer nobody any more."""
        tasks = [task for task in (self._worker, self._retries) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- one batch at a time -----------------------------------------------------------------

    async def _ask(self, chains: tuple[Chain, ...], timeout_s: float) -> list[EndReading]:
        if not chains:
            return []
        loop = asyncio.get_running_loop()
        ask = _Ask(chains, timeout_s, loop.create_future())
        self._asks.append(ask)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await ask.answer

    async def _work(self) -> None:
        while self._asks:
            asks, self._asks = self._asks, []
            try:
                await self._answer(asks)
            except Exception as error:
                for ask in asks:
                    if not ask.answer.done():
                        ask.answer.set_exception(error)

    async def _answer(self, asks: Sequence[_Ask]) -> None:
        timeout_s = max(ask.timeout_s for ask in asks)
        ends = read_order([chain for ask in asks for chain in ask.chains])
        readings = await self._batches.read(ends, timeout_s)
        for ask in asks:
            own = {end for chain in ask.chains for end in chain}
            if not ask.answer.done():
                ask.answer.set_result([*self._of(own, readings)])

    def _of(self, ends: set[Endpoint], readings: Iterable[EndReading]) -> Iterator[EndReading]:
        own = [reading for reading in readings if reading.end in ends]
        yield from own
        yield from self._batches.apart.failures(ends - {reading.end for reading in own})

    async def _retry(self, timeout_s: float) -> None:
        for end in self._batches.apart.queue():
            if not await self._batches.retry(end, timeout_s):
                return
