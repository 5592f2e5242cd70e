"""Tells which pair is to be verified next, and which must not be read now."""

from collections.abc import Callable, Iterable
from math import inf

from hammerd.core.pair.states import IdlePhase, PairLife, Streaming, Up
from hammerd.core.pairs import Gear, Pair

TimeOf = Callable[[Pair], float | None]
"""Returns the wall time at which a pair was verified or tried last, None for never."""


def is_at_rest(life: PairLife) -> bool:
    """Return whether a pair follows its master: it runs, and is neither held nor in bulk."""
    state, memory = life.state, life.memory
    if not isinstance(state, Streaming) or not isinstance(memory.wanted, Up) or memory.hold:
        return False
    return state.gear is Gear.FOLLOWING or isinstance(state.phase, IdlePhase)


def next_due(lives: Iterable[PairLife], time_of: TimeOf, now_time: float) -> Pair | None:
    """Return the pair that is due for the longest time, None if none is.

    A result whose time is still to come is of a clock that was wrong: its pair is due.
    """
    found: Pair | None = None
    longest_s = 0.0
    for life in lives:
        every_s = life.pair.timing.verify_every_s
        if every_s is None or not is_at_rest(life):
            continue
        time = time_of(life.pair)
        late_s = inf if time is None or time > now_time else now_time - time - every_s
        if late_s > longest_s:
            found, longest_s = life.pair, late_s
    return found


def is_any_due(pairs: Iterable[Pair]) -> bool:
    """Return whether any pair is verified by the daemon."""
    return any(pair.enabled and pair.timing.verify_every_s is not None for pair in pairs)
