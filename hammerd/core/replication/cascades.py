"""Cascades: how far is the end of A ─→ B ─→ C behind A?

A pair whose master is another pair's slave hangs below it; the lags along the way add up. What
cannot be followed without doubt (a cycle, a slave of two pairs) is no cascade.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import Lag


@dataclass(frozen=True, slots=True)
class CascadeLag:
    """How far a slave is behind the first master of its cascade.

    `seconds` is the sum of all lags on the way; None while one of them is unknown. `pairs` are the
    pairs on the way, the first master's first.
    """

    origin: Endpoint
    pairs: tuple[str, ...]
    seconds: float | None


class Cascades:
    """Which pair hangs below which: looked up for each pair, found out once for all.

    `identity` says which ends are the same PFS, under whatever path.
    """

    def __init__(
        self, pairs: Iterable[Pair], identity: Callable[[Endpoint], Hashable] = str
    ) -> None:
        self._identity = identity
        self._above: dict[Hashable, list[Pair]] = {}
        for pair in pairs:
            self._above.setdefault(identity(pair.slave), []).append(pair)

    def pairs_from_origin(self, pair: Pair) -> tuple[Pair, ...]:
        """Return the pairs from the first master of a cascade down to this pair, included."""
        way = {pair.name: pair}
        above = self._of_master(pair)
        while above is not None:
            if above.name in way:
                return (pair,)
            way[above.name] = above
            above = self._of_master(above)
        return tuple(reversed(way.values()))

    def _of_master(self, pair: Pair) -> Pair | None:
        """Return the one pair whose slave is a pair's master, None where there is not one."""
        found = self._above.get(self._identity(pair.master), [])
        return found[0] if len(found) == 1 else None


def cascade_lag(way: Iterable[Pair], lag_of: Callable[[Pair], Lag]) -> CascadeLag | None:
    """Add up the lags along a way to the origin; None where the pair is no cascade."""
    way = tuple(way)
    if len(way) < 2:
        return None
    parts = [lag_of(pair).seconds for pair in way]
    known = [seconds for seconds in parts if seconds is not None]
    seconds = sum(known) if len(known) == len(parts) else None
    return CascadeLag(way[0].master, tuple(pair.name for pair in way), seconds)
