"""What was read of every end, and the lag that follows from it.

One tid clock for each master, one reading for each slave, and which ends cannot be read now. Ends
are known by what the operator wrote; two pairs with the same master share its clock.

What was last read of an end grows old when nobody reads it any more (its host is not asked, no
file descriptor is free), and after a while it proves nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hammerd.core.lag import UNKNOWN, Lag, SlaveReading, blind, lag_of
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.read_spans import ReadSpan, heard
from hammerd.core.tid import Tid, format_tid
from hammerd.core.tid_clock import TidClock, TidSample, record
from hammerd.daemon.clock import Clock, Instant


@dataclass(frozen=True, slots=True)
class WentBack:
    """An end's TID was `before` and is `after`, which is less."""

    before: Tid
    after: Tid


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
    return Patience(here_s, unproven_after_s)


class Readings:
    """The last readings of all ends."""

    def __init__(self, trusted_for: Patience | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock(time.monotonic)
        self.trusted_for = trusted_for or Patience()
        self._clocks: dict[str, TidClock] = {}
        self._slaves: dict[str, SlaveReading] = {}
        self._spans: dict[str, ReadSpan] = {}
        self._unreadable: dict[str, str] = {}
        self._unrelated: dict[str, str] = {}
        # Slaves whose last reading was of a PFS that is no slave of their master.
        self._strange: set[str] = set()
        self._unconfirmed: dict[str, WentBack] = {}

    # --- what was read -----------------------------------------------------------------------

    def master_read(
        self, master: Endpoint, tid: Tid, began: Instant, span: ReadSpan
    ) -> WentBack | None:
        """Record a master's TID, read at `began`; return from where it went back, if it did.

        Of two readings that overlap in time the one that began later may have read earlier: a
        lower TID in it proves nothing.
        """
        key, clock = _of_master(master), self.clock(master)
        self._unreadable.pop(str(master), None)
        last, newest = self._spans.get(key), clock.newest
        is_later = last is None or last.is_before(span)
        if newest and tid < newest.tid and not is_later:
            return None
        if is_later:
            self._unconfirmed.pop(key, None)
        recorded = record(clock, TidSample(tid, began.at, began.time))
        if recorded.clock is not clock:
            self._clocks[str(master)] = recorded.clock
            self._spans[key] = span
        if recorded.went_back_from is None:
            return None
        self._unconfirmed[key] = WentBack(recorded.went_back_from, tid)
        return self._unconfirmed[key]

    def slave_read(self, slave: Endpoint, tid: Tid, span: ReadSpan) -> WentBack | None:
        """Record a slave's TID; return from where it went back, if it did.

        A commit that was heard since the reading began is newer.
        """
        self._unreadable.pop(str(slave), None)
        key, known = _of_slave(slave), self._slaves.get(str(slave))
        last = self._spans.get(key)
        if known is not None and known.at > span.began_at:
            return None
        self._slaves[str(slave)], self._spans[key] = SlaveReading(tid, span.began_at), span
        if known is not None and last is not None and tid < known.tid and last.is_before(span):
            return WentBack(known.tid, tid)
        return None

    def committed(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that the stream says it has set the slave to; heard late, it may be old."""
        known = self._slaves.get(str(slave))
        if known is None or known.tid < tid:
            self._slaves[str(slave)] = SlaveReading(tid, at)
            self._spans[_of_slave(slave)] = heard(at)

    def unread(self, end: Endpoint, because: str) -> bool:
        """Record that an end cannot be read now, and why; True when that is news."""
        key = str(end)
        is_news = self._unreadable.get(key) != because
        self._unreadable[key] = because
        return is_news

    def is_unreadable(self, end: Endpoint) -> bool:
        """Tell whether the last attempt to read an end failed."""
        return str(end) in self._unreadable

    def related(self, pair: Pair, obstacle: str | None) -> None:
        """Record why the ends of a pair cannot be compared; None when they can.

        Also when they cannot be read any more; what was read last proves nothing even so.
        """
        if obstacle is not None:
            self._unrelated[pair.name] = obstacle
            self._strange.add(str(pair.slave))
            return
        self._unrelated.pop(pair.name, None)
        if not (self.is_unreadable(pair.master) or self.is_unreadable(pair.slave)):
            self._strange.discard(str(pair.slave))

    def replaced(self, end: Endpoint) -> None:
        """Forget what was read of an end: another PFS is there now, with TIDs of its own."""
        for known in (self._clocks, self._slaves):
            known.pop(str(end), None)
        for key in (_of_master(end), _of_slave(end)):
            self._spans.pop(key, None)
            self._unconfirmed.pop(key, None)

    # --- what follows from it ----------------------------------------------------------------

    def lag(self, pair: Pair, now_at: float) -> Lag:
        """Return a pair's lag; unknown where why_unknown() has a reason."""
        master, slave = _of_master(pair.master), _of_slave(pair.slave)
        read, reread = self._spans.get(slave), self._spans.get(master)
        lag = lag_of(
            self.clock(pair.master),
            self._slaves.get(str(pair.slave)),
            now_at,
            is_master_later=read is None or reread is None or read.is_before(reread),
        )
        is_unproven = self._is_unproven(pair, now_at)
        if pair.name in self._unrelated or str(pair.slave) in self._strange:
            return UNKNOWN
        if master in self._unconfirmed:
            return replace(UNKNOWN, is_unproven=is_unproven)
        if self.why_unknown(pair, now_at):
            return replace(blind(lag), is_unproven=is_unproven)
        return lag

    def why_unknown(self, pair: Pair, now_at: float | None = None) -> str | None:
        """Return why a pair's lag is not known now, None when nothing stands against it."""
        now_at = self._clock.now().at if now_at is None else now_at
        if obstacle := self._unrelated.get(pair.name):
            return obstacle
        for role, end in (("slave", pair.slave), ("master", pair.master)):
            if because := self._unreadable.get(str(end)):
                return f"{role} {end} cannot be read: {because}"
        newest, slave = self.clock(pair.master).newest, self._slaves.get(str(pair.slave))
        if newest is None or newest.is_approximate:
            seen = "seen" if pair.master.is_remote else "read"
            return f"master {pair.master} was not {seen} yet"
        if slave is None:
            return f"slave {pair.slave} was not read yet"
        return self._why_unproven(pair, newest, slave, now_at)

    def _is_unproven(self, pair: Pair, now_at: float) -> bool:
        newest, slave = self.clock(pair.master).newest, self._slaves.get(str(pair.slave))
        unread = {str(pair.master), str(pair.slave)} & self._unreadable.keys()
        if newest is None or newest.is_approximate or slave is None or unread:
            return False
        return self._why_unproven(pair, newest, slave, now_at) is not None

    def _why_unproven(
        self, pair: Pair, newest: TidSample, slave: SlaveReading, now_at: float
    ) -> str | None:
        if back := self._unconfirmed.get(_of_master(pair.master)):
            before, after = format_tid(back.before), format_tid(back.after)
            return f"master {pair.master} went back from {before} to {after}: to be confirmed"
        trusted = self.trusted_for
        if now_at - newest.at > (trusted.remote_s if pair.master.is_remote else trusted.here_s):
            return f"master {pair.master} unseen since {self._clock.rfc3339(newest.at)}"
        # A slave on another host moves by our own stream only, which tells of each step.
        if not pair.slave.is_remote and now_at - slave.at > trusted.here_s:
            return f"slave {pair.slave} unseen since {self._clock.rfc3339(slave.at)}"
        return None

    def clock(self, master: Endpoint) -> TidClock:
        """Return a master's tid clock, an empty one before it was read."""
        return self._clocks.get(str(master), TidClock())

    def slave(self, slave: Endpoint) -> SlaveReading | None:
        """Return the last reading of a slave."""
        return self._slaves.get(str(slave))

    def forget_all_but(self, ends: Iterable[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        ends = tuple(ends)
        names = {str(end) for end in ends}
        roles = {role(end) for end in ends for role in (_of_master, _of_slave)}
        for known, kept in (
            (self._clocks, names),
            (self._slaves, names),
            (self._unreadable, names),
            (self._spans, roles),
            (self._unconfirmed, roles),
        ):
            for gone in known.keys() - kept:
                del known[gone]
        self._strange &= names

    # --- over the end of the daemon ----------------------------------------------------------

    def saved(self) -> tuple[dict[str, TidClock], dict[str, SlaveReading]]:
        """Return what is to be kept over the end of the daemon.

        A slave that is none is left out: what it holds would pass for safe.
        """
        slaves = {end: read for end, read in self._slaves.items() if end not in self._strange}
        return dict(self._clocks), slaves

    def load(self, clocks: Mapping[str, TidClock], slaves: Mapping[str, SlaveReading]) -> None:
        """Take over what an earlier run kept, rebased onto this run's time."""
        self._clocks.update(clocks)
        self._slaves.update(slaves)


def _of_master(end: Endpoint) -> str:
    return f"master:{end}"


def _of_slave(end: Endpoint) -> str:
    return f"slave:{end}"
