"""Reads the endpoints of one other host, with one connection at a time.

    requests meanwhile ── one pfs-status ──┬── all were read
                                           ├── one failed: it is read last from now on
                                           └── ssh failed: the host is left alone for a while

hammer stops at the first path that fails, and each further connection costs a login. So the paths
that failed before come last, one of them in each round. A host that does not answer is asked
again after a growing delay, and one that answers without a pfs-status rarely. While a command that
was killed still runs there is no other one.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.hammer.far_answer import FarAnswer, NotRead
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import Host
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeResult
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.read_order import Chain, read_order
from hammerd.daemon.probe.batch import READ_STEP_S
from hammerd.daemon.probe.far_commands import FarCommands
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.timing.clock import Clock, Instant

RARELY_S = 3600.0
"""The time until a host is asked again on which ssh works and pfs-status does not."""

SOON_S = 60.0
"""The same before a launch: a person who has mended the key of a pair resumes that pair."""

LAUNCH_SHARE = 0.5
"""The share of a timeout for which a launch waits: the pair is launched though the host hangs."""

MOST_COMMAND_BYTES = 16 << 10
"""The length of the paths of one command: a remote command is one argument."""

MOST_CONNECTIONS = 4
"""The connections of one round: a path that fails for the first time costs one more."""

BackoffOf = Callable[[Pair, int], float]
OnTrouble = Callable[["FarHost", NotRead | None], None]
"""Called when the reason changes why a host cannot be read; None when it can."""


@dataclass(frozen=True, slots=True)
class FarParts:
    """The parts that all hosts share; `calls` numbers all commands of this daemon."""

    commands: FarCommands
    clock: Clock
    calls: Iterator[int]
    backoff_s: BackoffOf
    on_trouble: OnTrouble


@dataclass(eq=False, slots=True)
class _Request:
    chains: tuple[Chain, ...]
    timeout_s: float
    answer: asyncio.Future[dict[Endpoint, EndpointReading]]

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        return frozenset(endpoint for chain in self.chains for endpoint in chain)


class FarHost:
    """The readings of one host, and why it cannot be read; `pair` is one of its pairs."""

    def __init__(self, pair: Pair, host: Host, parts: FarParts) -> None:
        self.pair = pair
        self.host = host
        self.trouble: NotRead | None = None
        self._parts = parts
        self._failures = 0
        self._again_at = 0.0
        self._hung_pid = 0
        # The endpoints that hammer could not read, in the order in which they are tried again.
        self._failing: dict[Endpoint, EndpointReading] = {}
        self._requests: list[_Request] = []
        self._worker: asyncio.Task[None] | None = None

    @property
    def login(self) -> str:
        """The words `[user@]host` of the host."""
        return self.host.login

    def may_be_asked(self, *, is_launch: bool = False) -> bool:
        """Return whether a connection may be opened now, or is open."""
        if self._is_working():
            return True
        if self._hung_pid and not self._parts.commands.has_ended(self._hung_pid):
            return False
        is_soon = is_launch and self.trouble is not None and self.trouble.is_lasting
        return self._now_at() >= self._again_at - (RARELY_S - SOON_S if is_soon else 0.0)

    async def read(
        self, chains: tuple[Chain, ...], timeout_s: float, *, is_launch: bool = False
    ) -> list[EndpointReading]:
        """Read endpoints in order, within a time; those that were not read are left out.

        Before a launch only a share of that time is waited for. An endpoint that failed before,
        and is not tried now, has its last failure.
        """
        if not self.may_be_asked(is_launch=is_launch):
            return []
        loop = asyncio.get_running_loop()
        request = _Request(chains, timeout_s, loop.create_future())
        self._requests.append(request)
        if not self._is_working():
            self._worker = loop.create_task(self._work())
        try:
            # The connection of an earlier request may be open, for as long.
            wait_s = (LAUNCH_SHARE if is_launch else 2) * timeout_s
            await asyncio.wait([request.answer], timeout=wait_s)
            found = request.answer.result() if request.answer.done() else {}
        finally:
            request.answer.cancel()
        return [found[one] for one in request.endpoints if one in found]

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget endpoints that no pair has any more, and ask at once: a config was read again."""
        self._failures, self._again_at = 0, 0.0
        for removed in self._failing.keys() - set(endpoints):
            del self._failing[removed]

    def cancel(self) -> None:
        """Cancel what is under way; no request is answered any more."""
        if self._worker is not None:
            self._worker.cancel()

    async def close(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        self.cancel()
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)

    def _now_at(self) -> float:
        return self._parts.clock.now().at

    def _is_working(self) -> bool:
        return self._worker is not None and not self._worker.done()

    # --- one round of connections --------------------------------------------------------------

    async def _work(self) -> None:
        while self._requests:
            requests, self._requests = self._requests, []
            try:
                found = await self._read(requests)
            except Exception as error:
                for request in requests:
                    if not request.answer.done():
                        request.answer.set_exception(error)
            else:
                for request in requests:
                    if not request.answer.done():
                        request.answer.set_result(found)

    async def _read(self, requests: Sequence[_Request]) -> dict[Endpoint, EndpointReading]:
        """Read all that is requested; of paths that failed before, one that fails again."""
        order = read_order([chain for request in requests for chain in request.chains])
        ends_at = self._now_at() + max(request.timeout_s for request in requests)
        left = [one for one in order if one not in self._failing]
        left += [one for one in self._failing if one in set(order)]
        found: dict[Endpoint, EndpointReading] = {}
        for _ in range(MOST_CONNECTIONS):
            asked = _first_command(left)
            readings = await self._connect(asked, ends_at - self._now_at())
            if readings is None:
                return found
            found |= {reading.endpoint: reading for reading in readings}
            left = left[len(readings) :]
            is_time_up = self._now_at() >= ends_at
            if is_time_up or all(one in self._failing for one in left):
                break
        return {one: self._failing[one] for one in left if one in self._failing} | found

    async def _connect(
        self, endpoints: Sequence[Endpoint], timeout_s: float
    ) -> list[EndpointReading] | None:
        """Return the readings of the first endpoints, up to a failed one; None if ssh failed."""
        began, call = self._parts.clock.now(), next(self._parts.calls)
        result = await self._parts.commands.status(endpoints, timeout_s)
        self._hung_pid = result.hung_pid
        self._set_trouble(result.answer.not_read)
        if result.answer.not_read is not None:
            return None
        return [*self._readings(endpoints, result.answer, began, call)]

    def _readings(
        self, endpoints: Sequence[Endpoint], answer: FarAnswer, began: Instant, call: int
    ) -> Iterator[EndpointReading]:
        seen: list[ProbeResult] = [*answer.statuses]
        if answer.failure is not None:
            seen.append(ProbeFailed(answer.failure))
        ended_at = self._now_at()
        for step, (endpoint, one) in enumerate(zip(endpoints, seen, strict=False)):
            at = began.later(step * READ_STEP_S)
            reading = EndpointReading(endpoint, at, one, ended_at, call)
            self._failing.pop(endpoint, None)
            if not isinstance(one, PfsStatus):
                self._failing[endpoint] = reading
            yield reading

    def _set_trouble(self, trouble: NotRead | None) -> None:
        before, self.trouble = self.trouble, trouble
        if trouble is None:
            self._failures, self._again_at = 0, 0.0
        else:
            self._failures += 1
            wait_s = self._parts.backoff_s(self.pair, self._failures)
            self._again_at = self._now_at() + (RARELY_S if trouble.is_lasting else wait_s)
        if (before and before.because) != (trouble and trouble.because):
            self._parts.on_trouble(self, trouble)


def _first_command(endpoints: Sequence[Endpoint]) -> Sequence[Endpoint]:
    """Return the first endpoints, as many as fit into one command."""
    size_bytes = 0
    for count, endpoint in enumerate(endpoints):
        size_bytes += len(endpoint.path.encode()) + 1
        if size_bytes > MOST_COMMAND_BYTES and count:
            return endpoints[:count]
    return endpoints
