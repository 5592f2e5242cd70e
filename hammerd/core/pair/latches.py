"""Sets, reads and lifts latches: they keep a pair parked until a person resumes it.

    diverged      the slave's TID was ahead of its master's
    not_a_slave   the slave was a master, or moved by itself (core/replication/promotions.py)

A latch stays though later probes find nothing wrong. It belongs to its endpoints: the endpoints
of a changed config begin without one. A latched slave that was a master gets no pfs-status, which
would overwrite its stored TID (docs/hammer.md 1.7).
"""

from dataclasses import dataclass, replace

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.holds import HoldStage
from hammerd.core.pair.states import Memory, PairLife, Parked
from hammerd.core.pairs import Pair, slaves_of
from hammerd.core.replication.promotions import Promotion, promotion_hint


def diverged_hint(pair: Pair) -> str:
    """Return what a slave ahead of its master means, and what to do.

    Once the master has passed that TID, a stream would run and skip all that was written below it.
    """
    name = pair.name
    return (
        "the slave's TID is ahead of its master's, so what the master writes would be skipped."
        f' Find out which end is right. If it is the master, "hammerd reseed {name}" makes a fresh'
        f' slave. "hammerd resume {name}" tries again as it is'
    )


def latch_cause(memory: Memory) -> ParkCause | None:
    """Return the cause to park that a latch holds, None without a latch."""
    if memory.promotion is not None:
        return ParkCause.NOT_A_SLAVE
    return ParkCause.DIVERGED if memory.is_diverged else None


def is_parked_latched(life: PairLife) -> bool:
    """Return whether a pair is parked by a latch, so that no probe ends it."""
    if not isinstance(life.state, Parked):
        return False
    return life.state.cause in (ParkCause.DIVERGED, latch_cause(life.memory))


def latch_hint(life: PairLife) -> str:
    """Return a hint that names the reason of a latch, and the way to lift it."""
    promotion = life.memory.promotion
    return promotion_hint(promotion, life.pair) if promotion else diverged_hint(life.pair)


def is_probe_forbidden(life: PairLife) -> bool:
    """Return whether a latch forbids to read the slave by pfs-status."""
    return life.memory.promotion is not None


def latch_diverged(memory: Memory, pair: Pair) -> Memory:
    """Latch a pair whose slave is ahead of its master."""
    return replace(memory, is_diverged=True, latched_endpoints=_endpoints(pair))


def latch_promoted(memory: Memory, pair: Pair, promotion: Promotion) -> Memory:
    """Latch a pair whose slave was a master; the first sign of it stays."""
    if memory.promotion is not None:
        return memory
    return replace(memory, promotion=promotion, latched_endpoints=_endpoints(pair))


def lift_latches(memory: Memory) -> Memory:
    """Remove all latches."""
    return replace(memory, is_diverged=False, promotion=None, latched_endpoints=None)


def fit_latches(memory: Memory, pair: Pair) -> Memory:
    """Remove the latches that were set for other endpoints than the pair has now.

    A latch without endpoints, from an older file, fits any. Of slaves that take turns any may have
    the latch of the pair.
    """
    if memory.latched_endpoints is None:
        return memory
    master, slave = memory.latched_endpoints
    if slave not in map(str, slaves_of(pair)):
        return lift_latches(memory)
    return memory if master == str(pair.master) else replace(memory, is_diverged=False)


def with_latched_slave(pair: Pair, memory: Memory) -> Pair:
    """Return a pair whose slave is the one of its latch, if its slaves take turns."""
    if memory.latched_endpoints is None:
        return pair
    _, latched = memory.latched_endpoints
    slave = next((one for one in slaves_of(pair) if str(one) == latched), pair.slave)
    return replace(pair, slave=slave)


def _endpoints(pair: Pair) -> tuple[str, str]:
    return str(pair.master), str(pair.slave)


@dataclass(frozen=True, slots=True)
class Latch:
    """The reason why readings of a pair do not count now.

    `keeps_safe`: data that was safe before still is; others may have written to a former master.
    """

    because: str
    keeps_safe: bool


def active_latch(life: PairLife) -> Latch | None:
    """Return the latch or the hold of a pair, None without one."""
    slave, hold = life.pair.slave, life.memory.hold
    if hold is not None and hold.stage is HoldStage.PROMOTED:
        return Latch(f"slave {slave} was promoted: the pair is not mirrored", keeps_safe=False)
    if life.memory.promotion is not None:
        return Latch(f"slave {slave} is a master, or was one", keeps_safe=False)
    if life.memory.is_diverged:
        because = f"slave {slave} went another way than its master: diverged"
        return Latch(because, keeps_safe=True)
    if hold is not None:
        return Latch(f"both ends are left alone: held by {hold.owner}", keeps_safe=True)
    return None
