"""Why the ends of a pair went different ways, as long as a person has not said that it is over."""

from dataclasses import dataclass

from hammerd.core.pair.states import PairLife


@dataclass(frozen=True, slots=True)
class Latch:
    """Why nothing counts that is read of a pair now.

    `keeps_safe`: what was safe before still is; others may have written to what was a master.
    """

    because: str
    keeps_safe: bool


def latch_of(life: PairLife) -> Latch | None:
    """Return what is latched of a pair, None where nothing is."""
    slave = life.pair.slave
    if life.memory.promotion is not None:
        return Latch(f"slave {slave} is a master, or was one", keeps_safe=False)
    if life.memory.is_diverged:
        because = f"slave {slave} went another way than its master: diverged"
        return Latch(because, keeps_safe=True)
    return None
