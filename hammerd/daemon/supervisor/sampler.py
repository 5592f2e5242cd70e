"""Reads both endpoints of pairs: of all pairs at intervals, of one pair when it needs a probe.

Both record into the same readings. A sample becomes `Sampled` for each pair and a line in the
record of lag; a probe becomes `ProbeAnswered`. A fault found by a reading that began before the
pair entered its state is not posted: somebody may have repaired it since.

    sample ── this machine ── pairs whose master was read ── each other host ── the pairs of that

Other hosts are read after this machine, each by itself: a slave here is older than its master
there. A slave there is compared with the master that is read here at the next sample.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import Host
from hammerd.core.pair import events
from hammerd.core.pair.probe_verdict import (
    AwaitMount,
    Go,
    MasterByLink,
    Park,
    ProbeFailed,
    ProbeVerdict,
    Retry,
)
from hammerd.core.pairs import Endpoint, Pair, turns_of
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.replication.read_order import far_chains_of
from hammerd.core.rotation.choice import judge_turn
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.probe.far_probes import FarProbes
from hammerd.daemon.probe.pfs_status import HolderOf
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor.far_samples import FarSamples
from hammerd.daemon.supervisor.turns import Turns

Post = Callable[[str, events.Event], None]
FindForeign = Callable[[Pair], Awaitable[events.ForeignSeen | None]]
SinceAt = Callable[[str], float | None]
"""Returns since when a pair is in its state (monotonic), None for an unknown pair."""

CONFIRMING_SAMPLES = 2
"""The number of samples in a row that show a slave ahead before it counts as diverged."""


@dataclass(frozen=True, slots=True)
class Probes:
    """The readers of endpoints on this machine and on other hosts."""

    here: ProbeQueue
    far: FarProbes


@dataclass(frozen=True, slots=True)
class SamplerCallbacks:
    """Callbacks to the pairs and to the foreign-stream watch; the claims, and the turns."""

    post: Post
    since_at: SinceAt
    find_foreign: FindForeign
    claims: Claims
    turns: Turns


class Sampler:
    """Reads endpoints, records what it read, and posts the events that follow."""

    def __init__(
        self,
        probes: Probes,
        readings: ReadingStore,
        ingest: ReadingIngest,
        journal: Journal,
        callbacks: SamplerCallbacks,
    ) -> None:
        self._probes = probes.here
        self._far = probes.far
        self._readings = readings
        self._ingest = ingest
        self._journal = journal
        self._callbacks = callbacks
        self._claims = callbacks.claims
        self.turns = callbacks.turns
        self._ahead: dict[str, int] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}
        self._repeats: dict[str, Pair] = {}
        self._glancing: dict[str, asyncio.Task[None]] = {}
        self._sampled: dict[str, Pair] = {}
        self._newest: dict[Endpoint, EndpointReading] = {}
        self._far_samples = FarSamples(probes.far, journal.log, self._far_answered)
        self.holder_of: HolderOf = lambda _endpoint: None
        self.held_pairs: Callable[[], Collection[str]] = tuple

    # --- called by the engine ------------------------------------------------------------------

    def probe(self, pair: Pair) -> None:
        """Start a probe of a pair, unless one is under way: a good answer of that one suffices.

        A bad one is followed by another probe: its cause may be over by now.
        """
        if pair.name in self._probing:
            self._repeats[pair.name] = pair
        else:
            task = asyncio.get_running_loop().create_task(self._probe(pair))
            self._probing[pair.name] = task
            task.add_done_callback(lambda done: self._probed(pair.name, done))

    def glance(self, pair: Pair) -> None:
        """Check whether both endpoints are the PFSs last read; only the last glance answers."""
        if before := self._glancing.pop(pair.name, None):
            before.cancel()
        task = asyncio.get_running_loop().create_task(self._glance(pair))
        self._glancing[pair.name] = task
        task.add_done_callback(lambda done: self._glanced(pair.name, done))

    def slave_keys(self, pair: Pair) -> frozenset[str]:
        """Return all keys of the pair's slave."""
        return self._claims.keys(pair.slave)

    def as_targets(self, pair: Pair) -> Pair:
        """Return the pair with both endpoints as a stream takes them."""
        target = self._probes.paths.target
        return replace(pair, master=target(pair.master), slave=target(pair.slave))

    # --- called by the daemon ------------------------------------------------------------------

    async def sample(self, pairs: Iterable[Pair], timeout_s: float) -> None:
        """Read all endpoints of these pairs once and post what was found.

        Other hosts are read in the background.
        """
        pairs = tuple(pairs)
        readings = await self._probes.sample(_turns(pairs), timeout_s, self.held_pairs())
        held = self.held_pairs()
        pairs = tuple(pair for pair in pairs if pair.name not in held)
        self._note_left_alone(_turns(pairs))
        self._record(readings, _turns(pairs))
        far = {one: read for one, read in self._newest.items() if not one.host.shares_paths}
        self._newest = far | {reading.endpoint: reading for reading in readings}
        self._sampled = {pair.name: pair for pair in pairs}
        asked = self._far_samples.to_start(pairs)
        for pair in pairs:
            if pair.master.host not in asked:
                self._post_sample(pair)
        self._far_samples.start(asked)

    def forget(self, pair: str) -> None:
        """Forget a pair that was removed, and end its probes."""
        self._ahead.pop(pair, None)
        self._repeats.pop(pair, None)
        self._sampled.pop(pair, None)
        for tasks in (self._probing, self._glancing):
            if task := tasks.pop(pair, None):
                task.cancel()

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget what was read of endpoints that no pair has any more."""
        self._ingest.forget_all_but(endpoints)
        self._far.forget_all_but(endpoints)
        for removed in self._newest.keys() - set(endpoints):
            del self._newest[removed]

    async def close(self) -> None:
        """End the probes under way; they post nothing any more."""
        self._repeats.clear()
        tasks = (*self._probing.values(), *self._glancing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._far_samples.close()
        await self._far.close()
        await self._probes.close()

    def _note_left_alone(self, pairs: Iterable[Pair]) -> None:
        for endpoint in {one for pair in pairs for one in (pair.master, pair.slave)}:
            if holder := self.holder_of(endpoint):
                self._readings.record_left_alone(endpoint, holder)

    def _record(self, readings: Sequence[EndpointReading], pairs: Sequence[Pair]) -> None:
        # A reading that began before its pair was held tells nothing of after that.
        readings = [one for one in readings if self.holder_of(one.endpoint) is None]
        for moved in self._ingest.record(readings, pairs):
            self._claims.report_repointed(moved.endpoint, moved.before, moved.after)
        self._claims.compare(pairs)

    # --- glances -----------------------------------------------------------------------------

    async def _glance(self, pair: Pair) -> None:
        are_as_read = await self._probes.are_as_read(pair)
        self._callbacks.post(pair.name, events.Glanced(are_as_read))

    def _glanced(self, name: str, task: asyncio.Task[None]) -> None:
        if self._glancing.get(name) is task:
            del self._glancing[name]

    # --- probes ------------------------------------------------------------------------------

    def _probed(self, name: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._journal.log.error("probe.broke", pair=name, error=repr(error))
        if self._probing.get(name) is task:
            # It raised or was cancelled: a probe that was wanted meanwhile must still be made.
            del self._probing[name]
            if (repeat := self._repeats.pop(name, None)) is not None:
                self.probe(repeat)

    async def _probe(self, pair: Pair) -> None:
        readings = await self._read(pair)
        self._record(readings, turns_of(pair))
        if (chosen := self.turns.choose(pair, readings)) is None:
            return
        if chosen.slave != pair.slave:
            self._ahead.pop(pair.name, None)
        pair = chosen
        verdict = self._record_verdict(pair, readings)
        is_go = isinstance(verdict, Go)
        foreign = await self._callbacks.find_foreign(pair) if is_go else None
        # Before the event is posted, which may start another probe at once.
        self._probing.pop(pair.name, None)
        repeat = self._repeats.pop(pair.name, None)
        if repeat is not None and (foreign is not None or not is_go):
            self.probe(repeat)
        elif foreign is not None:
            self._callbacks.post(pair.name, foreign)
        else:
            self._callbacks.post(pair.name, events.ProbeAnswered(verdict))

    async def _read(self, pair: Pair) -> list[EndpointReading]:
        timeout_s, turns = pair.timing.probe_timeout_s, turns_of(pair)
        if not far_chains_of([pair]):
            return await self._probes.probe(turns, timeout_s)
        parts = await asyncio.gather(self._probes.probe(turns, timeout_s), self._far.probe(pair))
        return [reading for part in parts for reading in part]

    def _record_verdict(self, pair: Pair, readings: Iterable[EndpointReading]) -> ProbeVerdict:
        seen = {reading.endpoint: reading.seen for reading in readings}
        master, slave = seen.get(pair.master), seen.get(pair.slave)
        verdict = judge_turn(pair, master, slave)
        are_read = all(isinstance(one, PfsStatus | MasterByLink) for one in (master, slave))
        if isinstance(verdict, Go) and are_read and isinstance(slave, PfsStatus):
            self._ingest.confirm_slave(pair.slave, slave)
        match verdict:
            case Park(hint=hint) if are_read:
                # The endpoints do not belong together: their TIDs cannot be compared.
                self._readings.set_obstacle(pair, hint)
            case Go() | AwaitMount() | Park() | Retry():
                if are_read or any(isinstance(one, ProbeFailed) for one in seen.values()):
                    self._readings.set_obstacle(pair, None)
            case _:
                assert_never(verdict)
        return verdict

    # --- samples -----------------------------------------------------------------------------

    def _far_answered(
        self, host: Host, pairs: Sequence[Pair], readings: Sequence[EndpointReading]
    ) -> None:
        """Record a sample of another host and post what was found."""
        # A late answer about a pair that was changed or removed does not count.
        held = self.held_pairs()
        own = [pair for pair in pairs if self._sampled.get(pair.name) == pair]
        own = [pair for pair in own if pair.name not in held]
        ends = {one for pair in own for one in (pair.master, pair.slave) if one.host == host}
        there = {one for one in ends if self.holder_of(one) is None}
        readings = [reading for reading in readings if reading.endpoint in there]
        self._record(readings, _turns(own))
        for endpoint in there:
            self._newest.pop(endpoint, None)
        self._newest.update({reading.endpoint: reading for reading in readings})
        for endpoint in there - self._newest.keys():
            self._readings.slaves.record_cut(endpoint)
        for pair in own:
            if pair.master.host == host:
                self._post_sample(pair)
            else:
                self._post_far_slave(pair)

    def _post_sample(self, pair: Pair) -> None:
        if (since_at := self._callbacks.since_at(pair.name)) is None:
            return
        own = self._own(pair)
        verdict = self._record_verdict(pair, own)
        now_at = asyncio.get_running_loop().time()
        lag = self._readings.lag(pair, now_at)
        self._readings.remember(pair, lag)
        master, slave = self._readings.clock(pair.master).newest, self._readings.slave(pair.slave)
        tids = (master.tid if master else None, slave.tid if slave else None)
        self._journal.sampled(pair, lag, *tids, now_at)
        turn_over = self.turns.sampled(pair, self._newest)
        # A reading that began before the pair's state proves nothing against it.
        is_current = all(reading.began.at >= since_at for reading in own)
        if is_current or not isinstance(verdict, Park | AwaitMount):
            self._callbacks.post(pair.name, events.Sampled(verdict))
        if turn_over is not None:
            self._callbacks.post(pair.name, turn_over)
        elif self.turns.may_begin(pair, self._newest):
            self.probe(pair)
        are_read = all(isinstance(reading.seen, PfsStatus) for reading in own)
        is_ahead = is_current and are_read and self._is_ahead(pair, lag)
        self._ahead[pair.name] = self._ahead.get(pair.name, 0) + 1 if is_ahead else 0
        if self._ahead[pair.name] >= CONFIRMING_SAMPLES:
            self._callbacks.post(pair.name, events.DivergedSeen())

    def _post_far_slave(self, pair: Pair) -> None:
        """Post what the slave shows that was just read; the lag follows with the next sample."""
        since_at, own = self._callbacks.since_at(pair.name), self._own(pair)
        if pair.slave not in self._newest or since_at is None:
            return
        if all(reading.began.at >= since_at for reading in own):
            self._callbacks.post(pair.name, events.Sampled(self._record_verdict(pair, own)))

    def _own(self, pair: Pair) -> list[EndpointReading]:
        return [self._newest[one] for one in (pair.master, pair.slave) if one in self._newest]

    def _is_ahead(self, pair: Pair, lag: Lag) -> bool:
        was_ahead = self._readings.slaves.was_ahead(pair.slave)
        is_known = lag.verdict is not LagVerdict.UNKNOWN
        return lag.verdict is LagVerdict.AHEAD or (was_ahead and is_known)


def _turns(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Return these pairs once for each of their slaves: all are read."""
    return tuple(turn for pair in pairs for turn in turns_of(pair))
