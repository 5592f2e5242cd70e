"""Holds the last readings of all endpoints, and returns the lag that follows from them.

One tid clock for each master, the last TIDs of each slave, and the reasons why a lag is unknown
(daemon/readings/unknowns.py). Keys are endpoints as the operator wrote them; two pairs with the
same master share its clock.

A reading gets old when no new one follows (no stream of its host runs, no file descriptor is
free), and after a while it proves nothing.
"""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import inf

from hammerd.core.pair.latches import Latch
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication import tid_clock
from hammerd.core.replication.lag import (
    UNKNOWN,
    Lag,
    LagVerdict,
    SlaveReading,
    lag_of,
    lag_when_unreadable,
)
from hammerd.core.replication.master_inference import idle_proves_s
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.saved_moments import WALL_SLACK_S
from hammerd.core.replication.slave_tids import SlaveTids
from hammerd.core.tid import Tid
from hammerd.daemon.readings.known_slaves import KnownSlaves
from hammerd.daemon.readings.unknowns import Unknowns, WentBack
from hammerd.daemon.timing.clock import Clock, Instant

MOST_FLUSHES = 16
"""The flushes of a master that wait for a reading; more only if it is read ever more rarely."""


@dataclass(frozen=True, slots=True)
class MaxAges:
    """The age of the last reading of a master from which on the lag is unknown.

    `here_s`: an endpoint on this machine, whose readings may have to wait for a disk that hangs.
    `remote_s`: a master on another host, whose stream may be its only observer; `between_s` is
    the time between two looks at that stream.
    """

    here_s: float = 110.0
    remote_s: float = 90.0
    between_s: float = 30.0

    def of(self, pair: Pair) -> float:
        """Return the age for the master of a pair."""
        if pair.master.host.shares_paths:
            return self.here_s
        proves_s = idle_proves_s(pair)
        if proves_s == inf:
            return self.remote_s
        return max(self.remote_s, proves_s + 2 * self.between_s)


def max_ages(sample_interval_s: float, sample_timeout_s: float) -> MaxAges:
    """Return how long readings prove something, for this interval between samples."""
    unproven_after_s = 3 * sample_interval_s
    here_s = max(unproven_after_s, sample_interval_s + 2 * sample_timeout_s)
    return MaxAges(here_s, unproven_after_s, sample_interval_s)


