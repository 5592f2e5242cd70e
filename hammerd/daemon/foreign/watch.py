"""Finds foreign streams onto our slaves, at any time, and orphans without a record.

    at start, every minute, soon after a launch, before one ── scan ──┬── ours
                                                                      ├── an orphan: ended
                                                                      └── foreign: reported

A foreign stream parks its pair and is never killed: somebody started it on purpose. Where two
hammerds launch onto one slave at the same instant the group that was started later yields; the
older waits a grace for that and parks only if the other one stays.
"""

import asyncio
from collections.abc import Callable, Collection

from hammerd.core.pair.events import Event, ForeignSeen, GroupEmpty, MessageRead
from hammerd.core.pair.state_table import row_of
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.foreign.adoption import Adoption, OwnStreams
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.foreign.path_identity import PathIdentities
from hammerd.daemon.foreign.slave_writers import (
    SlaveWriter,
    holds_only_writers,
    is_running,
    normalized,
)
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.process.process_table import read_member_or_none
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.timing.timers import Timer

FIRST_MESSAGE_S = 0.5
LAUNCHED_S = 1.5
YIELD_GRACE_S = 5.0
EXPLAINS_S = 300.0
"""The time for which a foreign stream that was seen explains what its slave shows."""

Group = tuple[SlaveWriter, ...]
"""The writers of one process group."""


def foreign_interval_s(sample_interval_s: float) -> float:
    """Return the time between scans, for any time between samples: a minute by default."""
    return min(60.0, max(2.0, 2 * sample_interval_s))


