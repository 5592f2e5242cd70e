"""What should not happen to an end, and is told until someone acknowledges it.

    master.tid_went_back   a crash, a restore, a new file system
    slave.tid_went_back    two writers, a restore
    slave.tid_jumped       it moved, and no stream of ours moved it: somebody else writes to it
    end.role_changed       promoted or demoted
    end.uuid_changed       another PFS is at this path

Disks that take turns at one path are no anomaly once each was mirrored to: what they are is
remembered, and a change from one to the other is told as a swap only.

One reading of an end is compared with the last one. PFS#0 at the path of another PFS is a null
mount that is missing, and no other PFS (core/pair/probe_verdict.py says so).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count

from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid, format_tid

MOST_KEPT = 20
"""How many anomalies of one end are kept; the oldest are in the log only."""

MOST_DISKS = 16
"""How many slaves that take turns at one path are remembered."""

MOST_TOLD = 1000
"""How many TIDs that a stream told of are kept until its slave is read: a reading that is under
way needs a minute's worth, and a slave that is not read for days needs the last ones."""


class AnomalyName(StrEnum):
    """What happened to an end."""

    MASTER_TID_WENT_BACK = "master.tid_went_back"
    SLAVE_TID_WENT_BACK = "slave.tid_went_back"
    SLAVE_TID_JUMPED = "slave.tid_jumped"
    ROLE_CHANGED = "end.role_changed"
    UUID_CHANGED = "end.uuid_changed"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that happened to an end, first at `at` (monotonic); `number` tells the newer.

    What an earlier run left has no number of its own: 0.
    """

    name: AnomalyName
    end: Endpoint
    before: str
    after: str
    at: float
    number: int = 0


@dataclass(slots=True)
class Anomalies:
    """All that happened and was not acknowledged, and what is needed to notice it."""

    _of_ends: dict[Endpoint, list[Anomaly]] = field(default_factory=dict)
    _inherited: dict[str, tuple[Anomaly, ...]] = field(default_factory=dict)
    _acknowledged: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _last: dict[Endpoint, PfsStatus] = field(default_factory=dict)
    _disks: dict[Endpoint, tuple[str, ...]] = field(default_factory=dict)
    _told: dict[Endpoint, dict[Tid, None]] = field(default_factory=dict)
    _set: dict[Endpoint, Tid] = field(default_factory=dict)
    _unexplained: dict[Endpoint, tuple[Tid, Tid]] = field(default_factory=dict)
    _jumped_now: dict[Endpoint, tuple[Tid, Tid]] = field(default_factory=dict)

    # --- for status and people ---------------------------------------------------------------

    def events_of(self, pair: Pair) -> tuple[Anomaly, ...]:
        """Return what happened to the ends of a pair since it was last acknowledged."""
        found = [
            *self._of_end(pair, pair.master, "slave."),
            *self._of_end(pair, pair.slave, "master."),
        ]
        return tuple(sorted(found, key=lambda one: one.number))

    def acknowledge(self, pair: Pair) -> int:
        """Tell no more of what has happened to a pair so far; return how much that was."""
        events = self.events_of(pair)
        known = self._acknowledged.get(pair.name, 0)
        self._acknowledged[pair.name] = max([known, *(one.number for one in events)])
        self._inherited.pop(pair.name, None)
        return len(events)

    def inherit(self, pair: str, events: Iterable[Anomaly]) -> None:
        """Tell on what an earlier run told of a pair, the oldest first."""
        self._inherited[pair] = tuple(replace(one, number=0) for one in events)

    def forget(self, pair: str) -> None:
        """Forget a pair that is gone."""
        self._acknowledged.pop(pair, None)
        self._inherited.pop(pair, None)

    def forget_all_but(self, ends: Iterable[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        kept = frozenset(ends)
        of_slaves = (self._told, self._set, self._unexplained, self._jumped_now, self._disks)
        for known in (self._of_ends, self._last, *of_slaves):
            for gone in known.keys() - kept:
                del known[gone]

    def _of_end(self, pair: Pair, end: Endpoint, other_role: str) -> Iterable[Anomaly]:
        since = self._acknowledged.get(pair.name, 0)
        inherited = [one for one in self._inherited.get(pair.name, ()) if one.end == end]
        new = [one for one in self._of_ends.get(end, ()) if one.number > since]
        found = [one for one in (*inherited, *new) if not one.name.startswith(other_role)]
        return found[-MOST_KEPT:]

    # --- what happens ------------------------------------------------------------------------

    def announced(self, slave: Endpoint, tid: Tid) -> None:
        """Note that a stream of ours is about to set a slave to this TID.

        That explains a step: the stream may die between the step and its word.
        """
        self._tell(slave, tid)

    def committed(self, slave: Endpoint, tid: Tid) -> None:
        """Note that a stream of ours has set a slave to this TID."""
        if slave.is_remote:
            # No reading of it is under way that needs what was told before.
            self._told.pop(slave, None)
        self._tell(slave, tid)
        self._set[slave] = tid

    def _tell(self, slave: Endpoint, tid: Tid) -> None:
        told = self._told.setdefault(slave, {})
        told.pop(tid, None)
        told[tid] = None
        if len(told) > MOST_TOLD:
            del told[next(iter(told))]

    def last(self, end: Endpoint) -> PfsStatus | None:
        """Return the last reading of an end, None before any."""
        return self._last.get(end)

    def moved_by_another(self, slave: Endpoint) -> None:
        """Note that it is known who else has moved a slave: an orphan, another pair of ours."""
        for known in (self._last, self._unexplained, self._jumped_now):
            known.pop(slave, None)

    def take_jump(self, slave: Endpoint) -> tuple[Tid, Tid] | None:
        """Return the step of a slave that its last reading showed and nobody explains, once."""
        return self._jumped_now.pop(slave, None)

    def is_replaced(self, end: Endpoint, status: PfsStatus) -> bool:
        """Tell whether another PFS is at a path now, so that its TIDs cannot be compared."""
        last = self._last.get(end)
        return bool(
            last
            and ROOT_PFS not in (last.pfs_id, status.pfs_id)
            and last.unique_uuid != status.unique_uuid
        )

    def read(self, end: Endpoint, status: PfsStatus, at: float) -> tuple[Anomaly, ...]:
        """Compare a reading of an end with the last one; return what is news."""
        last = self._last.get(end)
        if last is not None and status.pfs_id == ROOT_PFS != last.pfs_id:
            return ()
        self._last[end] = status
        if last is None or (last.pfs_id == ROOT_PFS != status.pfs_id):
            return ()
        found = [
            self.add(name, end, before, after, at)
            for name, before, after in _changes(last, status)
            if before != after
        ]
        return (*found, *self._jumps(end, last, status, at))

    def add(self, name: AnomalyName, end: Endpoint, before: str, after: str, at: float) -> Anomaly:
        """Keep what happened to an end."""
        anomaly = Anomaly(name, end, before, after, at, next(self._numbers))
        self._of_ends[end] = [*self._of_ends.get(end, ()), anomaly][-MOST_KEPT:]
        return anomaly

    # --- disks that take turns -----------------------------------------------------------------

    def disks_of(self, slave: Endpoint) -> tuple[str, ...]:
        """Return the unique-uuids of the slaves that take turns at a path, none if it is one."""
        disks = self._disks.get(slave, ())
        return disks if len(disks) > 1 else ()

    def belongs(self, slave: Endpoint, *unique_uuids: str) -> bool:
        """Remember slaves of a pair's master that were seen at this path; tell if that is news."""
        before = self._disks.get(slave, ())
        new = tuple(uuid for uuid in unique_uuids if uuid not in before)
        self._disks[slave] = (*before, *new)[-MOST_DISKS:]
        return bool(new) and len(self._disks[slave]) > 1

    def is_swapped(self, slave: Endpoint, status: PfsStatus) -> str | None:
        """Take a slave for the known one that takes its turn; return which one went, if so.

        That another one was there before needs no acknowledging any more.
        """
        last, disks = self._last.get(slave), self._disks.get(slave, ())
        is_known = last and {last.unique_uuid, status.unique_uuid} <= {*disks}
        if not (last and is_known) or last.unique_uuid == status.unique_uuid:
            return None
        if status.is_master or last.shared_uuid != status.shared_uuid:
            return None
        self._last[slave] = status
        self._unexplained.pop(slave, None)
        self._jumped_now.pop(slave, None)
        self._of_ends[slave] = _but_swaps(self._of_ends.get(slave, ()), slave, disks)
        for pair, inherited in self._inherited.items():
            self._inherited[pair] = tuple(_but_swaps(inherited, slave, disks))
        return last.unique_uuid

    # --- jumps -------------------------------------------------------------------------------

    def _jumps(
        self, end: Endpoint, last: PfsStatus, now: PfsStatus, at: float
    ) -> tuple[Anomaly, ...]:
        """Tell a step that no stream of ours took; only at the next reading, for its word to come.

        A second writer takes many: they are one anomaly, that goes on.
        """
        told = self._told.get(end, {})
        before, after = self._unexplained.pop(end, (now.sync_end_tid, now.sync_end_tid))
        is_slave = not last.is_master and not now.is_master
        is_same = is_slave and last.unique_uuid == now.unique_uuid
        if is_same and last.sync_end_tid < now.sync_end_tid:
            known = self._set.get(end, last.sync_end_tid)
            came_from = (
                known if last.sync_end_tid < known < now.sync_end_tid else last.sync_end_tid
            )
            self._unexplained[end] = (came_from, now.sync_end_tid)
        self._told[end] = {tid: None for tid in told if tid >= last.sync_end_tid}
        if before == after or after in told:
            return ()
        return self._jumped(end, before, after, at)

    def _jumped(self, end: Endpoint, before: Tid, after: Tid, at: float) -> tuple[Anomaly, ...]:
        self._jumped_now[end] = (before, after)
        name, known = AnomalyName.SLAVE_TID_JUMPED, self._of_ends.get(end, [])
        is_seen = max(self._acknowledged.values(), default=0)
        if known and known[-1].name is name and known[-1].number > is_seen:
            known[-1] = replace(known[-1], after=format_tid(after))
            return ()
        return (self.add(name, end, format_tid(before), format_tid(after), at),)


def _but_swaps(found: Iterable[Anomaly], slave: Endpoint, disks: Collection[str]) -> list[Anomaly]:
    return [
        one
        for one in found
        if one.end != slave
        or one.name is not AnomalyName.UUID_CHANGED
        or not {one.before, one.after} <= {*disks}
    ]


def _changes(last: PfsStatus, now: PfsStatus) -> Iterable[tuple[AnomalyName, str, str]]:
    yield AnomalyName.ROLE_CHANGED, _role(last), _role(now)
    if last.unique_uuid != now.unique_uuid:
        yield AnomalyName.UUID_CHANGED, last.unique_uuid, now.unique_uuid
    else:
        yield AnomalyName.UUID_CHANGED, last.shared_uuid, now.shared_uuid


def _role(status: PfsStatus) -> str:
    return "master" if status.is_master else "slave"
