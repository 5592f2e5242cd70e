"""What is known of the slaves: their TIDs, and what may have been in memory only.

A commit is in memory first (docs/hammer.md 2.4, 2.6). It is lost with the power of the slave's
host; a file system that has lost its disk goes on to tell of it; and one that was not mounted may
come back without it. Slaves are known by what the operator wrote.
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

    def __init__(self, doubts: Unknowns) -> None:
        self._doubts = doubts
        self._tids: dict[str, SlaveTids] = {}
        self._spans: dict[str, ReadSpan] = {}
        self._before_boot: dict[str, Tid] = {}
        self._homes: dict[str, int] = {}
        self._writable_at: dict[str, float] = {}
        # Why a slave that was away may come back with less.
        self._remounted: dict[str, str] = {}
        self._ahead: set[str] = set()

    def of(self, slave: Endpoint) -> SlaveTids | None:
        """Return what is known of a slave."""
        return self._tids.get(str(slave))

    def span(self, slave: Endpoint) -> ReadSpan | None:
        """Return when a slave was read last, or heard of."""
        return self._spans.get(str(slave))

    # --- where its TID is ------------------------------------------------------------------------

    def read(self, slave: Endpoint, tid: Tid, span: ReadSpan) -> WentBack | None:
        """Record a slave's TID; return from where it went back, if it did.

        A commit that was heard since the reading began is newer. What was in memory only is lost
        when the host or the file system goes down: that explains a TID that is less.
        """
        self._doubts.was_read(slave)
        key, known = str(slave), self._tids.get(str(slave))
        last = self._spans.get(key)
        if key in self._doubts.read_only:
            return None
        if known is not None and known.reading.at > span.began_at:
            return None
        self._tids[key] = record_reading(known, SlaveReading(tid, span.began_at), span.ended_at)
        self._spans[key] = span
        before, because = self._before_boot.pop(key, None), self._remounted.pop(key, "")
        if before is not None:
            return WentBack(before, tid, _REBOOTED) if tid < before else None
        is_later = last is None or last.is_before(span)
        if known is not None and tid < known.reading.tid and is_later:
            return WentBack(known.reading.tid, tid, because)
        return None

    def committed(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that the stream says it has set the slave to; heard late, it may be old."""
        key, known = str(slave), self._tids.get(str(slave))
        if key in self._doubts.read_only:
            return
        if known is None or known.reading.tid < tid:
            self._tids[key] = record_reading(known, SlaveReading(tid, at), at)
            self._spans[key] = span_of_message(at)

    def begun_at(self, slave: Endpoint, begin: Tid, at: float) -> WentBack | None:
        """Record that a batch began at `begin`, so that the slave had no TID from there on.

        It is all that tells of a slave on another host whose power was cut.
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

    def flushed(self, slave: Endpoint, began_at: float) -> None:
        """Record a flush of a slave's file system that began at `began_at` and completed.

        One that has lost its disk completes as well, and writes nothing.
        """
        key, known = str(slave), self._tids.get(str(slave))
        if known is not None and key not in self._doubts.read_only:
            self._tids[key] = record_slave_flush(known, began_at)

    # --- whether it is there ---------------------------------------------------------------------

    def read_only(self, slave: Endpoint, *, is_read_only: bool, began_at: float) -> None:
        """Record whether a slave's file system was read-only in a look that began at `began_at`.

        The kernel makes it so when it has lost the disk, and goes on to tell of TIDs that are in
        memory only. What was told since the last look that found it writable is not believed.
        """
        key = str(slave)
        if not is_read_only:
            self._doubts.read_only.discard(key)
            self._writable_at[key] = began_at
        elif key not in self._doubts.read_only:
            self._doubts.read_only.add(key)
            self._remounted[key] = _DISK_LOST
            known, at = self._tids.pop(key, None), self._writable_at.get(key)
            believed = None if known is None or at is None else known_at(known, at)
            if believed is not None:
                self._tids[key] = believed

    def lives_on(self, slave: Endpoint, where: int | None) -> None:
        """Record on which file system a slave was found."""
        if where is not None:
            self._homes[str(slave)] = where

    def missing(self, slave: Endpoint, where: int | None, *, is_untranslated: bool) -> None:
        """Record that the PFS of a slave is not at its path, which is on the file system `where`.

        `is_untranslated`: its softlink is there, and the kernel knows no such PFS. Otherwise it is
        gone where its file system is mounted; where nobody knows which one that was, too: what
        may be gone is not safe.
        """
        key = str(slave)
        is_at_home = where is not None and where == self._homes.get(key, where)
        if is_untranslated or is_at_home:
            self._doubts.gone.add(key)
        else:
            self._doubts.gone.discard(key)
            self._remounted[key] = _REMOUNTED

    def replaced(self, slave: Endpoint) -> None:
        """Forget a slave: another PFS is at its path."""
        for known in self._all():
            known.pop(str(slave), None)
        self._ahead.discard(str(slave))

    # --- whether it is its master's ------------------------------------------------------------

    def forked(self, slave: Endpoint, master_tid: Tid) -> None:
        """Record that a master went back to `master_tid`, below what its slave may hold of it.

        From then on a TID may name one write on the slave and another one on the master. Nothing
        newer is safe until the slave is made anew, or a person says that it is trusted.
        """
        known = self._tids.get(str(slave))
        if known is None or known.reading.tid <= NEVER_MIRRORED:
            return
        self._tids[str(slave)] = replace(known, is_forked=True)
        if known.reading.tid > master_tid:
            self._ahead.add(str(slave))

    def was_ahead(self, slave: Endpoint) -> bool:
        """Tell whether a slave held what its master had lost, though it may have overtaken it."""
        return str(slave) in self._ahead

    def trusted(self, slave: Endpoint) -> None:
        """Record that a person takes a slave for one of its master, which went back."""
        self._ahead.discard(str(slave))
        known = self._tids.get(str(slave))
        if known is not None:
            self._tids[str(slave)] = replace(known, is_forked=False)

    def acknowledged(self, slave: Endpoint) -> None:
        """Record that a person has seen what happened to a slave's master.

        That says that the slave belongs to it, but not that it may hold what the master lost.
        """
        if str(slave) not in self._ahead:
            self.trusted(slave)

    def is_forked(self, slave: Endpoint) -> bool:
        """Tell whether a slave may hold what its master has no more."""
        known = self._tids.get(str(slave))
        return known is not None and known.is_forked

    # --- all of them ---------------------------------------------------------------------------

    def forget_all_but(self, ends: Collection[str]) -> None:
        """Forget slaves that no pair has any more."""
        for known in self._all():
            for gone in known.keys() - ends:
                del known[gone]
        self._ahead &= set(ends)

    def saved(self) -> dict[str, SlaveTids]:
        """Return what is to be kept over the end of the daemon.

        A slave that is none, or is gone, is left out: what it holds would pass for safe.
        """
        left_out = self._doubts.strange | self._doubts.gone
        return {end: tids for end, tids in self._tids.items() if end not in left_out}

    def load(self, slaves: Mapping[str, SlaveTids], before_boot: Mapping[str, Tid]) -> None:
        """Take over what an earlier run kept, and TIDs of before this host was rebooted."""
        self._tids.update(slaves)
        self._before_boot.update(before_boot)

    def _all(self) -> tuple[dict[str, object], ...]:
        return (
            self._tids,  # type: ignore[return-value]
            self._spans,
            self._before_boot,
            self._homes,
            self._writable_at,
            self._remounted,
        )
