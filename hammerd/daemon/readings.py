"""What was read of every end, and the lag that follows from it.

One tid clock for each master, one reading for each slave, and which ends cannot be read now. Ends
are known by what the operator wrote; two pairs with the same master share its clock.
"""

from collections.abc import Iterable, Mapping

from hammerd.core.lag import UNKNOWN, Lag, SlaveReading, blind, lag_of
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid
from hammerd.core.tid_clock import TidClock, TidSample, record
from hammerd.daemon.clock import Instant


class Readings:
    """The last readings of all ends."""

    def __init__(self) -> None:
        self._clocks: dict[str, TidClock] = {}
        self._slaves: dict[str, SlaveReading] = {}
        self._unreadable: dict[str, str] = {}
        self._unrelated: dict[str, str] = {}

    def master_read(self, master: Endpoint, tid: Tid, began: Instant) -> Tid | None:
        """Record a master's TID, read at `began`; return the TID it went back from, if it did."""
        key = str(master)
        self._unreadable.pop(key, None)
        recorded = record(self.clock(master), TidSample(tid, began.at, began.time))
        self._clocks[key] = recorded.clock
        return recorded.went_back_from

    def slave_read(self, slave: Endpoint, tid: Tid, began: Instant) -> None:
        """Record a slave's TID; a commit that was heard since the reading began is newer."""
        key = str(slave)
        self._unreadable.pop(key, None)
        known = self._slaves.get(key)
        if known is None or known.at <= began.at:
            self._slaves[key] = SlaveReading(tid, began.at)

    def committed(self, slave: Endpoint, tid: Tid, at: float) -> None:
        """Record a TID that the stream says it has set the slave to; heard late, it may be old."""
        known = self._slaves.get(str(slave))
        if known is None or known.tid < tid:
            self._slaves[str(slave)] = SlaveReading(tid, at)

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
        """Record why the ends of a pair cannot be compared; None when they can."""
        if obstacle is None:
            self._unrelated.pop(pair.name, None)
        else:
            self._unrelated[pair.name] = obstacle

    def lag(self, pair: Pair, now_at: float) -> Lag:
        """Return a pair's lag; unknown where why_unknown() has a reason."""
        lag = lag_of(self.clock(pair.master), self._slaves.get(str(pair.slave)), now_at)
        if pair.name in self._unrelated:
            return UNKNOWN
        return blind(lag) if self.why_unknown(pair) else lag

    def why_unknown(self, pair: Pair) -> str | None:
        """Return why a pair's lag is not known now, None when nothing stands against it."""
        if obstacle := self._unrelated.get(pair.name):
            return obstacle
        for role, end in (("slave", pair.slave), ("master", pair.master)):
            if because := self._unreadable.get(str(end)):
                return f"{role} {end} cannot be read: {because}"
        newest, slave = self.clock(pair.master).newest, self._slaves.get(str(pair.slave))
        if newest is None or newest.is_approximate:
            return f"master {pair.master} was not read yet"
        return f"slave {pair.slave} was not read yet" if slave is None else None

    def clock(self, master: Endpoint) -> TidClock:
        """Return a master's tid clock, an empty one before it was read."""
        return self._clocks.get(str(master), TidClock())

    def slave(self, slave: Endpoint) -> SlaveReading | None:
        """Return the last reading of a slave."""
        return self._slaves.get(str(slave))

    def forget_all_but(self, ends: Iterable[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        kept = {str(end) for end in ends}
        self._clocks = {key: clock for key, clock in self._clocks.items() if key in kept}
        self._slaves = {key: slave for key, slave in self._slaves.items() if key in kept}
        self._unreadable = {
            key: because for key, because in self._unreadable.items() if key in kept
        }

    # --- over the end of the daemon ----------------------------------------------------------

    def saved(self) -> tuple[dict[str, TidClock], dict[str, SlaveReading]]:
        """Return what is to be kept over the end of the daemon."""
        return dict(self._clocks), dict(self._slaves)

    def load(self, clocks: Mapping[str, TidClock], slaves: Mapping[str, SlaveReading]) -> None:
        """Take over what an earlier run kept, rebased onto this run's time."""
        self._clocks.update(clocks)
        self._slaves.update(slaves)
