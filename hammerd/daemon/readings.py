"""What was read of every end, and the lag that follows from it.

One tid clock for each master, the last TIDs of each slave, and what stands against them
(daemon/doubts.py). Ends are known by what the operator wrote; two pairs with the same master share
its clock.

What was last read of an end grows old when nobody reads it any more (its host is not asked, no
file descriptor is free), and after a while it proves nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hammerd.core.lag import UNKNOWN, Lag, LagVerdict, SlaveReading, blind, lag_of
from hammerd.core.master_sightings import REST_PROVES_S
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.read_spans import ReadSpan, heard
from hammerd.core.slave_tids import SlaveTids, as_of, flushed, moved
from hammerd.core.tid import Tid
from hammerd.core.tid_clock import FlushMark, TidClock, TidSample, last_held, record, record_flush
from hammerd.daemon.clock import Clock, Instant
from hammerd.daemon.doubts import Doubts, WentBack


@dataclass(frozen=True, slots=True)
class Patience:
    """How old the last reading of a master may be before the lag is unknown.

    `here_s`: an end on this machine, whose readings may have to wait for a disk that hangs.
    `remote_s`: a master on another host, of which only the stream tells.
    """

    here_s: float = 110.0
    remote_s: float = 90.0


def patience(sample_interval_s: float, sample_timeout_s: float) -> Patience:
    """Return how long to trust a reading, for samples so far apart."""
    unproven_after_s = 3 * sample_interval_s
    here_s = max(unproven_after_s, sample_interval_s + 2 * sample_timeout_s)
    remote_s = max(unproven_after_s, sample_interval_s + 2 * REST_PROVES_S)
    return Patience(here_s, remote_s)


_REBOOTED = "its host was rebooted: commits that no flush had followed were in memory only"
_REMOUNTED = "its file system was not mounted: commits that no flush had followed may be lost"
_DISK_LOST = "its file system had lost its disk: what it told then was in memory only"


class Readings:
    """The last readings of all ends."""

    def __init__(self, trusted_for: Patience | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock(time.monotonic)
        self.trusted_for = trusted_for or Patience()
        self._clocks: dict[str, TidClock] = {}
        self._slaves: dict[str, SlaveTids] = {}
        self._spans: dict[str, ReadSpan] = {}
        self._doubts = Doubts()
        # Masters that are masters themselves, and not the slave of another pair.
        self._origins: set[str] = set()
        # Until when masters on other hosts seem to hold their TIDs, for their streams rest.
        self._rested_at: dict[str, float] = {}
        self._before_boot: dict[str, Tid] = {}
        self._writable_at: dict[str, float] = {}
        self._last_known: dict[str, Lag] = {}

    # --- what was read -----------------------------------------------------------------------

    def master_read(
        self, master: Endpoint, tid: Tid, began: Instant, span: ReadSpan
    ) -> WentBack | None:
        """Record a master's TID, read at `began`; return from where it went back, if it did."""
        self._doubts.was_read(master)
        return self.master_seen(master, tid, began.at, span)

    def master_seen(
        self, master: Endpoint, tid: Tid, at: float, span: ReadSpan
    ) -> WentBack | None:
        """Record what a stream or a reading told of a master: that it held `tid` at `at`.

        Of two readings that overlap in time the one that began later may have read earlier: a
        lower TID in it proves nothing.
        """
        key, clock = _of_master(master), self.clock(master)
        last, newest = self._spans.get(key), clock.newest
        is_later = last is None or last.is_before(span)
        if newest and tid < newest.tid and not is_later:
            return None
        if is_later:
            self._doubts.unconfirmed.pop(str(master), None)
        recorded = record(clock, TidSample(tid, at))
        if recorded.clock is not clock:
            self._clocks[str(master)] = recorded.clock
            self._spans[key] = span
        if recorded.went_back_from is None:
            return None
        back = WentBack(recorded.went_back_from, tid)
        self._doubts.unconfirmed[str(master)] = back
        return back

    def master_rests(self, master: Endpoint, at: float) -> None:
        """Record that a master on another host seems to have held its TID until `at`.

        Its lag is told by that; nothing is safe by it, for a host that is cut off rests as well.
        """
        self._rested_at[str(master)] = at

    def has_role(self, master: Endpoint, *, is_master: bool) -> None:
        """Record whether a master is one itself, or the slave of another pair."""
        (self._origins.add if is_master else self._origins.discard)(str(master))

    def master_flushed(self, master: Endpoint, tid: Tid, began: Instant) -> None:
        """Record a flush of a master's file system that was asked for at `began` and completed.

        `tid` is what `hammer synctid` printed. It says nothing of a master that is the slave of
        another pair: the TIDs of such a PFS are those of another file system.
        """
        if str(master) in self._origins:
            mark = FlushMark(tid, began.at)
            self._clocks[str(master)] = record_flush(self.clock(master), mark)

    def slave_read(self, slave: Endpoint, tid: Tid, span: ReadSpan) -> WentBack | None:
        """Record a slave's TID; return from where it went back, if it did.

        A commit that was heard since the reading began is newer. What was in memory only is lost
        when the host or the file system goes down: that explains a TID that is less.
        """
        self._doubts.was_read(slave)
        key, known = _of_slave(slave), self._slaves.get(str(slave))
        last = self._spans.get(key)
        if str(slave) in self._doubts.read_only:
            return None
        if known is not None and known.reading.at > span.began_at:
            return None
        reading = SlaveReading(tid, span.began_at)
        self._slaves[str(slave)] = moved(known, reading, span.ended_at)
        self._spans[key] = span
        before = self._before_boot.pop(str(slave), None)
        because = self._doubts.remounted.pop(str(slave), "")
        if before is not None:
            return WentBack(before, tid, _REBOOTED) if tid < before else None
        is_later = last is None or last.is_before(span)
        if known is not None and tid < known.reading.tid and is_later:
            return WentBack(known.reading.tid, tid, because)
        return None

    def committed(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that the stream says it has set the slave to; heard late, it may be old."""
        known = self._slaves.get(str(slave))
        if str(slave) in self._doubts.read_only:
            return
        if known is None or known.reading.tid < tid:
            self._slaves[str(slave)] = moved(known, SlaveReading(tid, at), at)
            self._spans[_of_slave(slave)] = heard(at)

    def slave_flushed(self, slave: Endpoint, began_at: float) -> None:
        """Record a flush of a slave's file system that began at `began_at` and completed."""
        known = self._slaves.get(str(slave))
        if known is not None:
            self._slaves[str(slave)] = flushed(known, began_at)

    def read_only(self, slave: Endpoint, *, is_read_only: bool, began_at: float) -> None:
        """Record whether a slave's file system was read-only in a look that began at `began_at`.

        The kernel makes it so when it has lost the disk, and goes on to tell of TIDs that are in
        memory only (DRAGONFLY.md §3). What was told since the last look that found it writable
        is not believed.
        """
        key = str(slave)
        if not is_read_only:
            self._doubts.read_only.discard(key)
            self._writable_at[key] = began_at
        elif key not in self._doubts.read_only:
            self._doubts.read_only.add(key)
            self._doubts.remounted[key] = _DISK_LOST
            known, at = self._slaves.pop(key, None), self._writable_at.get(key)
            believed = known and at is not None and as_of(known, at)
            if believed:
                self._slaves[key] = believed

    def unread(self, end: Endpoint, because: str) -> bool:
        """Record that an end cannot be read now, and why; True when that is news."""
        key = str(end)
        is_news = self._doubts.unreadable.get(key) != because
        self._doubts.unreadable[key] = because
        return is_news

    def unmounted(self, slave: Endpoint) -> None:
        """Record that a slave's file system is not mounted: what was in memory may be lost."""
        self._doubts.remounted[str(slave)] = _REMOUNTED

    def gone(self, slave: Endpoint) -> None:
        """Record that the PFS of a slave is not there though its file system is mounted."""
        self._doubts.gone.add(str(slave))

    def is_unreadable(self, end: Endpoint) -> bool:
        """Tell whether the last attempt to read an end failed."""
        return str(end) in self._doubts.unreadable

    def related(self, pair: Pair, obstacle: str | None) -> None:
        """Record why the ends of a pair cannot be compared; None when they can."""
        self._doubts.related(pair, obstacle)

    def latched(self, pair: Pair, because: str | None) -> None:
        """Record that a pair's ends went different ways, and why; None when that is over."""
        if because is None:
            self._doubts.latched.pop(pair.name, None)
        else:
            self._doubts.latched[pair.name] = because

    def replaced(self, end: Endpoint) -> None:
        """Forget what was read of an end: another PFS is there now, with TIDs of its own."""
        # A flush that is under way was asked for of the other one.
        self._clocks[str(end)] = TidClock(restored_at=self._clock.now().at)
        self._slaves.pop(str(end), None)
        for known in (self._writable_at, self._rested_at, self._before_boot):
            known.pop(str(end), None)
        for key in (_of_master(end), _of_slave(end)):
            self._spans.pop(key, None)
        self._doubts.replaced(end)

    # --- what follows from it ----------------------------------------------------------------

    def lag(self, pair: Pair, now_at: float) -> Lag:
        """Return a pair's lag; unknown where why_unknown() has a reason."""
        if self._doubts.is_nothing_safe(pair):
            return UNKNOWN
        if pair.name in self._doubts.latched:
            return self._last_known.get(pair.name, UNKNOWN)
        is_unproven = self._is_unproven(pair, now_at)
        if str(pair.master) in self._doubts.unconfirmed:
            return replace(UNKNOWN, is_unproven=is_unproven)
        lag = self._lag(pair, now_at)
        if self._why_blind(pair, now_at):
            return replace(blind(lag, self.slave(pair.slave)), is_unproven=is_unproven)
        return lag

    def remember(self, pair: Pair, lag: Lag) -> None:
        """Keep what is safe on a slave, for when its master's history turns out another one."""
        if lag.verdict in (LagVerdict.IN_SYNC, LagVerdict.BEHIND):
            self._last_known[pair.name] = replace(
                UNKNOWN,
                measured_at=lag.measured_at,
                safe_at=lag.safe_at,
                durable_at=lag.durable_at,
            )

    def why_unknown(self, pair: Pair, now_at: float | None = None) -> str | None:
        """Return why a pair's lag is not known now, None when nothing stands against it."""
        now_at = self._clock.now().at if now_at is None else now_at
        if because := self._why_blind(pair, now_at):
            return because
        slave = self._slaves[str(pair.slave)].reading
        if self._lag(pair, now_at).verdict is LagVerdict.AHEAD:
            return f"slave {pair.slave} is ahead of master {pair.master}"
        if last_held(self.clock(pair.master), slave.tid) is None:
            return f"slave {pair.slave} holds no state yet that its master was seen in"
        return None

    def _lag(self, pair: Pair, now_at: float) -> Lag:
        known = self._slaves.get(str(pair.slave))
        read = self._spans.get(_of_slave(pair.slave))
        reread = self._spans.get(_of_master(pair.master))
        lag = lag_of(
            self.clock(pair.master),
            None if known is None else known.reading,
            now_at,
            is_master_later=read is None or reread is None or read.is_before(reread),
            durable_tid=None if known is None else known.durable_tid,
        )
        held_at = self._rested_at.get(str(pair.master))
        is_in_sync = lag.verdict is LagVerdict.IN_SYNC
        if known is None or held_at is None or not is_in_sync or held_at <= (lag.held_at or 0.0):
            return lag
        seconds, measured_at = max(0.0, now_at - held_at), min(held_at, known.reading.at)
        return replace(lag, seconds=seconds, held_at=held_at, measured_at=measured_at)

    def _why_blind(self, pair: Pair, now_at: float) -> str | None:
        if because := self._doubts.why_unknown(pair):
            return because
        newest, slave = self.clock(pair.master).newest, self.slave(pair.slave)
        if newest is None or newest.is_approximate:
            seen = "seen" if pair.master.is_remote else "read"
            return f"master {pair.master} was not {seen} yet"
        if slave is None:
            return f"slave {pair.slave} was not read yet"
        return self._why_unproven(pair, newest, slave, now_at)

    def _is_unproven(self, pair: Pair, now_at: float) -> bool:
        newest, slave = self.clock(pair.master).newest, self.slave(pair.slave)
        unread = self.is_unreadable(pair.master) or self.is_unreadable(pair.slave)
        if newest is None or newest.is_approximate or slave is None or unread:
            return False
        return self._why_unproven(pair, newest, slave, now_at) is not None

    def _why_unproven(
        self, pair: Pair, newest: TidSample, slave: SlaveReading, now_at: float
    ) -> str | None:
        if because := self._doubts.why_unconfirmed(pair.master):
            return because
        trusted = self.trusted_for
        seen_at = max(newest.at, self._rested_at.get(str(pair.master), newest.at))
        if now_at - seen_at > (trusted.remote_s if pair.master.is_remote else trusted.here_s):
            return f"master {pair.master} unseen since {self._clock.rfc3339(seen_at)}"
        # A slave on another host moves by our own stream only, which tells of each step.
        if not pair.slave.is_remote and now_at - slave.at > trusted.here_s:
            return f"slave {pair.slave} unseen since {self._clock.rfc3339(slave.at)}"
        return None

    def clock(self, master: Endpoint) -> TidClock:
        """Return a master's tid clock, an empty one before it was read."""
        return self._clocks.get(str(master), TidClock())

    def slave(self, slave: Endpoint) -> SlaveReading | None:
        """Return the last reading of a slave."""
        known = self._slaves.get(str(slave))
        return known.reading if known else None

    def forget_all_but(self, ends: Iterable[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        ends = tuple(ends)
        names = {str(end) for end in ends}
        roles = {role(end) for end in ends for role in (_of_master, _of_slave)}
        for known, kept in (
            (self._clocks, names),
            (self._slaves, names),
            (self._writable_at, names),
            (self._rested_at, names),
            (self._before_boot, names),
            (self._spans, roles),
        ):
            for gone in known.keys() - kept:
                del known[gone]
        self._origins &= names
        self._doubts.forget_all_but(names)

    # --- over the end of the daemon ----------------------------------------------------------

    def saved(self) -> tuple[dict[str, TidClock], dict[str, SlaveTids]]:
        """Return what is to be kept over the end of the daemon.

        A slave that is none, or is gone, is left out: what it holds would pass for safe.
        """
        left_out = self._doubts.strange | self._doubts.gone
        slaves = {end: tids for end, tids in self._slaves.items() if end not in left_out}
        return dict(self._clocks), slaves

    def load(
        self,
        clocks: Mapping[str, TidClock],
        slaves: Mapping[str, SlaveTids],
        before_boot: Mapping[str, Tid] | None = None,
    ) -> None:
        """Take over what an earlier run kept, on this run's time.

        `before_boot` are the TIDs of slaves before this host was rebooted.
        """
        self._clocks.update(clocks)
        self._slaves.update(slaves)
        self._before_boot.update(before_boot or {})


def _of_master(end: Endpoint) -> str:
    return f"master:{end}"


def _of_slave(end: Endpoint) -> str:
    return f"slave:{end}"
