"""Reads endpoints in batches: one batch at a time, for all requests that came meanwhile.

Sixty pairs that probe at once cost a command or two, and sixty that probe a disk that hangs do
not leave sixty hanging commands behind. A request with a slow path waits for that path alone.
Quarantined endpoints (daemon/probe/quarantine.py) are left out of batches: a probe tries its own
first, and each sample tries them in turn, concurrently, until one fails again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.read_order import Chain, chains_of, read_order
from hammerd.daemon.probe.batch import BatchReader, Timeouts
from hammerd.daemon.probe.reading import EndpointReading


@dataclass(eq=False, slots=True)
class _Request:
    """A request for readings; `has_paths` once all its paths were read, however slowly."""

    chains: tuple[Chain, ...]
    timeout_s: float
    answer: asyncio.Future[list[EndpointReading]]
    has_paths: bool = False

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        return frozenset(endpoint for chain in self.chains for endpoint in chain)


class ProbeQueue:
    """The readings that are requested and under way."""

    def __init__(self, batches: BatchReader) -> None:
        self.paths = batches.paths
        self._batches = batches
        self._quarantine = batches.quarantine
        self._requests: list[_Request] = []
        self._worker: asyncio.Task[None] | None = None
        self._retries: asyncio.Task[None] | None = None
        self._was_sampled = False
        self._slow: set[asyncio.Task[None]] = set()
        # Endpoints of held pairs: another pair may have another name for one.
        self.also_read: Callable[[], Iterable[Endpoint]] = tuple

    async def are_as_read(self, pair: Pair) -> bool:
        """Return whether the endpoints of a pair are the PFSs that were read last."""
        return await self._batches.are_as_read(pair)

    async def probe(self, pairs: Iterable[Pair], timeout_s: float) -> list[EndpointReading]:
        """Read the endpoints of pairs on this machine, each slave before its master.

        Quarantined ones are tried first. Each endpoint is in the result, read or failed.
        """
        pairs = tuple(pairs)
        if not self._was_sampled:
            self._batches.set_pairs(pairs)
        chains = chains_of(pairs)
        endpoints = read_order(chains)
        for endpoint in endpoints:
            if endpoint in self._quarantine:
                await self._batches.retry(endpoint, timeout_s)
        readings = await self._request(chains, timeout_s)
        read = {reading.endpoint for reading in readings}
        missing = [one for one in endpoints if one not in read]
        return [
            *readings,
            *(self._batches.not_read(one) for one in missing if not self._is_left_alone(one)),
        ]

    async def sample(
        self, pairs: Iterable[Pair], timeout_s: float, held: Collection[str] = ()
    ) -> list[EndpointReading]:
        """Read the endpoints of all pairs on this machine; of quarantined ones return the failure.

        Those of the pairs that are `held` are left out; those that no pair has are forgotten.
        """
        pairs = tuple(pairs)
        self._was_sampled = True
        self._batches.set_pairs(pairs)
        self._batches.forget_all_but({one for pair in pairs for one in (pair.master, pair.slave)})
        if self._quarantine.queue() and (self._retries is None or self._retries.done()):
            self._retries = asyncio.get_running_loop().create_task(self._retry(timeout_s))
        chains = chains_of(pair for pair in pairs if pair.name not in held)
        return await self._request(chains, timeout_s)

    def _is_left_alone(self, endpoint: Endpoint) -> bool:
        return self._batches.is_left_alone(endpoint)

    async def close(self) -> None:
        """Cancel what is under way; no request is answered any more."""
        tasks = [task for task in (self._worker, self._retries, *self._slow) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _request(self, chains: tuple[Chain, ...], timeout_s: float) -> list[EndpointReading]:
        if not chains:
            return []
        request = _Request(chains, timeout_s, asyncio.get_running_loop().create_future())
        self._put(request)
        return await request.answer

    def _put(self, request: _Request) -> None:
        self._requests.append(request)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._requests:
            requests, self._requests = self._requests, []
            try:
                await self._answer(requests)
            except Exception as error:
                self._fail(requests, error)

    async def _answer(self, requests: Sequence[_Request]) -> None:
        requests = await self._with_paths(requests)
        if not requests:
            return
        alone_s: dict[Endpoint, float] = {}
        for request in requests:
            for endpoint in request.endpoints:
                alone_s[endpoint] = max(request.timeout_s, alone_s.get(endpoint, 0.0))
        timeouts = Timeouts(min(request.timeout_s for request in requests), alone_s)
        endpoints = read_order([chain for request in requests for chain in request.chains])
        readings: list[EndpointReading] = []

        def on_read(some: Sequence[EndpointReading]) -> None:
            readings.extend(some)
            read = {reading.endpoint for reading in readings}
            for request in requests:
                if all(one in read or one in self._quarantine for one in request.endpoints):
                    self._settle(request, readings)

        await self._batches.read(endpoints, timeouts, on_read)
        for request in requests:
            self._settle(request, readings)

    def _fail(self, requests: Iterable[_Request], error: Exception) -> None:
        for request in requests:
            if not request.answer.done():
                request.answer.set_exception(error)

    def _settle(self, request: _Request, readings: Iterable[EndpointReading]) -> None:
        if not request.answer.done():
            request.answer.set_result([*self._readings_of(request.endpoints, readings)])

    async def _with_paths(self, requests: Sequence[_Request]) -> Sequence[_Request]:
        """Read all paths that were not read; return the requests that need not wait for one."""
        new = [request for request in requests if not request.has_paths]
        here = {one for request in new for one in request.endpoints if one not in self._quarantine}
        slow = await self.paths.read(here | self.paths.unknown(self.also_read()), is_quick=True)
        if held := self.paths.unknown(self.also_read()):
            # Until they are known another name of a held endpoint would be read.
            await self.paths.read(held)
        for request in requests:
            if not request.has_paths and request.endpoints & slow:
                task = asyncio.get_running_loop().create_task(self._read_slow(request, slow))
                self._slow.add(task)
                task.add_done_callback(self._slow.discard)
            else:
                request.has_paths = True
        return [request for request in requests if request.has_paths]

    async def _read_slow(self, request: _Request, slow: Collection[Endpoint]) -> None:
        try:
            hanging = await self.paths.read(request.endpoints & frozenset(slow))
        except Exception as error:
            self._fail((request,), error)
            return
        for endpoint in hanging:
            self._quarantine.add(endpoint, self._batches.not_read(endpoint))
        request.has_paths = True
        self._put(request)

    def _readings_of(
        self, endpoints: frozenset[Endpoint], readings: Iterable[EndpointReading]
    ) -> Iterator[EndpointReading]:
        own = [reading for reading in readings if reading.endpoint in endpoints]
        yield from own
        yield from self._quarantine.failures(endpoints - {reading.endpoint for reading in own})

    async def _retry(self, timeout_s: float) -> None:
        for endpoint in self._quarantine.queue():
            if not await self._batches.retry(endpoint, timeout_s):
                return