class ReadingStore:
    """The last readings of all endpoints."""

    def __init__(self, max_ages: MaxAges | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock(time.monotonic)
        self.max_ages = max_ages or MaxAges()
        self._clocks: dict[str, tid_clock.TidClock] = {}
        self._spans: dict[str, ReadSpan] = {}
        # The last flushes of masters that no later reading has proved: their begins and ends.
        self._flushed: dict[str, deque[tuple[float, float]]] = {}
        self._unknowns = Unknowns()
        self.slaves = KnownSlaves(self._unknowns)
        # Masters that are not the slave of another pair.
        self._origins: set[str] = set()
        # The time until which a master on another host seems to hold its TID: its stream is idle.
        self._idle_at: dict[str, float] = {}
        self._last_known: dict[tuple[str, str], Lag] = {}
        # Whether the wall clock dated what an earlier boot saved, and how far it is ahead of ours.
        self._is_dated = False
        self._wall_ahead_s = 0.0

    # --- records -----------------------------------------------------------------------------

    def record_master_reading(
        self, master: Endpoint, tid: Tid, began: Instant, span: ReadSpan
    ) -> WentBack | None:
        """Record a master's TID, read at `began`; return both TIDs if it went back."""
        self._unknowns.record_readable(master)
        back = self.record_master_tid(master, tid, began.at, span)
        if back is None:
            self._mark_flush(master, tid, span)
        return back

    def record_master_tid(
        self, master: Endpoint, tid: Tid, at: float, span: ReadSpan
    ) -> WentBack | None:
        """Record that a master held `tid` at `at`, as a stream or a reading showed.

        Of two readings that overlap in time the one that began later may have read earlier: a
        lower TID in it proves nothing.
        """
        key, clock = str(master), self.clock(master)
        last, newest = self._spans.get(key), clock.newest
        is_later = last is None or last.is_before(span)
        if newest and tid < newest.tid and not is_later:
            return None
        if is_later:
            self._unknowns.unconfirmed.pop(str(master), None)
        recorded = tid_clock.record(clock, tid_clock.TidSample(tid, at))
        if recorded.clock is not clock:
            self._clocks[str(master)] = recorded.clock
            self._spans[key] = span
        if recorded.went_back_from is None:
            return None
        back = WentBack(recorded.went_back_from, tid)
        self._unknowns.unconfirmed[str(master)] = back
        return back

    def record_idle_master(self, master: Endpoint, at: float) -> None:
        """Record that a master on another host seems to have held its TID until `at`.

        Its lag follows from that, but nothing is safe by it: after a cut a stream is idle, too.
        """
        self._idle_at[str(master)] = at

    def set_role(self, master: Endpoint, *, is_master: bool) -> None:
        """Record whether a master is a master PFS, or the slave of another pair."""
        (self._origins.add if is_master else self._origins.discard)(str(master))

    def record_master_flush(self, master: Endpoint, began: Instant, ended: Instant) -> None:
        """Record a completed flush of a master's file system.

        The TID that a later reading shows holds all that was written before `began`; the one that
        synctid printed need not (docs/hammer.md 2.3). It proves nothing for a master that is the
        slave of another pair: the TIDs of such a PFS are those of another file system.
        """
        if str(master) in self._origins:
            flushed = self._flushed.setdefault(str(master), deque(maxlen=MOST_FLUSHES))
            flushed.append((began.at, ended.at))

    def _mark_flush(self, master: Endpoint, tid: Tid, span: ReadSpan) -> None:
        flushed = self._flushed.get(str(master), deque())
        while flushed and flushed[0][1] <= span.began_at:
            mark = tid_clock.FlushMark(tid, flushed.popleft()[0])
            self._clocks[str(master)] = tid_clock.record_flush(self.clock(master), mark)

    def record_unreadable(self, endpoint: Endpoint, because: str) -> bool:
        """Record why an endpoint cannot be read now; return whether the reason is new."""
        key = str(endpoint)
        self._unknowns.left_alone.pop(key, None)
        is_news = self._unknowns.unreadable.get(key) != because
        self._unknowns.unreadable[key] = because
        return is_news

    def record_left_alone(self, endpoint: Endpoint, holder: str) -> None:
        """Record that an endpoint is not read because a plan holds it."""
        self._unknowns.left_alone[str(endpoint)] = holder

    def is_unreadable(self, endpoint: Endpoint) -> bool:
        """Return whether the last attempt to read an endpoint failed."""
        return str(endpoint) in self._unknowns.unreadable

    def is_read_only(self, slave: Endpoint) -> bool:
        """Return whether the file system of a slave was read-only when its path was read last."""
        return str(slave) in self._unknowns.read_only

    def set_obstacle(self, pair: Pair, obstacle: str | None) -> None:
        """Record why the endpoints of a pair cannot be compared; None when they can."""
        self._unknowns.set_obstacle(pair, obstacle)

    def set_slave(self, slave: Endpoint) -> None:
        """Record that a slave without its turn is one of its master now."""
        self._unknowns.not_slaves.discard(str(slave))

    def set_latch(self, pair: Pair, latch: Latch | None) -> None:
        """Record that a pair's endpoints diverged; None when a person acknowledged that."""
        if latch is not None:
            self._unknowns.latched[pair.name] = latch.because
            if not latch.keeps_safe:
                self._unknowns.not_slaves.add(str(pair.slave))
        elif self._unknowns.latched.pop(pair.name, None) is not None:
            self.slaves.trust(pair.slave)

    def forget_pfs(self, endpoint: Endpoint) -> None:
        """Forget the readings of a PFS: another one is at its path, with TIDs of its own."""
        key = str(endpoint)
        # A flush that is under way was requested for the other PFS.
        self._clocks[key] = tid_clock.TidClock(restored_at=self._clock.now().at)
        self.slaves.forget_pfs(endpoint)
        self._idle_at.pop(key, None)
        self._spans.pop(key, None)
        self._last_known = {one: lag for one, lag in self._last_known.items() if one[1] != key}
        self._unknowns.forget_pfs(endpoint)

    # --- lag ---------------------------------------------------------------------------------

    def lag(self, pair: Pair, now_at: float) -> Lag:
        """Return a pair's lag; unknown where why_unknown() has a reason."""
        self._drop_misdated()
        if self._unknowns.is_nothing_safe(pair):
            return UNKNOWN
        if pair.name in self._unknowns.latched:
            return self._last_known.get(_key(pair), UNKNOWN)
        is_unproven = self._is_unproven(pair, now_at)
        if str(pair.master) in self._unknowns.unconfirmed:
            return replace(UNKNOWN, is_unproven=is_unproven)
        lag = self._lag(pair, now_at)
        if self.slaves.is_forked(pair.slave):
            last = self._last_known.get(_key(pair), UNKNOWN)
            lag = replace(lag, safe_at=last.safe_at, durable_at=last.durable_at)
        if self._why_unobserved(pair, now_at):
            return replace(
                lag_when_unreadable(lag, self.slave(pair.slave)), is_unproven=is_unproven
            )
        return lag

    def remember(self, pair: Pair, lag: Lag) -> None:
        """Store the safe instants of a slave, in case its master goes back later."""
        if self.slaves.is_forked(pair.slave):
            return
        if lag.verdict in (LagVerdict.IN_SYNC, LagVerdict.BEHIND):
            at, safe_at, durable_at = lag.measured_at, lag.safe_at, lag.durable_at
            last = replace(UNKNOWN, measured_at=at, safe_at=safe_at, durable_at=durable_at)
            self._last_known[_key(pair)] = last

    def why_unknown(self, pair: Pair, now_at: float | None = None) -> str | None:
        """Return why a pair's lag is unknown now, None without a reason."""
        now_at = self._clock.now().at if now_at is None else now_at
        if because := self._why_unobserved(pair, now_at):
            return because
        slave = self.slave(pair.slave)
        if self._lag(pair, now_at).verdict is LagVerdict.AHEAD:
            return f"slave {pair.slave} is ahead of master {pair.master}"
        if slave is None or tid_clock.last_held(self.clock(pair.master), slave.tid) is None:
            return f"slave {pair.slave} holds no state yet that its master was seen in"
        return None

    def why_unsafe(self, pair: Pair, lag: Lag) -> str | None:
        """Return why nothing is reported as safe on a slave, None where something is."""
        if lag.safe_at is not None:
            return None
        if because := self._why_unobserved(pair, self._clock.now().at):
            return because
        if self.slaves.is_forked(pair.slave):
            return (
                f"master {pair.master} went back: nothing newer is safe until it is acknowledged"
            )
        return f"no reading of master {pair.master} is as old as what slave {pair.slave} holds"

    def _drop_misdated(self) -> None:
        """Drop what an earlier boot saved once the wall clock that dated it is set forward.

        With it, moments would count as safe that are later than the real ones.
        """
        now = self._clock.now()
        ahead_s = now.time - now.at
        if self._is_dated and ahead_s > self._wall_ahead_s + WALL_SLACK_S:
            self._clocks = {
                key: tid_clock.drop_earlier_runs(clock) for key, clock in self._clocks.items()
            }
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
        held_at = self._idle_at.get(str(pair.master))
        is_in_sync = lag.verdict is LagVerdict.IN_SYNC
        if known is None or held_at is None or not is_in_sync or held_at <= (lag.held_at or 0.0):
            return lag
        seconds, measured_at = max(0.0, now_at - held_at), min(held_at, known.reading.at)
        return replace(lag, seconds=seconds, held_at=held_at, measured_at=measured_at)

    def _why_unobserved(self, pair: Pair, now_at: float) -> str | None:
        if because := self._unknowns.why_unknown(pair):
            return because
        newest, slave = self.clock(pair.master).newest, self.slave(pair.slave)
        if newest is None or newest.is_approximate:
            seen = "read" if pair.master.host.shares_paths else "seen"
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
        self, pair: Pair, newest: tid_clock.TidSample, slave: SlaveReading, now_at: float
    ) -> str | None:
        if because := self._unknowns.why_unconfirmed(pair.master):
            return because
        seen_at = max(newest.at, self._idle_at.get(str(pair.master), newest.at))
        if now_at - seen_at > self.max_ages.of(pair):
            return f"master {pair.master} unseen since {self._clock.rfc3339(seen_at)}"
        # Only our own stream moves a slave on another host, and it prints each step.
        if pair.slave.host.shares_paths and now_at - slave.at > self.max_ages.here_s:
            return f"slave {pair.slave} unseen since {self._clock.rfc3339(slave.at)}"
        return None

    def clock(self, master: Endpoint) -> tid_clock.TidClock:
        """Return a master's tid clock, an empty one before it was read."""
        return self._clocks.get(str(master), tid_clock.TidClock())

    def slave(self, slave: Endpoint) -> SlaveReading | None:
        """Return the last reading of a slave."""
        known = self.slaves.of(slave)
        return known.reading if known else None

    def forget(self, pair: str) -> None:
        """Forget a pair that was removed."""
        for known in (self._unknowns.unrelated, self._unknowns.latched):
            known.pop(pair, None)
        self._last_known = {key: lag for key, lag in self._last_known.items() if key[0] != pair}

    def forget_all_but(self, endpoints: Iterable[Endpoint]) -> None:
        """Forget endpoints that no pair has any more."""
        names = {str(one) for one in endpoints}
        for known in (self._clocks, self._idle_at, self._spans):
            for removed in known.keys() - names:
                del known[removed]
        self._origins &= names
        self.slaves.forget_all_but(names)
        self._unknowns.forget_all_but(names)

    # --- saved values -----------------------------------------------------------------------

    def saved(self) -> tuple[dict[str, tid_clock.TidClock], dict[str, SlaveTids]]:
        """Return the clocks and the slaves to be saved."""
        return dict(self._clocks), self.slaves.saved()

    def load(
        self,
        clocks: Mapping[str, tid_clock.TidClock],
        slaves: Mapping[str, SlaveTids],
        before_boot: Mapping[str, Tid] | None = None,
        *,
        is_dated: bool = False,
    ) -> None:
        """Load what an earlier run saved, with times of this run.

        `before_boot` are the TIDs of slaves before this host was rebooted; `is_dated`: its age is
        known by the wall clock only.
        """
        now = self._clock.now()
        self._is_dated, self._wall_ahead_s = is_dated, now.time - now.at
        self._clocks.update(clocks)
        self.slaves.load(slaves, before_boot or {})


def _key(pair: Pair) -> tuple[str, str]:
    """Return a key for what was known of a pair's slave: another slave of it has another one."""
    return pair.name, str(pair.slave)
