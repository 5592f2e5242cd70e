"""Holds the TIDs of slaves, and which of them may have been in memory only.

A commit is in memory first (docs/hammer.md 2.4, 2.6). It is lost with the power of the slave's
host; a file system that has lost its disk still shows it; and one that was not mounted may come
back without it. Keys are slaves as the operator wrote them.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from hammerd.core.pairs import Endpoint
from hammerd.core.replication.lag import SlaveReading
from hammerd.core.replication.read_order import ReadSpan, span_of_message
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


class KnownSlaves:
    """The last TIDs of all slaves."""

    def __init__(self, unknowns: Unknowns) -> None:
        self._unknowns = unknowns
        self._tids: dict[str, SlaveTids] = {}
        self._spans: dict[str, ReadSpan] = {}
        self._before_boot: dict[str, Tid] = {}
        self._file_systems: dict[str, int] = {}
        self._writable_at: dict[str, float] = {}
        # Why a slave that could not be read may come back with a lower TID.
        self._loss_reasons: dict[str, str] = {}
        self._ahead: set[str] = set()

    def of(self, slave: Endpoint) -> SlaveTids | None:
        """Return the TIDs of a slave, None before it was read."""
        return self._tids.get(str(slave))

    def span(self, slave: Endpoint) -> ReadSpan | None:
        """Return when a slave's TID was read last, or printed by its stream."""
        return self._spans.get(str(slave))

    # --- its TID ---------------------------------------------------------------------------------

    def record_reading(self, slave: Endpoint, tid: Tid, span: ReadSpan) -> WentBack | None:
        """Record a slave's TID; return both TIDs if it went back.

        A commit that was printed since the reading began is newer. What was in memory only is
        lost when the host or the file system goes down: that explains a lower TID.
        """
        self._unknowns.record_readable(slave)
        key, known = str(slave), self._tids.get(str(slave))
        last = self._spans.get(key)
        if key in self._unknowns.read_only:
            return None
        if known is not None and known.reading.at > span.began_at:
            return None
        self._tids[key] = record_reading(known, SlaveReading(tid, span.began_at), span.ended_at)
        self._spans[key] = span
        before, because = self._before_boot.pop(key, None), self._loss_reasons.pop(key, "")
        if before is not None:
            return WentBack(before, tid, _REBOOTED) if tid < before else None
        is_later = last is None or last.is_before(span)
        if known is not None and tid < known.reading.tid and is_later:
            return WentBack(known.reading.tid, tid, because)
        return None

    def record_commit(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that a stream printed as set; its message may be late, and the TID old."""
        key, known = str(slave), self._tids.get(str(slave))
        if key in self._unknowns.read_only:
            return
        if known is None or known.reading.tid < tid:
            self._tids[key] = record_reading(known, SlaveReading(tid, at), at)
            self._spans[key] = span_of_message(at)

    def record_begin(self, slave: Endpoint, begin: Tid, at: float) -> WentBack | None:
        """Record that a batch began at `begin`, so that the slave's TID was below it.

        No other message shows that the power of a slave on another host was cut.
        """
        key, known = str(slave), self._tids.get(str(slave))
        if known is None or begin > known.reading.tid:
            return None
        before, tid = known.reading.tid, Tid(begin - 1)
        self._tids[key], self._spans[key] = (
            record_reading(known, SlaveReading(tid, at), at),
            span_of_message(at),
        )
        return WentBack(before, tid, _CUT_OFF)

    def record_flush(self, slave: Endpoint, began_at: float) -> None:
        """Record a completed flush of a slave's file system that began at `began_at`.

        Without its disk a file system completes a flush as well, and writes nothing.
        """
        key, known = str(slave), self._tids.get(str(slave))
        if known is not None and key not in self._unknowns.read_only:
            self._tids[key] = record_slave_flush(known, began_at)

    # --- its file system -------------------------------------------------------------------------

    def record_read_only(self, slave: Endpoint, *, is_read_only: bool, began_at: float) -> None:
        """Record whether a slave's file system was read-only in a read that began at `began_at`.

        The kernel makes it read-only when its disk is lost, and still shows TIDs that are in
        memory only. TIDs since the last read that found it writable are dropped.
        """
        key = str(slave)
        if not is_read_only:
            self._unknowns.read_only.discard(key)
            self._writable_at[key] = began_at
        elif key not in self._unknowns.read_only:
            self._unknowns.read_only.add(key)
            self._loss_reasons[key] = _DISK_LOST
            known, at = self._tids.pop(key, None), self._writable_at.get(key)
            durable = None if known is None or at is None else known_at(known, at)
            if durable is not None:
                self._tids[key] = durable

    def record_file_system(self, slave: Endpoint, fsid: int | None) -> None:
        """Record the file system of a slave; None is ignored."""
        if fsid is not None:
            self._file_systems[str(slave)] = fsid

    def record_missing(self, slave: Endpoint, fsid: int | None, *, is_untranslated: bool) -> None:
        """Record that the PFS of a slave is not at its path, which is on the file system `fsid`.

        `is_untranslated`: its softlink is present, but leads to no PFS. Otherwise the PFS is
        missing if its file system is mounted, and also if its file system is unknown: a PFS that
        may be missing is not safe.
        """
        key = str(slave)
        is_mounted = fsid is not None and fsid == self._file_systems.get(key, fsid)
        if is_untranslated or is_mounted:
            self._unknowns.missing.add(key)
        else:
            self._unknowns.missing.discard(key)
            self._loss_reasons[key] = _REMOUNTED

    def forget_pfs(self, slave: Endpoint) -> None:
        """Forget a slave: another PFS is at its path."""
        for known in self._all():
            known.pop(str(slave), None)
        self._ahead.discard(str(slave))

    # --- its history -------------------------------------------------------------------------

    def record_fork(self, slave: Endpoint, master_tid: Tid) -> None:
        """Record that a master went back to `master_tid`, below what its slave may hold of it.

        From then on a TID may name one write on the slave and another one on the master. Nothing
        newer is safe until the slave is made again, or a person acknowledges it.
        """
        known = self._tids.get(str(slave))
        if known is None or known.reading.tid <= NEVER_MIRRORED:
            return
        self._tids[str(slave)] = replace(known, is_forked=True)
        if known.reading.tid > master_tid:
            self._ahead.add(str(slave))

    def was_ahead(self, slave: Endpoint) -> bool:
        """Return whether a slave held what its master had lost, even if it is behind it now."""
        return str(slave) in self._ahead

    def trust(self, slave: Endpoint) -> None:
        """Record that a person takes a slave as one of its master, which went back."""
        self._ahead.discard(str(slave))
        known = self._tids.get(str(slave))
        if known is not None:
            self._tids[str(slave)] = replace(known, is_forked=False)

    def acknowledge(self, slave: Endpoint) -> None:
        """Record that a person has acknowledged the anomalies of a slave's master.

        So the slave belongs to it; but it may not hold what the master lost.
        """
        if str(slave) not in self._ahead:
            self.trust(slave)

    def is_forked(self, slave: Endpoint) -> bool:
        """Return whether a slave may hold what its master has lost."""
        known = self._tids.get(str(slave))
        return known is not None and known.is_forked

    # --- all slaves ----------------------------------------------------------------------------

    def forget_all_but(self, slaves: Collection[str]) -> None:
        """Forget slaves that no pair has any more."""
        for known in self._all():
            for gone in known.keys() - slaves:
                del known[gone]
        self._ahead &= set(slaves)

    def saved(self) -> dict[str, SlaveTids]:
        """Return the TIDs to be saved.

        A slave that is none, or is missing, is left out: what it holds would count as safe.
        """
        left_out = self._unknowns.not_slaves | self._unknowns.missing
        return {slave: tids for slave, tids in self._tids.items() if slave not in left_out}

    def load(self, slaves: Mapping[str, SlaveTids], before_boot: Mapping[str, Tid]) -> None:
        """Load what an earlier run saved, and the TIDs from before this host was rebooted."""
        self._tids.update(slaves)
        self._before_boot.update(before_boot)

    def _all(self) -> tuple[dict[str, object], ...]:
        return (
            self._tids,  # type: ignore[return-value]
            self._spans,
            self._before_boot,
            self._file_systems,
            self._writable_at,
            self._loss_reasons,
        )
