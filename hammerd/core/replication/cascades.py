"""Computes the lag of a cascade: in A ─→ B ─→ C, how far C is behind A.

A pair whose master is another pair's slave is downstream of it; their lags add up. A cycle, or a
slave of two pairs, is ambiguous and counts as no cascade.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import Lag


@dataclass(frozen=True, slots=True)
class CascadeLag:
    """The lag of a slave behind the first master of its cascade.

    `seconds` is the sum of all lags in between; None while one of them is unknown. `pairs` are
    the names of the pairs in between, the first master's first.
    """

    origin: Endpoint
    pairs: tuple[str, ...]
    seconds: float | None


class Cascades:
    """An index of pairs by their slave, built once and used to find each pair's upstream pairs.

    `identity` returns the same value for two endpoints that are the same PFS by different paths.
    """

    def __init__(
        self, pairs: Iterable[Pair], identity: Callable[[Endpoint], Hashable] = str
    ) -> None:
        self._identity = identity
        self._by_slave: dict[Hashable, list[Pair]] = {}
        for pair in pairs:
            self._by_slave.setdefault(identity(pair.slave), []).append(pair)

    def pairs_from_origin(self, pair: Pair) -> tuple[Pair, ...]:
        """Return the pairs from the first master of a cascade down to this pair, included."""
        passed = {pair.name: pair}
        upstream = self._upstream(pair)
        while upstream is not None:
            if upstream.name in passed:
                return (pair,)
            passed[upstream.name] = upstream
            upstream = self._upstream(upstream)
        return tuple(reversed(passed.values()))

    def _upstream(self, pair: Pair) -> Pair | None:
        """Return the pair whose slave is a pair's master; None if there is not exactly one."""
        found = self._by_slave.get(self._identity(pair.master), [])
        return found[0] if len(found) == 1 else None


def cascade_lag(pairs: Iterable[Pair], lag_of: Callable[[Pair], Lag]) -> CascadeLag | None:
    """Add up the lags of the pairs from the origin on; None if there is only one pair."""
    pairs = tuple(pairs)
    if len(pairs) < 2:
        return None
    parts = [lag_of(pair).seconds for pair in pairs]
    known = [seconds for seconds in parts if seconds is not None]
    seconds = sum(known) if len(known) == len(parts) else None
    return CascadeLag(pairs[0].master, tuple(pair.name for pair in pairs), seconds)
