"""Holds the TIDs of slaves, and which of them may have been in memory only.

A commit is in memory first (docs/hammer.md 2.4, 2.6). It is lost with the power of the slave's
host; a file system that has lost its disk still shows it; and one that was not mounted may come
back without it. Keys are slaves as the operator wrote them.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from hammerd.core.pairs import Endpoint
from hammerd.core.replication.lag import SlaveReading
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.slave_tids import (
    SlaveTids,
    known_at,
    record_reading,
    record_slave_flush,
)
from hammerd.core.tid import NEVER_MIRRORED, Tid
from hammerd.daemon.readings.unknowns import Unknowns, WentBack

_REBOOTED = "its host was rebooted: commits that no flush had followed were in memory only"
_CUT_OFF = "where its host was rebooted, commits that no flush had followed are lost"
_REMOUNTED = "its file system was not mounted: commits that no flush had followed may be lost"
_DISK_LOST = "its file system had lost its disk: what it told then was in memory only"


@dataclass(slots=True)
class _Slave:
    """The TIDs of a slave, and what was read of its file system."""

    tids: SlaveTids | None = None
    span: ReadSpan | None = None
    before_boot: Tid | None = None
    file_system: int | None = None
    writable_at: float | None = None
    # Why it may come back with a lower TID after it could not be read.
    loss_reason: str = ""
    # Whether it held what its master had lost.
    was_ahead: bool = False
    # Whether its PFS is missing on a file system that is mounted.
    is_destroyed: bool = False


class KnownSlaves:
    """The last TIDs of all slaves."""

    def __init__(self, unknowns: Unknowns) -> None:
        self._unknowns = unknowns
        self._slaves: defaultdict[str, _Slave] = defaultdict(_Slave)

    def of(self, slave: Endpoint) -> SlaveTids | None:
        """Return the TIDs of a slave, None before it was read."""
        return self._slaves[str(slave)].tids

    def span(self, slave: Endpoint) -> ReadSpan | None:
        """Return when a slave's TID was read last, or printed by its stream."""
        return self._slaves[str(slave)].span

    # --- its TID ---------------------------------------------------------------------------------

    def record_reading(self, slave: Endpoint, tid: Tid, span: ReadSpan) -> WentBack | None:
        """Record a slave's TID; return both TIDs if it went back.

        A commit that was printed since the reading began is newer. What was in memory only is
        lost when the host or the file system goes down: that explains a lower TID.
        """
        self._unknowns.record_readable(slave)
        known = self._slaves[str(slave)]
        known.is_destroyed = False
        before, last = known.tids, known.span
        if str(slave) in self._unknowns.read_only:
            return None
        if before is not None and before.reading.at > span.began_at:
            return None
        known.tids = record_reading(before, SlaveReading(tid, span.began_at), span.ended_at)
        known.span = span
        before_boot, because = known.before_boot, known.loss_reason
        known.before_boot, known.loss_reason = None, ""
        if before_boot is not None:
            return WentBack(before_boot, tid, _REBOOTED) if tid < before_boot else None
        is_later = last is None or last.is_before(span)
        if before is not None and tid < before.reading.tid and is_later:
            return WentBack(before.reading.tid, tid, because)
        return None

    def record_commit(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that a stream printed as set; its message may be late, and the TID old."""
        known = self._slaves[str(slave)]
        if str(slave) in self._unknowns.read_only:
            return
        if known.tids is None or known.tids.reading.tid < tid:
            known.tids = record_reading(known.tids, SlaveReading(tid, at), at)
            known.span = ReadSpan(at, at)

    def record_cut(self, slave: Endpoint) -> None:
        """Record that the host of a slave may go down unseen: its stream or its link is cut.

        A TID that is lower afterwards is explained, until the slave is read again.
        """
        known = self._slaves[str(slave)]
        if known.tids is not None and not slave.host.shares_paths:
            known.loss_reason = known.loss_reason or _CUT_OFF

    def record_begin(
        self, slave: Endpoint, begin: Tid, at: float, unwritten_at: float
    ) -> WentBack | None:
        """Record that a batch began at `begin`, so that the slave's TID was below it.

        No other message shows that the power of a slave on another host was cut. A message that
        may have been written before the slave was read last (it was not at `unwritten_at`) is
        older than that reading.
        """
        known = self._slaves[str(slave)]
        if known.tids is None or begin > known.tids.reading.tid:
            return None
        if known.span is not None and known.span.ended_at > unwritten_at:
            return None
        before, tid = known.tids.reading.tid, Tid(begin - 1)
        known.tids = record_reading(known.tids, SlaveReading(tid, at), at)
        known.span = ReadSpan(at, at)
        return WentBack(before, tid, _CUT_OFF)

    def record_flush(self, slave: Endpoint, began_at: float) -> None:
        """Record a completed flush of a slave's file system that began at `began_at`.

        Without its disk a file system completes a flush as well, and writes nothing.
        """
        known = self._slaves[str(slave)]
        if known.tids is not None and str(slave) not in self._unknowns.read_only:
            known.tids = record_slave_flush(known.tids, began_at)

    def restore_durable(self, slave: Endpoint, tid: Tid | None) -> None:
        """Record a TID that a slave keeps in a power cut, from before it was away."""
        known = self._slaves[str(slave)]
        if known.tids is None or tid is None or tid > known.tids.reading.tid:
            return
        if known.tids.durable_tid is None or known.tids.durable_tid < tid:
            known.tids = replace(known.tids, durable_tid=tid)

    # --- its file system -------------------------------------------------------------------------

    def record_read_only(self, slave: Endpoint, *, is_read_only: bool, began_at: float) -> None:
        """Record whether a slave's file system was read-only in a read that began at `began_at`.

        The kernel makes it read-only when its disk is lost, and still shows TIDs that are in
        memory only. TIDs since the last read that found it writable are dropped.
        """
        key, known = str(slave), self._slaves[str(slave)]
        if not is_read_only:
            self._unknowns.read_only.discard(key)
            known.writable_at = began_at
        elif key not in self._unknowns.read_only:
            self._unknowns.read_only.add(key)
            known.loss_reason = _DISK_LOST
            if known.tids is not None:
                at = known.writable_at
                known.tids = known_at(known.tids, at) if at is not None else None

    def record_file_system(self, slave: Endpoint, fsid: int | None) -> None:
        """Record the file system of a slave; None is ignored."""
        if fsid is not None:
            self._slaves[str(slave)].file_system = fsid

    def record_missing(self, slave: Endpoint, fsid: int | None, *, is_untranslated: bool) -> None:
        """Record that the PFS of a slave is not at its path, which is on the file system `fsid`.

        `is_untranslated`: its softlink is present, but leads to no PFS. Otherwise the PFS is
        missing if its file system is mounted, and also if its file system is unknown: a PFS that
        may be missing is not safe.
        """
        key, known = str(slave), self._slaves[str(slave)]
        is_mounted = fsid is not None and known.file_system in (None, fsid)
        known.is_destroyed = is_untranslated or (fsid is not None and known.file_system == fsid)
        if is_untranslated or is_mounted:
            self._unknowns.missing.add(key)
        else:
            self._unknowns.missing.discard(key)
            known.loss_reason = _REMOUNTED

    def is_destroyed(self, slave: Endpoint) -> bool:
        """Return whether the PFS of a slave is gone from the file system on which it was read."""
        return self._slaves[str(slave)].is_destroyed

    def forget_pfs(self, slave: Endpoint) -> None:
        """Forget a slave: another PFS is at its path."""
        self._slaves.pop(str(slave), None)

    # --- its history -----------------------------------------------------------------------------

    def record_fork(self, slave: Endpoint, master_tid: Tid) -> None:
        """Record that a master went back to `master_tid`, below what its slave may hold of it.

        From then on a TID may name one write on the slave and another one on the master. Nothing
        newer is safe until the slave is made again, or a person acknowledges it.
        """
        known = self._slaves[str(slave)]
        if known.tids is None or known.tids.reading.tid <= NEVER_MIRRORED:
            return
        known.tids = replace(known.tids, is_forked=True)
        known.was_ahead = known.was_ahead or known.tids.reading.tid > master_tid

    def was_ahead(self, slave: Endpoint) -> bool:
        """Return whether a slave held what its master had lost, even if it is behind it now."""
        return self._slaves[str(slave)].was_ahead

    def trust(self, slave: Endpoint) -> None:
        """Record that a person accepts a slave as one of its master, which went back."""
        known = self._slaves[str(slave)]
        known.was_ahead = False
        if known.tids is not None:
            known.tids = replace(known.tids, is_forked=False)

    def acknowledge(self, slave: Endpoint) -> None:
        """Record that a person has acknowledged the anomalies of a slave's master.

        So the slave belongs to it; but it may not hold what the master lost.
        """
        if not self.was_ahead(slave):
            self.trust(slave)

    def is_forked(self, slave: Endpoint) -> bool:
        """Return whether a slave may hold what its master has lost."""
        tids = self.of(slave)
        return tids is not None and tids.is_forked

    # --- all slaves ------------------------------------------------------------------------------

    def forget_all_but(self, slaves: Collection[str]) -> None:
        """Forget slaves that no pair has any more."""
        for removed in self._slaves.keys() - slaves:
            del self._slaves[removed]

    def saved(self) -> dict[str, SlaveTids]:
        """Return the TIDs to be saved.

        A slave that is none, or is missing, is left out: what it holds would count as safe.
        """
        left_out = self._unknowns.not_slaves | self._unknowns.missing
        known = ((key, slave.tids) for key, slave in self._slaves.items() if key not in left_out)
        return {key: tids for key, tids in known if tids is not None}

    def load(self, slaves: Mapping[str, SlaveTids], before_boot: Mapping[str, Tid]) -> None:
        """Load what an earlier run saved, and the TIDs from before this host was rebooted."""
        for key, tids in slaves.items():
            self._slaves[key].tids = tids
        for key, tid in before_boot.items():
            self._slaves[key].before_boot = tid
