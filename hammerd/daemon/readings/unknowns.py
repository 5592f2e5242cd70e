"""Holds the reasons why the lag of a pair is unknown, or nothing on its slave is safe.

    unreadable   an endpoint was not read            lag unknown; safe stays what it was
    read-only    the slave's disk was lost           the same: its new TIDs are in memory only
    unconfirmed  the master's TID went back          lag and safe unknown until it is confirmed
    left alone   a plan holds the endpoint           the same, once its last reading is old
    latched      diverged, or a master once          lag unknown; safe stays what it was before
    unrelated    the endpoints are no mirror         nothing is safe
    not a slave  the slave was not of its master     nothing is safe until it is again
    missing      the PFS of the slave is missing     nothing is safe

Keys are endpoints as the operator wrote them, and names of pairs.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid, format_tid


@dataclass(frozen=True, slots=True)
class WentBack:
    """An endpoint's TID went from `before` to `after`, which is less; `because` if known."""

    before: Tid
    after: Tid
    because: str = ""


@dataclass(slots=True)
class Unknowns:
    """The reasons that hold now."""

    unreadable: dict[str, str] = field(default_factory=dict)
    left_alone: dict[str, str] = field(default_factory=dict)
    unrelated: dict[str, str] = field(default_factory=dict)
    not_slaves: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    unconfirmed: dict[str, WentBack] = field(default_factory=dict)
    latched: dict[str, str] = field(default_factory=dict)

    def record_readable(self, endpoint: Endpoint) -> None:
        """Record that an endpoint was read."""
        self.unreadable.pop(str(endpoint), None)
        self.left_alone.pop(str(endpoint), None)
        self.missing.discard(str(endpoint))

    def set_obstacle(self, pair: Pair, obstacle: str | None) -> None:
        """Record why the endpoints of a pair cannot be compared; None when they can.

        None as well when they cannot be read any more; even so the last readings prove nothing.
        """
        if obstacle is not None:
            self.unrelated[pair.name] = obstacle
            self.not_slaves.add(str(pair.slave))
            return
        self.unrelated.pop(pair.name, None)
        if not {str(pair.master), str(pair.slave)} & self.unreadable.keys():
            self.not_slaves.discard(str(pair.slave))

    def forget_pfs(self, endpoint: Endpoint) -> None:
        """Forget the reasons of a PFS: another one is at its path."""
        self.unconfirmed.pop(str(endpoint), None)
        self.read_only.discard(str(endpoint))

    def forget_all_but(self, endpoints: Collection[str]) -> None:
        """Forget endpoints that no pair has any more."""
        for known in (self.unreadable, self.left_alone, self.unconfirmed):
            for removed in known.keys() - endpoints:
                del known[removed]
        for some in (self.not_slaves, self.missing, self.read_only):
            some.intersection_update(endpoints)

    def is_nothing_safe(self, pair: Pair) -> bool:
        """Return whether no moment of the master is safe on the slave."""
        slave = str(pair.slave)
        return pair.name in self.unrelated or slave in self.not_slaves or slave in self.missing

    def why_unknown(self, pair: Pair) -> str | None:
        """Return why the lag of a pair is unknown, None without a reason."""
        if obstacle := self.unrelated.get(pair.name) or self.latched.get(pair.name):
            return obstacle
        slave = str(pair.slave)
        if slave in self.missing:
            return f"slave {slave} is gone: {self.unreadable.get(slave, 'no PFS is there')}"
        for role, key in (("slave", slave), ("master", str(pair.master))):
            if holder := self.left_alone.get(key):
                return f"{role} {key} is left alone: held by {holder}"
            if because := self.unreadable.get(key):
                return f"{role} {key} cannot be read: {because}"
        if slave in self.read_only:
            return (
                f"slave {slave} is on a file system that is read-only: what it tells of itself"
                " need not be on its disk"
            )
        return None

    def why_unconfirmed(self, master: Endpoint) -> str | None:
        """Return that a master's TID went back, None if it did not, or if that is confirmed."""
        back = self.unconfirmed.get(str(master))
        if back is None:
            return None
        before, after = format_tid(back.before), format_tid(back.after)
        return f"master {master} went back from {before} to {after}: to be confirmed"
