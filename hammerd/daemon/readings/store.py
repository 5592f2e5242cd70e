"""What was read of every end, and the lag that follows from it.

One tid clock for each master, the last TIDs of each slave, and what stands against them
(daemon/readings/unknowns.py). Endpoints are known by what the operator wrote; two pairs with the
same master share its clock.

What was last read of an end grows old when nobody reads it any more (its host is not asked, no
file descriptor is free), and after a while it proves nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hammerd.core.pair.latches import Latch
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import (
    UNKNOWN,
    Lag,
    LagVerdict,
    SlaveReading,
    lag_of,
    lag_when_unreadable,
)
from hammerd.core.replication.master_inference import IDLE_PROVES_S
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.saved_moments import WALL_SLACK_S
from hammerd.core.replication.slave_tids import SlaveTids
from hammerd.core.replication.tid_clock import (
    FlushMark,
    TidClock,
    TidSample,
    drop_earlier_runs,
    last_held,
    record,
    record_flush,
)
from hammerd.core.tid import Tid
from hammerd.daemon.readings.known_slaves import KnownSlaves
from hammerd.daemon.readings.unknowns import Unknowns, WentBack
from hammerd.daemon.timing.clock import Clock, Instant


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
    remote_s = max(unproven_after_s, sample_interval_s + 2 * IDLE_PROVES_S)
    return Patience(here_s, remote_s)


class ReadingStore:
    """The last readings of all ends."""

    def __init__(self, trusted_for: Patience | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock(time.monotonic)
        self.trusted_for = trusted_for or Patience()
        self._clocks: dict[str, TidClock] = {}
        self._spans: dict[str, ReadSpan] = {}
        self._doubts = Unknowns()
        self.slaves = KnownSlaves(self._doubts)
        # Masters that are masters themselves, and not the slave of another pair.
        self._origins: set[str] = set()
        # Until when masters on other hosts seem to hold their TIDs, for their streams rest.
        self._rested_at: dict[str, float] = {}
        self._last_known: dict[str, Lag] = {}
        # Whether the wall clock dated what an earlier boot kept, and how far it is ahead of ours.
        self._is_dated = False
        self._wall_ahead_s = 0.0

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
        key, clock = str(master), self.clock(master)
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
        """Record a slave's TID; return from where it went back, if it did."""
        return self.slaves.read(slave, tid, span)

    def committed(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that the stream says it has set the slave to."""
        self.slaves.committed(slave, tid, at)

    def slave_flushed(self, slave: Endpoint, began_at: float) -> None:
        """Record a flush of a slave's file system that began at `began_at` and completed."""
        self.slaves.flushed(slave, began_at)

    def unread(self, end: Endpoint, because: str) -> bool:
        """Record that an end cannot be read now, and why; True when that is news."""
        key = str(end)
        is_news = self._doubts.unreadable.get(key) != because
        self._doubts.unreadable[key] = because
        return is_news

    def is_unreadable(self, end: Endpoint) -> bool:
        """Tell whether the last attempt to read an end failed."""
        return str(end) in self._doubts.unreadable

    def is_read_only(self, slave: Endpoint) -> bool:
        """Tell whether the file system of a slave takes no writes, as its last look told."""
        return str(slave) in self._doubts.read_only

    def related(self, pair: Pair, obstacle: str | None) -> None:
        """Record why the ends of a pair cannot be compared; None when they can."""
        self._doubts.related(pair, obstacle)

    def latched(self, pair: Pair, latch: Latch | None) -> None:
        """Record that a pair's ends went different ways; None when a person says it is over."""
        if latch is not None:
            self._doubts.latched[pair.name] = latch.because
            if not latch.keeps_safe:
                self._doubts.strange.add(str(pair.slave))
        elif self._doubts.latched.pop(pair.name, None) is not None:
            self.slaves.trusted(pair.slave)

    def replaced(self, end: Endpoint) -> None:
        """Forget what was read of an end: another PFS is there now, with TIDs of its own."""
        # A flush that is under way was asked for of the other one.
        self._clocks[str(end)] = TidClock(restored_at=self._clock.now().at)
        self.slaves.replaced(end)
        self._rested_at.pop(str(end), None)
        self._spans.pop(str(end), None)
        self._doubts.replaced(end)

    # --- what follows from it ----------------------------------------------------------------

    def lag(self, pair: Pair, now_at: float) -> Lag:
        """Return a pair's lag; unknown where why_unknown() has a reason."""
        self._heed_steps()
        if self._doubts.is_nothing_safe(pair):
            return UNKNOWN
        if pair.name in self._doubts.latched:
            return self._last_known.get(pair.name, UNKNOWN)
        is_unproven = self._is_unproven(pair, now_at)
        if str(pair.master) in self._doubts.unconfirmed:
            return replace(UNKNOWN, is_unproven=is_unproven)
        lag = self._lag(pair, now_at)
        if self.slaves.is_forked(pair.slave):
            kept = self._last_known.get(pair.name, UNKNOWN)
            lag = replace(lag, safe_at=kept.safe_at, durable_at=kept.durable_at)
        if self._why_blind(pair, now_at):
            return replace(
                lag_when_unreadable(lag, self.slave(pair.slave)), is_unproven=is_unproven
            )
        return lag

    def remember(self, pair: Pair, lag: Lag) -> None:
        """Keep what is safe on a slave, for when its master's history turns out another one."""
        if self.slaves.is_forked(pair.slave):
            return
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
        slave = self.slave(pair.slave)
        if self._lag(pair, now_at).verdict is LagVerdict.AHEAD:
            return f"slave {pair.slave} is ahead of master {pair.master}"
        if slave is None or last_held(self.clock(pair.master), slave.tid) is None:
            return f"slave {pair.slave} holds no state yet that its master was seen in"
        return None

    def why_unsafe(self, pair: Pair, lag: Lag) -> str | None:
        """Return why nothing is told as safe on a slave, None where something is."""
        if lag.safe_at is not None:
            return None
        if because := self._why_blind(pair, self._clock.now().at):
            return because
        if self.slaves.is_forked(pair.slave):
            return (
                f"master {pair.master} went back: nothing newer is safe until it is acknowledged"
            )
        return f"no reading of master {pair.master} is as old as what slave {pair.slave} holds"

    def _heed_steps(self) -> None:
        """Leave out what an earlier boot kept once the wall clock that dated it was behind.

        Set forward, it would tell moments as safe that are later than they were.
        """
        now = self._clock.now()
        ahead_s = now.time - now.at
        if self._is_dated and ahead_s > self._wall_ahead_s + WALL_SLACK_S:
            self._clocks = {end: drop_earlier_runs(clock) for end, clock in self._clocks.items()}
            self._is_dated = False
        self._wall_ahead_s = ahead_s

    def _lag(self, pair: Pair, now_at: float) -> Lag:
        known = self.slaves.of(pair.slave)
        read = self.slaves.span(pair.slave)
        reread = self._spans.get(str(pair.master))
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
        known = self.slaves.of(slave)
        return known.reading if known else None

    def forget(self, pair: str) -> None:
        """Forget a pair that is gone."""
        for known in (self._last_known, self._doubts.unrelated, self._doubts.latched):
            known.pop(pair, None)

    def forget_all_but(self, ends: Iterable[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        names = {str(end) for end in ends}
        for known in (self._clocks, self._rested_at, self._spans):
            for gone in known.keys() - names:
                del known[gone]
        self._origins &= names
        self.slaves.forget_all_but(names)
        self._doubts.forget_all_but(names)

    # --- over the end of the daemon ----------------------------------------------------------

    def saved(self) -> tuple[dict[str, TidClock], dict[str, SlaveTids]]:
        """Return what is to be kept over the end of the daemon."""
        return dict(self._clocks), self.slaves.saved()

    def load(
        self,
        clocks: Mapping[str, TidClock],
        slaves: Mapping[str, SlaveTids],
        before_boot: Mapping[str, Tid] | None = None,
        *,
        is_dated: bool = False,
    ) -> None:
        """Take over what an earlier run kept, on this run's time.

        `before_boot` are the TIDs of slaves before this host was rebooted; `is_dated`: only the
        wall clock told how old it is.
        """
        now = self._clock.now()
        self._is_dated, self._wall_ahead_s = is_dated, now.time - now.at
        self._clocks.update(clocks)
        self.slaves.load(slaves, before_boot or {})
