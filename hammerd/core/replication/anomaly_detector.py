"""Finds anomalies: compares each reading of an endpoint with the previous one.

PFS#0 at the path of another PFS means that its null mount is missing; it is not another PFS
(core/pair/probe_verdict.py handles that).

Disks that take turns at one path are no anomaly once each of them was a target of the pair: their
uuids are remembered, and a change from one to another is reported as a swap only.

A slave's TID that grew without a stream of ours, onto whatever name of the slave, is a jump. It is
reported with the next reading only, because the stream's message about it may come after the first
one. A slave PFS that is only the master of a pair is moved by others, and so it never jumps: in a
cascade another hammerd, or a pair that reaches it with another key, writes to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pairs import Endpoint
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyLog, AnomalyName
from hammerd.core.tid import Tid, format_tid

MAX_DISKS = 16
"""The number of remembered slaves that take turns at one path."""

MAX_STREAM_TIDS = 1000
"""The number of TIDs from a stream that are kept until its slave is read: a reading in progress
needs those of a minute, and a slave that is not read for days needs the last ones."""


@dataclass(slots=True)
class AnomalyDetector:
    """The last reading of each endpoint, and the known causes of changes; adds to `log`."""

    log: AnomalyLog = field(default_factory=AnomalyLog)
    _last: dict[Endpoint, PfsStatus] = field(default_factory=dict)
    _last_at: dict[Endpoint, float] = field(default_factory=dict)
    _writer_until_at: dict[Endpoint, float] = field(default_factory=dict)
    _disks: dict[Endpoint, tuple[str, ...]] = field(default_factory=dict)
    _stream_tids: dict[Endpoint, dict[Tid, None]] = field(default_factory=dict)
    _committed: dict[Endpoint, Tid] = field(default_factory=dict)
    _unexplained: dict[Endpoint, tuple[Tid, Tid]] = field(default_factory=dict)
    _new_jumps: dict[Endpoint, tuple[Tid, Tid]] = field(default_factory=dict)
    _causes: dict[Endpoint, str] = field(default_factory=dict)
    _restored: dict[Endpoint, PfsStatus] = field(default_factory=dict)

    def forget_all_but(self, endpoints: Iterable[Endpoint]) -> None:
        """Forget the endpoints that no pair has any more."""
        kept = frozenset(endpoints)
        self.log.forget_all_but(kept)
        of_slaves = (self._disks, self._stream_tids, self._committed, self._writer_until_at)
        readings = (self._last, self._last_at, self._restored)
        jumps = (self._unexplained, self._new_jumps, self._causes)
        for known in (*readings, *of_slaves, *jumps):
            for removed in known.keys() - kept:
                del known[removed]

    # --- readings ----------------------------------------------------------------------------

    def last_status(self, endpoint: Endpoint) -> PfsStatus | None:
        """Return the last reading of an endpoint, also of an earlier run; None before any."""
        return self._last.get(endpoint) or self._restored.get(endpoint)

    def restore(self, endpoint: Endpoint, status: PfsStatus | None) -> None:
        """Take over the role and the uuids that an earlier run saved of an endpoint, if any."""
        if status is not None and endpoint not in self._last:
            self._restored[endpoint] = status

    def is_replaced(self, endpoint: Endpoint, status: PfsStatus) -> bool:
        """Return whether a reading is of another PFS, so that its TIDs cannot be compared."""
        last = self.last_status(endpoint)
        return bool(
            last
            and ROOT_PFS not in (last.pfs_id, status.pfs_id)
            and last.unique_uuid != status.unique_uuid
        )

    def compare(
        self, endpoint: Endpoint, status: PfsStatus, at: float, *, is_slave: bool
    ) -> tuple[Anomaly, ...]:
        """Compare a reading with the previous one; log the anomalies, return the new ones.

        `is_slave`: the endpoint is the slave of a pair of ours.
        """
        last, last_at = self._last.get(endpoint), self._last_at.get(endpoint, at)
        if last is not None and status.pfs_id == ROOT_PFS != last.pfs_id:
            return ()
        self._last[endpoint], self._last_at[endpoint] = status, at
        if last is None or (last.pfs_id == ROOT_PFS != status.pfs_id):
            return self._compare_runs(endpoint, status, at)
        found = [
            self.log.add(name, endpoint, before, after, at)
            for name, before, after in _changes(last, status)
            if before != after
        ]
        jump = self._explain_step(endpoint, last, status) if is_slave else None
        if last_at < self._writer_until_at.get(endpoint, -inf):
            self._unexplained.pop(endpoint, None)
        if jump is None:
            return tuple(found)
        return (*found, *self._log_jump(endpoint, jump, at))

    def explain(self, endpoints: Iterable[Endpoint], because: str) -> None:
        """Record that the changes which the next reading of these endpoints shows have a cause."""
        for endpoint in endpoints:
            self._causes[endpoint] = because

    def take_cause(self, endpoint: Endpoint) -> str:
        """Return the cause of the changes that a reading shows, once; empty if none is known."""
        return self._causes.pop(endpoint, "")

    def changes(
        self, endpoint: Endpoint, status: PfsStatus, tid: Tid | None
    ) -> tuple[tuple[AnomalyName, str, str], ...]:
        """Return what differs from the previous reading, and from the TID that it had last."""
        last, now = self.last_status(endpoint), status.sync_end_tid
        found = [*_changes(last, status)] if last else []
        if tid is not None and status.is_master and now < tid:
            found.append((AnomalyName.MASTER_TID_WENT_BACK, format_tid(tid), format_tid(now)))
        if tid is not None and not status.is_master and now != tid:
            went_back = now < tid
            name = AnomalyName.SLAVE_TID_WENT_BACK if went_back else AnomalyName.SLAVE_TID_JUMPED
            found.append((name, format_tid(tid), format_tid(now)))
        return tuple((name, before, after) for name, before, after in found if before != after)

    def begin_anew(self, endpoint: Endpoint, status: PfsStatus) -> None:
        """Forget what was known of an endpoint; a PFS that was replaced takes no more turns."""
        last, disks = self.last_status(endpoint), self._disks.get(endpoint, ())
        self._restored.pop(endpoint, None)
        if last is not None and last.unique_uuid != status.unique_uuid:
            self._disks[endpoint] = tuple(uuid for uuid in disks if uuid != last.unique_uuid)
        self.add_known_move(endpoint)

    def _compare_runs(
        self, endpoint: Endpoint, status: PfsStatus, at: float
    ) -> tuple[Anomaly, ...]:
        """Compare the first reading with what an earlier run saved: role and uuids, no TID."""
        if status.pfs_id == ROOT_PFS or (last := self._restored.pop(endpoint, None)) is None:
            return ()
        if {last.unique_uuid, status.unique_uuid} <= {*self._disks.get(endpoint, ())}:
            return ()
        return tuple(
            self.log.add(name, endpoint, before, after, at)
            for name, before, after in _changes(last, status)
            if before != after
        )

    # --- jumps -------------------------------------------------------------------------------

    def add_announced(self, slave: Endpoint, tid: Tid) -> None:
        """Record that a stream of ours is about to set a slave to this TID.

        That explains a step: the stream may die between the step and its message.
        """
        tids = self._stream_tids.setdefault(slave, {})
        tids.pop(tid, None)
        tids[tid] = None
        if len(tids) > MAX_STREAM_TIDS:
            del tids[next(iter(tids))]

    def add_committed(self, slave: Endpoint, tid: Tid) -> None:
        """Record that a stream of ours has set a slave to this TID."""
        if not slave.host.is_probed:
            # No reading of it is in progress that needs the earlier TIDs.
            self._stream_tids.pop(slave, None)
        self.add_announced(slave, tid)
        self._committed[slave] = tid

    def add_known_move(self, slave: Endpoint) -> None:
        """Record that a known writer moved a slave: an orphan, another pair of ours."""
        for known in (self._last, self._unexplained, self._new_jumps):
            known.pop(slave, None)

    def add_earlier_writer(self, slave: Endpoint, until_at: float) -> None:
        """Record that a far half of an earlier stream may have moved a slave until then.

        What it announced may be lost with its link, or with an earlier daemon.
        """
        self._writer_until_at[slave] = until_at
        self._unexplained.pop(slave, None)
        self._new_jumps.pop(slave, None)

    def take_jump(self, slave: Endpoint) -> tuple[Tid, Tid] | None:
        """Return the jump that a slave's last reading showed, once; None if it showed none."""
        return self._new_jumps.pop(slave, None)

    def _explain_step(
        self, endpoint: Endpoint, last: PfsStatus, now: PfsStatus
    ) -> tuple[Tid, Tid] | None:
        """Return the previous reading's step if no stream explains it; keep this reading's."""
        step = self._unexplained.pop(endpoint, None)
        is_slave = not last.is_master and not now.is_master
        is_same = is_slave and last.unique_uuid == now.unique_uuid
        if is_same and last.sync_end_tid < now.sync_end_tid:
            known = self._committed.get(endpoint, last.sync_end_tid)
            is_between = last.sync_end_tid < known < now.sync_end_tid
            begin = known if is_between else last.sync_end_tid
            self._unexplained[endpoint] = (begin, now.sync_end_tid)
        tids = self._stream_tids.get(endpoint, {})
        self._stream_tids[endpoint] = {tid: None for tid in tids if tid >= last.sync_end_tid}
        if step is None or step[1] in tids or self._was_set_by_other_name(endpoint, now, step[1]):
            return None
        return step

    def _was_set_by_other_name(self, endpoint: Endpoint, now: PfsStatus, tid: Tid) -> bool:
        """Return whether a stream of ours onto another name of the PFS set it to this TID."""
        for name, tids in self._stream_tids.items():
            other = self.last_status(name) if name != endpoint else None
            if other is not None and other.unique_uuid == now.unique_uuid:
                committed = self._committed.get(name)
                if tid in tids or (committed is not None and tid <= committed):
                    return True
        return False

    def _log_jump(
        self, endpoint: Endpoint, jump: tuple[Tid, Tid], at: float
    ) -> tuple[Anomaly, ...]:
        """Log a jump; further jumps of one foreign writer extend the first one."""
        self._new_jumps[endpoint] = jump
        name, before, after = AnomalyName.SLAVE_TID_JUMPED, *map(format_tid, jump)
        if self.log.extend(name, endpoint, after):
            return ()
        return (self.log.add(name, endpoint, before, after, at),)

    # --- disks that take turns -----------------------------------------------------------------

    def disks_of(self, slave: Endpoint) -> tuple[str, ...]:
        """Return the unique-uuids of the slaves that take turns at a path; () for a single one."""
        disks = self._disks.get(slave, ())
        return disks if len(disks) > 1 else ()

    def add_disks(self, slave: Endpoint, *unique_uuids: str) -> bool:
        """Remember slaves of the pair's master at this path; return whether more take turns."""
        before = self._disks.get(slave, ())
        new = tuple(uuid for uuid in unique_uuids if uuid not in before)
        self._disks[slave] = (*before, *new)[-MAX_DISKS:]
        return bool(new) and len(self._disks[slave]) > 1

    def take_swap(self, slave: Endpoint, status: PfsStatus) -> str | None:
        """Accept a reading of another known disk; return the uuid of the previous one.

        None if it is no such swap. Earlier swaps in the log need no acknowledgement any more.
        """
        last, disks = self._last.get(slave), self._disks.get(slave, ())
        is_known = last and {last.unique_uuid, status.unique_uuid} <= {*disks}
        if not (last and is_known) or last.unique_uuid == status.unique_uuid:
            return None
        if status.is_master or last.shared_uuid != status.shared_uuid:
            return None
        self.add_known_move(slave)
        self._last[slave] = status
        self.log.forget_swaps(slave, disks)
        return last.unique_uuid


def _changes(last: PfsStatus, now: PfsStatus) -> Iterable[tuple[AnomalyName, str, str]]:
    yield AnomalyName.ROLE_CHANGED, _role(last), _role(now)
    yield AnomalyName.UUID_CHANGED, last.unique_uuid, now.unique_uuid
    yield AnomalyName.SHARED_UUID_CHANGED, last.shared_uuid, now.shared_uuid


def _role(status: PfsStatus) -> str:
    return "master" if status.is_master else "slave"
