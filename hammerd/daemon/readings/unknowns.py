"""What stands against the readings of ends: why a lag is not known, and why nothing is safe.

    unreadable   an end did not answer               lag unknown; safe stays what it was
    read-only    the slave's disk was lost           the same: what it says is in memory only
    unconfirmed  the master's TID went back          lag and safe unknown until it is confirmed
    latched      diverged, or a master once          lag unknown; safe stays what it was before
    unrelated    the ends are no mirror              nothing is safe
    strange      the slave was none of its master's  nothing is safe until it is one again
    gone         the PFS of the slave is not there   nothing is safe

Ends are known by what the operator wrote, pairs by their name.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid, format_tid


@dataclass(frozen=True, slots=True)
class WentBack:
    """An end's TID was `before` and is `after`, which is less; `because` explains it, if known."""

    before: Tid
    after: Tid
    because: str = ""


@dataclass(slots=True)
class Unknowns:
    """All doubts that there are now."""

    unreadable: dict[str, str] = field(default_factory=dict)
    unrelated: dict[str, str] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    unconfirmed: dict[str, WentBack] = field(default_factory=dict)
    latched: dict[str, str] = field(default_factory=dict)

    # --- what becomes of them ------------------------------------------------------------------

    def was_read(self, end: Endpoint) -> None:
        """Note that an end answered."""
        self.unreadable.pop(str(end), None)
        self.gone.discard(str(end))

    def related(self, pair: Pair, obstacle: str | None) -> None:
        """Note why the ends of a pair cannot be compared; None when they can.

        Also when they cannot be read any more; what was read last proves nothing even so.
        """
        if obstacle is not None:
            self.unrelated[pair.name] = obstacle
            self.strange.add(str(pair.slave))
            return
        self.unrelated.pop(pair.name, None)
        if not {str(pair.master), str(pair.slave)} & self.unreadable.keys():
            self.strange.discard(str(pair.slave))

    def replaced(self, end: Endpoint) -> None:
        """Note that another PFS is at the path of an end."""
        self.unconfirmed.pop(str(end), None)
        self.read_only.discard(str(end))

    def forget_all_but(self, ends: Collection[str]) -> None:
        """Forget ends that no pair has any more."""
        for known in (self.unreadable, self.unconfirmed):
            for gone in known.keys() - ends:
                del known[gone]
        for some in (self.strange, self.gone, self.read_only):
            some.intersection_update(ends)

    # --- what follows from them ------------------------------------------------------------------

    def is_nothing_safe(self, pair: Pair) -> bool:
        """Tell whether no moment of the master is safe on the slave."""
        slave = str(pair.slave)
        return pair.name in self.unrelated or slave in self.strange or slave in self.gone

    def why_unknown(self, pair: Pair) -> str | None:
        """Return why the lag of a pair is not known, None where nothing stands against it."""
        if obstacle := self.unrelated.get(pair.name) or self.latched.get(pair.name):
            return obstacle
        slave = str(pair.slave)
        if slave in self.gone:
            return f"slave {slave} is gone: {self.unreadable.get(slave, 'no PFS is there')}"
        for role, end in (("slave", slave), ("master", str(pair.master))):
            if because := self.unreadable.get(end):
                return f"{role} {end} cannot be read: {because}"
        if slave in self.read_only:
            return (
                f"slave {slave} is on a file system that is read-only: what it tells of itself"
                " need not be on its disk"
            )
        return None

    def why_unconfirmed(self, master: Endpoint) -> str | None:
        """Return that a master's TID went back, None where it did not or that is confirmed."""
        back = self.unconfirmed.get(str(master))
        if back is None:
            return None
        before, after = format_tid(back.before), format_tid(back.after)
        return f"master {master} went back from {before} to {after}: to be confirmed"
