"""What holds a pair until a person resumes it, though no probe sees anything wrong any more.

    diverged      the slave's TID was ahead of its master's
    not_a_slave   the slave was a master, or moved by itself (core/replication/promotions.py)

A latch belongs to the ends that it was seen on: the ends of a changed config begin without one.
While a slave that was a master is held it is asked by no pfs-status: for a master the kernel
overwrites what a later downgrade stores (docs/hammer.md 1.7).
"""

from dataclasses import dataclass, replace

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair.states import Memory, PairLife, Parked
from hammerd.core.pairs import Pair
from hammerd.core.replication.promotions import Promotion, promotion_hint

# Once the master is past that TID a stream would run, and skip all that was written below it.
DIVERGED_HINT = (
    "the slave's TID is ahead of its master's, so what the master writes would be skipped: find"
    ' out which end is right, make the slave anew if it is not ("hammer pfs-destroy", then "hammer'
    ' pfs-slave" with the shared-uuid of the master), then run "hammerd resume"'
)


def latch_cause(memory: Memory) -> ParkCause | None:
    """Return why a pair is parked until it is resumed, None when nothing holds it."""
    if memory.promotion is not None:
        return ParkCause.NOT_A_SLAVE
    return ParkCause.DIVERGED if memory.is_diverged else None


def is_parked_latched(life: PairLife) -> bool:
    """Tell whether a pair is parked for a latch, so that no look can let it go on."""
    if not isinstance(life.state, Parked):
        return False
    return life.state.cause in (ParkCause.DIVERGED, latch_cause(life.memory))


def latch_hint(life: PairLife) -> str:
    """Say what was seen of a pair that is held, and what to do."""
    promotion = life.memory.promotion
    return promotion_hint(promotion, life.pair) if promotion else DIVERGED_HINT


def is_probe_forbidden(life: PairLife) -> bool:
    """Tell whether the slave of a pair must not be asked by pfs-status."""
    return life.memory.promotion is not None


def latch_diverged(memory: Memory, pair: Pair) -> Memory:
    """Hold a pair whose slave is ahead of its master."""
    return replace(memory, is_diverged=True, latched_endpoints=_ends(pair))


def latch_promoted(memory: Memory, pair: Pair, promotion: Promotion) -> Memory:
    """Hold a pair whose slave was a master; what was noticed first is kept."""
    if memory.promotion is not None:
        return memory
    return replace(memory, promotion=promotion, latched_endpoints=_ends(pair))


def lift_latches(memory: Memory) -> Memory:
    """Let a pair go on."""
    return replace(memory, is_diverged=False, promotion=None, latched_endpoints=None)


def fit_latches(memory: Memory, pair: Pair) -> Memory:
    """Return what a pair remembers that has these ends now.

    A latch that does not tell its ends, from an older file, holds whatever they are.
    """
    if memory.latched_endpoints is None:
        return memory
    master, slave = memory.latched_endpoints
    if slave != str(pair.slave):
        return lift_latches(memory)
    return memory if master == str(pair.master) else replace(memory, is_diverged=False)


def _ends(pair: Pair) -> tuple[str, str]:
    return str(pair.master), str(pair.slave)


@dataclass(frozen=True, slots=True)
class Latch:
    """Why nothing counts that is read of a pair now.

    `keeps_safe`: what was safe before still is; others may have written to what was a master.
    """

    because: str
    keeps_safe: bool


def active_latch(life: PairLife) -> Latch | None:
    """Return what is latched of a pair, None where nothing is."""
    slave = life.pair.slave
    if life.memory.promotion is not None:
        return Latch(f"slave {slave} is a master, or was one", keeps_safe=False)
    if life.memory.is_diverged:
        because = f"slave {slave} went another way than its master: diverged"
        return Latch(because, keeps_safe=True)
    return None
