"""Asks the ends how far they are: at intervals for all pairs, and when a pair wants a probe.

Both feed the same readings. A sample becomes `Sampled` (roles) for each pair and a line in the
record of lag; a probe becomes `ProbeAnswered`. What a reading found that began before the pair's
state did is no news to it: somebody may have repaired it since.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.events import (
    DivergedSeen,
    Event,
    ForeignSeen,
    Glanced,
    ProbeAnswered,
    Sampled,
)
from hammerd.core.pair.probe_verdict import (
    AwaitMount,
    EndpointSeen,
    Go,
    MasterByLink,
    Park,
    ProbeFailed,
    ProbeVerdict,
    Retry,
    verdict_of,
)
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore

Post = Callable[[str, Event], None]
FindForeign = Callable[[Pair], Awaitable[ForeignSeen | None]]
SinceAt = Callable[[str], float | None]
"""Tells since when a pair is in its state (monotonic), None when it is gone."""

CONFIRMING_SAMPLES = 2
"""How many samples in a row must show a slave ahead before it counts as diverged."""


@dataclass(frozen=True, slots=True)
class SamplerCallbacks:
    """What the sampler tells pairs, and asks of them."""

    post: Post
    since_at: SinceAt
    find_foreign: FindForeign
    claims: Claims


class Sampler:
    """Reads ends, feeds the readings, and tells the pairs."""

    def __init__(
        self,
        reader: ProbeQueue,
        readings: ReadingStore,
        feed: ReadingIngest,
        journal: Journal,
        told: SamplerCallbacks,
    ) -> None:
        self._reader = reader
        self._readings = readings
        self._feed = feed
        self._journal = journal
        self._told = told
        self._claims = told.claims
        self._ahead: dict[str, int] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}
        self._asked_again: dict[str, Pair] = {}
        self._glancing: dict[str, asyncio.Task[None]] = {}

    # --- for the engine ----------------------------------------------------------------------

    def probe(self, pair: Pair) -> None:
        """Start a probe of a pair, unless one is under way: its answer will do if it is good.

        What was wrong when that one began may be over: then another one follows it.
        """
        if pair.name in self._probing:
            self._asked_again[pair.name] = pair
        else:
            self._start(pair.name, self._probe(pair))

    def glance(self, pair: Pair) -> None:
        """Look whether both ends are what was read last; only the last glance is answered."""
        if before := self._glancing.pop(pair.name, None):
            before.cancel()
        task = asyncio.get_running_loop().create_task(self._glance(pair))
        self._glancing[pair.name] = task
        task.add_done_callback(lambda done: self._glanced(pair.name, done))

    def slave_keys(self, pair: Pair) -> frozenset[str]:
        """Return all by which the pair's slave is known."""
        return self._claims.keys(pair.slave)

    def as_targets(self, pair: Pair) -> Pair:
        """Return the pair with both ends as a stream must be given them."""
        target = self._reader.paths.target
        return replace(pair, master=target(pair.master), slave=target(pair.slave))

    # --- for the daemon ------------------------------------------------------------------------

    async def sample(self, pairs: Iterable[Pair], timeout_s: float) -> None:
        """Read all ends of these pairs once and tell the pairs."""
        pairs = tuple(pairs)
        readings = await self._reader.sample(pairs, timeout_s)
        self._take(readings, pairs)
        newest = {reading.endpoint: reading for reading in readings}
        for pair in pairs:
            if (since_at := self._told.since_at(pair.name)) is not None:
                self._tell(pair, newest, since_at)

    def forget(self, pair: str) -> None:
        """Forget a pair that is gone."""
        self._ahead.pop(pair, None)
        self._asked_again.pop(pair, None)
        for tasks in (self._probing, self._glancing):
            if task := tasks.pop(pair, None):
                task.cancel()

    def forget_all_but(self, ends: Collection[Endpoint]) -> None:
        """Forget what was read of ends that no pair has any more."""
        self._feed.forget_all_but(ends)

    async def close(self) -> None:
        """End the probes under way; nobody is told of them any more."""
        self._asked_again.clear()
        tasks = (*self._probing.values(), *self._glancing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reader.close()

    def _take(self, readings: Sequence[EndpointReading], pairs: Sequence[Pair]) -> None:
        """Take in what was read, and let the claims follow it."""
        for moved in self._feed.take(readings, pairs):
            self._claims.repointed(moved.endpoint, moved.before, moved.after)
        self._claims.compare(pairs)

    # --- glances -----------------------------------------------------------------------------

    async def _glance(self, pair: Pair) -> None:
        are_as_read = await self._reader.are_as_read(pair)
        self._told.post(pair.name, Glanced(are_as_read))

    def _glanced(self, name: str, task: asyncio.Task[None]) -> None:
        if self._glancing.get(name) is task:
            del self._glancing[name]

    # --- probes ------------------------------------------------------------------------------

    def _start(self, name: str, probe: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(probe)
        self._probing[name] = task
        task.add_done_callback(lambda done: self._probed(name, done))

    def _probed(self, name: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._journal.log.error("probe.broke", pair=name, error=repr(error))
        if self._probing.get(name) is task:
            # It ended before it answered: what was asked meanwhile must not be lost with it.
            del self._probing[name]
            if (asked_again := self._asked_again.pop(name, None)) is not None:
                self.probe(asked_again)

    async def _probe(self, pair: Pair) -> None:
        readings = await self._reader.probe([pair], pair.timing.probe_timeout_s)
        self._take(readings, (pair,))
        judgement = self._judge(pair, {reading.endpoint: reading.seen for reading in readings})
        is_go = isinstance(judgement, Go)
        foreign = await self._told.find_foreign(pair) if is_go else None
        # From here on no probe is under way: the answer may ask for another one at once.
        self._probing.pop(pair.name, None)
        asked_again = self._asked_again.pop(pair.name, None)
        if asked_again is not None and (foreign is not None or not is_go):
            self.probe(asked_again)
        elif foreign is not None:
            self._told.post(pair.name, foreign)
        else:
            self._told.post(pair.name, ProbeAnswered(judgement))

    def _judge(self, pair: Pair, seen: Mapping[Endpoint, EndpointSeen]) -> ProbeVerdict:
        judgement = verdict_of(pair, seen.get(pair.master), seen.get(pair.slave))
        ends = (seen.get(end) for end in (pair.master, pair.slave))
        are_read = all(isinstance(end, PfsStatus | MasterByLink) for end in ends)
        # Both were read and yet do not belong together: their TIDs cannot be compared.
        slave = seen.get(pair.slave)
        if isinstance(judgement, Go) and are_read and isinstance(slave, PfsStatus):
            self._feed.belongs(pair.slave, slave)
        match judgement:
            case Park(hint=hint) if are_read:
                self._readings.related(pair, hint)
            case Go() | AwaitMount() | Park() | Retry():
                if are_read or any(isinstance(one, ProbeFailed) for one in seen.values()):
                    self._readings.related(pair, None)
            case _:
                assert_never(judgement)
        return judgement

    # --- samples -----------------------------------------------------------------------------

    def _tell(
        self, pair: Pair, newest: Mapping[Endpoint, EndpointReading], since_at: float
    ) -> None:
        own = [newest[end] for end in (pair.master, pair.slave) if end in newest]
        judgement = self._judge(pair, {reading.endpoint: reading.seen for reading in own})
        lag = self._readings.lag(pair, asyncio.get_running_loop().time())
        self._readings.remember(pair, lag)
        master, slave = self._readings.clock(pair.master).newest, self._readings.slave(pair.slave)
        self._journal.sampled(
            pair.name, lag, master.tid if master else None, slave.tid if slave else None
        )
        is_news = all(reading.began.at >= since_at for reading in own)
        if is_news or not isinstance(judgement, Park | AwaitMount):
            self._told.post(pair.name, Sampled(judgement))
        are_read = all(isinstance(reading.seen, PfsStatus) for reading in own)
        is_ahead = is_news and are_read and self._is_ahead(pair, lag)
        self._ahead[pair.name] = self._ahead.get(pair.name, 0) + 1 if is_ahead else 0
        if self._ahead[pair.name] >= CONFIRMING_SAMPLES:
            self._told.post(pair.name, DivergedSeen())

    def _is_ahead(self, pair: Pair, lag: Lag) -> bool:
        """Tell whether a slave is ahead of its master, or was when the master went back."""
        was_ahead = self._readings.slaves.was_ahead(pair.slave)
        is_known = lag.verdict is not LagVerdict.UNKNOWN
        return lag.verdict is LagVerdict.AHEAD or (was_ahead and is_known)
