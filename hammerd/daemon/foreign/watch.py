"""Finds streams onto our slaves that are not ours, at any time, and orphans without a record.

    at start, every minute, soon after a launch, before one ── who writes? ──┬── ours
                                                                             ├── an orphan: ended
                                                                             └── foreign: told

A foreign stream parks its pair and is never killed: somebody started it on purpose. Where two
hammerds launch onto one slave at the same instant the group that was started later yields; the
older waits a grace for that and parks only if the other one stays.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import replace

from hammerd.core.pair.events import Event, ForeignSeen, GroupEmpty, MessageRead
from hammerd.core.pair.state_table import row_of
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.foreign.adoption import Adoption, Ours
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.foreign.path_identity import PathIdentities
from hammerd.daemon.foreign.slave_writers import (
    SlaveWriter,
    is_alone,
    is_there,
    normal,
    started_time_of,
)
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.process.process_table import Member, read_member
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.timing.timers import Timer

SOON_S = 0.5
LAUNCHED_S = 1.5
YIELD_GRACE_S = 5.0


def foreign_interval_s(sample_interval_s: float) -> float:
    """Return how often to look, however often ends are sampled: a minute by default."""
    return min(60.0, max(2.0, 2 * sample_interval_s))


class ForeignWatch:
    """The looks at who writes to slaves, and what was seen by them."""

    def __init__(
        self,
        ours: Ours,
        orphans: Orphans,
        paths: KnownPaths,
        feed: ReadingIngest,
        written: PathIdentities,
    ) -> None:
        self._ours = ours
        self._written = written
        self._adoption = Adoption(ours, orphans, paths, written)
        self._orphans = orphans
        self._paths = paths
        self._feed = feed
        self._lock = asyncio.Lock()
        self._looked_at = 0.0
        self._seen: tuple[SlaveWriter, ...] = ()
        self._younger_since_at: dict[tuple[int, float], float] = {}
        self._heard: set[str] = set()
        self._timer = Timer(asyncio.get_running_loop(), self._look_now)
        self._is_closed = False
        self._looks: set[asyncio.Task[None]] = set()

    # --- when to look ------------------------------------------------------------------------

    def heard(self, pair: str, event: Event) -> None:
        """Look soon after a stream's first sign of life; to be told all that streams do."""
        if isinstance(event, GroupEmpty):
            self._heard.discard(pair)
        elif isinstance(event, MessageRead) and pair not in self._heard:
            self._heard.add(pair)
            self.look_after(SOON_S)

    def look_after(self, span_s: float) -> None:
        """Look after a while, once for all who want it until then."""
        if not self._is_closed:
            self._timer.set_no_later(asyncio.get_running_loop().time() + span_s)

    def _look_now(self) -> None:
        look = asyncio.get_running_loop().create_task(self.look())
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def close(self) -> None:
        """Look no more."""
        self._is_closed = True
        self._timer.stop()
        for look in tuple(self._looks):
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)

    # --- what is seen ------------------------------------------------------------------------

    async def look(self) -> None:
        """Look for streams onto the slaves of all pairs that are to run; tell the pairs."""
        strangers = await self._strangers()
        failed: list[Exception] = []
        for life in tuple(self._ours.lives()):
            try:
                if row_of(life).is_under_way:
                    await self._tell(life.pair, strangers)
            except Exception as error:
                # The other pairs are told all the same.
                failed.append(error)
        if failed:
            raise failed[0]

    async def _tell(self, pair: Pair, strangers: Collection[SlaveWriter]) -> None:
        for group in self._groups_onto(pair, strangers):
            if self._must_yield(pair, group):
                self._ours.post(pair.name, await self._seen_as(group))
                return

    async def find(self, pair: Pair) -> ForeignSeen | None:
        """Return a stream onto a pair's slave that is not ours; asked before each launch."""
        self.look_after(LAUNCHED_S)
        groups = self._groups_onto(pair, await self._strangers())
        return await self._seen_as(groups[0]) if groups else None

    async def _seen_as(self, group: tuple[SlaveWriter, ...]) -> ForeignSeen:
        leader = min(group, key=lambda one: (one.pid != one.pgid, one.started_time, one.pid))
        pids = tuple(one.pid for one in group)
        line = await self._written.crontabs.line_for(leader.operand)
        pgid = leader.pgid if is_alone(pids, leader.pgid) else None
        return ForeignSeen(leader.pid, leader.command, pids, pgid, line)

    async def _strangers(self) -> tuple[SlaveWriter, ...]:
        """Return the writers that are not ours; one look answers all who asked before it."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._lock:
            if self._looked_at <= asked_at:
                began_at = loop.time()
                before = self._own()
                seen = [writer async for writer in self._written.writers(before)]
                own = before | self._own()
                # A stream of ours may have come and gone meanwhile: only who is there is judged.
                seen = [one for one in seen if one.pgid not in own and is_there(one)]
                self._seen = await self._adoption.adopt(seen)
                self._forget_ended()
                await self._written.learn(self._seen)
                # Last: who waits for a look that is given up must look himself.
                self._looked_at = began_at
            return self._seen

    def _own(self) -> frozenset[int]:
        return self._ours.groups() | self._orphans.groups()

    def _forget_ended(self) -> None:
        pgids = {one.pgid for one in self._seen}
        known = self._younger_since_at
        self._younger_since_at = {key: at for key, at in known.items() if key[0] in pgids}

    # --- whose slave it is -------------------------------------------------------------------

    def _groups_onto(
        self, pair: Pair, strangers: Collection[SlaveWriter]
    ) -> list[tuple[SlaveWriter, ...]]:
        """Return who writes to a pair's slave; a script's group may write to others as well."""
        return _groups(one for one in strangers if self._is_onto(pair.slave, one))

    def _is_onto(self, slave: Endpoint, writer: SlaveWriter) -> bool:
        written = replace(writer.slave, user=None)
        names = set(self._paths.names(slave))
        if written in {replace(name, path=normal(name.path), user=None) for name in names}:
            return True
        if slave.is_remote or written.is_remote:
            return False
        found = self._written.get(writer)
        real, uuid = self._paths.real_path(slave), self._feed.unique_uuid(slave)
        return (real is not None and found.real == real) or (
            uuid is not None and found.unique_uuid == uuid
        )

    # --- who yields --------------------------------------------------------------------------

    def _must_yield(self, pair: Pair, group: tuple[SlaveWriter, ...]) -> bool:
        """Tell whether ours is to end: it is the younger one, or the younger one stays."""
        own = self._ours.group_of(pair.name)
        leader = _leader(own)
        pgid = group[0].pgid
        if leader is None or (started_time_of(group, pgid), pgid) <= (leader.started_time, own):
            return True
        now_at = asyncio.get_running_loop().time()
        since_at = self._younger_since_at.setdefault(_group_identity(group), now_at)
        if now_at - since_at >= YIELD_GRACE_S:
            return True
        self.look_after(since_at + YIELD_GRACE_S - now_at)
        return False


def _leader(pgid: int | None) -> Member | None:
    try:
        return read_member(pgid) if pgid is not None else None
    except OSError:
        return None


def _groups(found: Iterable[SlaveWriter]) -> list[tuple[SlaveWriter, ...]]:
    groups: dict[int, list[SlaveWriter]] = {}
    for writer in found:
        groups.setdefault(writer.pgid, []).append(writer)
    return [tuple(group) for group in groups.values()]


def _group_identity(group: tuple[SlaveWriter, ...]) -> tuple[int, float]:
    pgid = group[0].pgid
    return (pgid, started_time_of(group, pgid))