class ForeignWatch:
    """The scans for writers to slaves, and the writers that they found."""

    def __init__(
        self,
        own: OwnStreams,
        orphans: Orphans,
        paths: KnownPaths,
        ingest: ReadingIngest,
        identities: PathIdentities,
    ) -> None:
        self._own = own
        self._identities = identities
        self._adoption = Adoption(own, orphans, paths, identities)
        self._orphans = orphans
        self._paths = paths
        self._ingest = ingest
        self._lock = asyncio.Lock()
        self._scanned_at = 0.0
        self._foreign: Group = ()
        self._younger_since_at: dict[tuple[int, float], float] = {}
        self._seen_at: dict[Endpoint, float] = {}
        self._pairs_with_messages: set[str] = set()
        self._timer = Timer(asyncio.get_running_loop(), self._scan_now)
        self._is_closed = False
        self._scans: set[asyncio.Task[None]] = set()

    # --- when to scan ------------------------------------------------------------------------

    def observe(self, pair: str, event: Event) -> None:
        """Scan soon after a stream's first message; called with all events of streams."""
        if isinstance(event, GroupEmpty):
            self._pairs_with_messages.discard(pair)
        elif isinstance(event, MessageRead) and pair not in self._pairs_with_messages:
            self._pairs_with_messages.add(pair)
            self.scan_after(FIRST_MESSAGE_S)

    def scan_after(self, span_s: float) -> None:
        """Scan after a while, once for all requests until then."""
        if not self._is_closed:
            self._timer.set_no_later(asyncio.get_running_loop().time() + span_s)

    def _scan_now(self) -> None:
        scan = asyncio.get_running_loop().create_task(self.scan())
        self._scans.add(scan)
        scan.add_done_callback(self._scans.discard)

    async def close(self) -> None:
        """Cancel all scans, and start none."""
        self._is_closed = True
        self._timer.stop()
        for scan in tuple(self._scans):
            scan.cancel()
        await asyncio.gather(*self._scans, return_exceptions=True)

    # --- scans -------------------------------------------------------------------------------

    async def scan(self) -> None:
        """Find foreign streams onto the slaves of all pairs that are to run; post ForeignSeen."""
        foreign = await self._find_foreign()
        failed: list[Exception] = []
        for life in tuple(self._own.lives()):
            try:
                if row_of(life).is_under_way:
                    await self._report(life.pair, foreign)
            except Exception as error:
                # The other pairs get their reports all the same.
                failed.append(error)
        if failed:
            raise failed[0]

    async def _report(self, pair: Pair, foreign: Group) -> None:
        for group in self._groups_onto(pair.slave, foreign):
            if self._must_yield(pair, group):
                self._own.post(pair.name, await self._describe(group))
                return

    async def find(self, pair: Pair) -> ForeignSeen | None:
        """Return a foreign stream onto a slave, None without one; called before each launch."""
        self.scan_after(LAUNCHED_S)
        groups = self._groups_onto(pair.slave, await self._find_foreign())
        return await self._describe(groups[0]) if groups else None

    def unless_written(self, slave: Endpoint, then: Callable[[], None]) -> None:
        """Look for a foreign stream onto a slave; call if there is none, and was none lately."""
        look = asyncio.get_running_loop().create_task(self._unless_written(slave, then))
        self._scans.add(look)
        look.add_done_callback(self._scans.discard)

    async def _unless_written(self, slave: Endpoint, then: Callable[[], None]) -> None:
        is_written = False
        try:
            is_written = bool(self._groups_onto(slave, await self._find_foreign()))
            is_written = is_written or slave in self._seen_at
        finally:
            # A look that fails or is cancelled finds no excuse.
            if not is_written:
                then()

    async def _describe(self, group: Group) -> ForeignSeen:
        parent = min(group, key=lambda one: (one.pid != one.pgid, one.started_time, one.pid))
        pids = tuple(one.pid for one in group)
        line = await self._identities.crontabs.line_for(parent.operand)
        pgid = parent.pgid if holds_only_writers(pids, parent.pgid) else None
        return ForeignSeen(parent.pid, parent.command, pids, pgid, line)

    async def _find_foreign(self) -> Group:
        """Return the writers that are not ours; one scan answers all earlier requests."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._lock:
            if self._scanned_at <= asked_at:
                began_at = loop.time()
                before = self._own_groups()
                seen = [writer async for writer in self._identities.find_writers(before)]
                own = before | self._own_groups()
                # A stream of ours may have started and ended meanwhile: only living ones count.
                seen = [one for one in seen if one.pgid not in own and is_running(one)]
                self._foreign = await self._adoption.adopt(seen)
                self._forget_ended()
                await self._identities.identify(self._foreign)
                # Last: a request that waits for a cancelled scan must scan by itself.
                self._scanned_at = began_at
            return self._foreign

    def _own_groups(self) -> frozenset[int]:
        return self._own.groups() | self._orphans.groups()

    def _forget_ended(self) -> None:
        pgids = {one.pgid for one in self._foreign}
        known = self._younger_since_at
        self._younger_since_at = {key: at for key, at in known.items() if key[0] in pgids}
        recent_at = asyncio.get_running_loop().time() - EXPLAINS_S
        self._seen_at = {slave: at for slave, at in self._seen_at.items() if at >= recent_at}

    # --- whose slave it is -------------------------------------------------------------------

    def _groups_onto(self, slave: Endpoint, foreign: Group) -> list[Group]:
        """Return the writers to a slave by group; a script's group may write to others as well."""
        groups: dict[int, list[SlaveWriter]] = {}
        for writer in foreign:
            if self._is_onto(slave, writer):
                groups.setdefault(writer.pgid, []).append(writer)
                self._seen_at[slave] = asyncio.get_running_loop().time()
        return [tuple(group) for group in groups.values()]

    def _is_onto(self, slave: Endpoint, writer: SlaveWriter) -> bool:
        written, names = writer.slave, self._paths.names(slave)
        if written.key in {(name.host.key, normalized(name.path)) for name in names}:
            return True
        if not (slave.host.shares_processes and written.host.shares_processes):
            return False
        found = self._identities.get(writer)
        real, uuid = self._paths.real_path(slave), self._ingest.unique_uuid(slave)
        return (real is not None and found.real == real) or (
            uuid is not None and found.unique_uuid == uuid
        )

    # --- which group yields ------------------------------------------------------------------

    def _must_yield(self, pair: Pair, group: Group) -> bool:
        """Return whether our stream must end: it is younger, or the younger group stays."""
        own = self._own.group_of(pair.name)
        parent = read_member_or_none(own) if own is not None else None
        pgid, started_time = group[0].pgid, _started_time(group)
        if parent is None or (started_time, pgid) <= (parent.started_time, own):
            return True
        now_at = asyncio.get_running_loop().time()
        since_at = self._younger_since_at.setdefault((pgid, started_time), now_at)
        if now_at - since_at >= YIELD_GRACE_S:
            return True
        self.scan_after(since_at + YIELD_GRACE_S - now_at)
        return False


def _started_time(group: Collection[SlaveWriter]) -> float:
    """Return when a group's leader was started, or its oldest writer if the leader has exited."""
    leader = [one.started_time for one in group if one.pid == one.pgid]
    return min(leader or [one.started_time for one in group])
