"""Asks the ends how far they are: at intervals for all pairs, and when a pair wants a probe.

Both feed the same readings. A sample becomes `Sampled` (roles) for each pair and a line in the
record of lag; a probe becomes `ProbeAnswered`.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import replace

from hammerd.core.judgement import (
    AwaitMount,
    EndSeen,
    Go,
    Judgement,
    Park,
    ProbeFailed,
    judge,
)
from hammerd.core.lag import LagVerdict
from hammerd.core.pair_events import DivergedSeen, Event, ForeignSeen, ProbeAnswered, Sampled
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.pfs_status import PfsStatus
from hammerd.core.sample_order import sample_order
from hammerd.core.stream_sayings import Complaint
from hammerd.core.tid import format_tid
from hammerd.daemon.end_reader import EndReader, EndReading
from hammerd.daemon.foreign import ForeignStream
from hammerd.daemon.journal import Journal
from hammerd.daemon.readings import Readings

Post = Callable[[str, Event], None]
FindForeign = Callable[[Collection[str]], ForeignStream | None]

CONFIRMING_SAMPLES = 2
"""How many samples in a row must show a slave ahead before it counts as diverged."""


class Sampler:
    """Reads ends, feeds the readings, and tells the pairs."""

    def __init__(
        self,
        reader: EndReader,
        readings: Readings,
        journal: Journal,
        post: Post,
        find_foreign: FindForeign,
    ) -> None:
        self._reader = reader
        self._readings = readings
        self._journal = journal
        self._post = post
        self._find_foreign = find_foreign
        self._uuids: dict[Endpoint, str] = {}
        self._ahead: dict[str, int] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}

    # --- for the engine ----------------------------------------------------------------------

    def probe(self, pair: Pair) -> None:
        """Start a probe of a pair, unless one is under way: its answer will do."""
        if pair.name not in self._probing:
            self._start(pair.name, self._probe(pair))

    def unique_uuid(self, pair: Pair) -> str | None:
        """Return the slave's unique-uuid, None before it was ever read."""
        return self._uuids.get(pair.slave)

    def as_operands(self, pair: Pair) -> Pair:
        """Return the pair with both ends as hammer must be given them."""
        operand = self._reader.operand
        return replace(pair, master=operand(pair.master), slave=operand(pair.slave))

    # --- for the daemon ------------------------------------------------------------------------

    async def sample(self, pairs: Iterable[Pair], timeout_s: float) -> None:
        """Read all ends of these pairs once and tell the pairs."""
        pairs = tuple(pairs)
        ends = sample_order(pairs)
        if not ends:
            return
        seen = self._feed(await self._reader.read(ends, timeout_s), pairs)
        for pair in pairs:
            self._tell(pair, seen)

    def forget(self, pair: str) -> None:
        """Forget a pair that is gone."""
        self._ahead.pop(pair, None)
        if task := self._probing.pop(pair, None):
            task.cancel()

    async def close(self) -> None:
        """End the probes under way; nobody is told of them any more."""
        tasks = tuple(self._probing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- probes ------------------------------------------------------------------------------

    def _start(self, name: str, probe: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(probe)
        self._probing[name] = task
        task.add_done_callback(lambda done: self._probed(name, done))

    def _probed(self, name: str, task: asyncio.Task[None]) -> None:
        if self._probing.get(name) is task:
            del self._probing[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._journal.log.error("probe.broke", pair=name, error=repr(error))

    async def _probe(self, pair: Pair) -> None:
        ends = [end for end in (pair.slave, pair.master) if not end.is_remote]
        readings = await self._reader.read(ends, pair.timing.probe_timeout_s) if ends else []
        seen = self._feed(readings, (pair,))
        judgement = self._judge(pair, seen)
        # From here on no probe is under way: the answer may ask for another one at once.
        self._probing.pop(pair.name, None)
        foreign = self._foreign(pair) if isinstance(judgement, Go) else None
        if foreign is not None:
            self._post(pair.name, ForeignSeen(foreign.pid, foreign.command))
        else:
            self._post(pair.name, ProbeAnswered(judgement))

    def _judge(self, pair: Pair, seen: Mapping[Endpoint, EndSeen]) -> Judgement:
        judgement = judge(pair, seen.get(pair.master), seen.get(pair.slave))
        are_read = all(isinstance(seen.get(end), PfsStatus) for end in (pair.master, pair.slave))
        # Both were read and yet do not belong together: their TIDs cannot be compared.
        match judgement:
            case Park(hint=hint) | AwaitMount(hint=hint) if are_read:
                self._readings.related(pair, hint)
            case _:
                self._readings.related(pair, None)
        return judgement

    def _foreign(self, pair: Pair) -> ForeignStream | None:
        if pair.slave.is_remote:
            return None
        return self._find_foreign({pair.slave.path, self._reader.operand(pair.slave).path})

    # --- samples -----------------------------------------------------------------------------

    def _feed(
        self, results: Iterable[EndReading], pairs: tuple[Pair, ...]
    ) -> Mapping[Endpoint, EndSeen]:
        masters = {pair.master for pair in pairs}
        slaves = {pair.slave for pair in pairs}
        seen: dict[Endpoint, EndSeen] = {}
        for result in results:
            seen[result.end] = result.seen
            if not isinstance(result.seen, PfsStatus):
                self._failed(result.end, result.seen)
                continue
            if self._readings.is_unreadable(result.end):
                self._journal.log.info("end.read_again", end=str(result.end))
            self._uuids[result.end] = result.seen.unique_uuid
            if result.end in slaves:
                self._readings.slave_read(result.end, result.seen.sync_end_tid, result.began)
            if result.end in masters:
                self._feed_master(result.end, result.seen, result)
        return seen

    def _failed(self, end: Endpoint, failure: ProbeFailed) -> None:
        why = failure.why
        because, hint = (
            (why.name, why.hint) if isinstance(why, Complaint) else (why.value, failure.detail)
        )
        text = why.text if isinstance(why, Complaint) else because
        if self._readings.unread(end, text):
            self._journal.log.warning(
                "end.unreadable", end=str(end), because=because, hint=hint or None
            )

    def _feed_master(self, master: Endpoint, status: PfsStatus, reading: EndReading) -> None:
        lost = self._readings.master_read(master, status.sync_end_tid, reading.began)
        if lost is not None:
            self._journal.log.warning(
                "master.tid_went_back",
                master=str(master),
                before=format_tid(lost),
                after=format_tid(status.sync_end_tid),
            )

    def _tell(self, pair: Pair, seen: Mapping[Endpoint, EndSeen]) -> None:
        judgement = self._judge(pair, seen)
        now_at = asyncio.get_running_loop().time()
        lag = self._readings.lag(pair, now_at)
        newest, slave = self._readings.clock(pair.master).newest, self._readings.slave(pair.slave)
        self._journal.sampled(
            pair.name, lag, newest.tid if newest else None, slave.tid if slave else None
        )
        self._post(pair.name, Sampled(judgement))
        ahead = self._ahead.get(pair.name, 0) + 1 if lag.verdict is LagVerdict.AHEAD else 0
        self._ahead[pair.name] = ahead
        if ahead >= CONFIRMING_SAMPLES:
            self._post(pair.name, DivergedSeen())
