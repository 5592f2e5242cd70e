"""Tells which endpoints are left alone because a plan holds a pair of theirs, by any name.

    plan runs        both endpoints of its pair; of one that changes no role, the slave only
    slave promoted   the slave, but not as the master of another pair: that pair streams from it
    unknown pair     the endpoints that the record of the plan notes, until the plan has ended

An endpoint of another pair is the same PFS if it shares a key: a path with or without links, or
the unique-uuid. The claims of the plans keep other pairs from writing to those endpoints.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.slave_claims import Claim, SlaveClaims
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, endpoints_of, slaves_of

Keys = Callable[[Endpoint], frozenset[str]]
Lives = Callable[[], Iterable[PairLife]]


class HeldEnds:
    """The endpoints of held pairs."""

    def __init__(self, lives: Lives, keys: Keys, slaves: SlaveClaims) -> None:
        self._lives = lives
        self._keys = keys
        self._slaves = slaves
        self._held: tuple[PairLife, ...] = ()
        self._noted: Mapping[str, tuple[Endpoint, ...]] = {}
        self._masters: frozenset[Endpoint] = frozenset()

    def update(self, noted: Mapping[str, tuple[Endpoint, ...]]) -> None:
        """Take over which pairs are held now, and claim their slaves.

        `noted` are the endpoints in the record of each plan, by its owner. The config may have
        another name for its pair by now, or other endpoints.
        """
        self._noted = noted
        lives = tuple(self._lives())
        self._held = tuple(life for life in lives if life.memory.hold is not None)
        self._masters = frozenset(life.pair.master for life in lives if life.memory.hold is None)
        for owner in self._slaves.plans() - {owner_of(life) for life in self._held} - set(noted):
            self._slaves.release(owner)
        self.claim()

    def claim(self) -> None:
        """Claim the held endpoints by all their names that are known now."""
        held = {owner_of(life): _left_alone(life) for life in self._held}
        for owner in {**held, **self._noted}:
            ends = (*held.get(owner, ()), *self._noted.get(owner, ()))
            keys = frozenset[str]().union(*map(self._keys, ends))
            self._slaves.hold(Claim(owner, keys, is_plan=True))

    def holder_of(self, endpoint: Endpoint) -> str | None:
        """Return the plan that holds an endpoint and its pair, None if nothing does."""
        if not (self._held or self._noted):
            return None
        keys = self._keys(endpoint)
        for life in self._held:
            if self._is_held(endpoint, keys, life):
                return owner_of(life)
        noted = self._noted.items()
        holders = (owner for owner, ends in noted if any(keys & self._keys(one) for one in ends))
        return next(holders, None)

    def pairs(self) -> frozenset[str]:
        """Return the names of the held pairs."""
        return frozenset(life.pair.name for life in self._held)

    def of(self, pair: str) -> tuple[Endpoint, ...]:
        """Return the endpoints of all pairs that the plan of this pair holds."""
        held = [life for life in self._held if life.pair.name == pair]
        every = {one for life in self._lives() for one in endpoints_of(life.pair)}
        return tuple(
            one for one in every if any(self._is_held(one, self._keys(one), life) for life in held)
        )

    def local(self) -> Iterator[Endpoint]:
        """Yield the endpoints of held pairs on this machine, whose other names must be known."""
        for life in self._held:
            yield from (one for one in endpoints_of(life.pair) if one.host.shares_paths)
        for ends in self._noted.values():
            yield from ends

    def _is_held(self, endpoint: Endpoint, keys: frozenset[str], life: PairLife) -> bool:
        if _hold_of(life).stage is HoldStage.PROMOTED and endpoint in self._masters:
            return False
        return any(keys & self._keys(one) for one in _left_alone(life))


def owner_of(life: PairLife) -> str:
    """Return the name of the plan that holds a pair, for people and as owner of its claim."""
    return f"{_hold_of(life).owner} of {life.pair.name}"


def _hold_of(life: PairLife) -> Hold:
    assert life.memory.hold is not None
    return life.memory.hold


def _left_alone(life: PairLife) -> tuple[Endpoint, ...]:
    """Return the endpoints that nothing else may read, and onto which no stream is launched."""
    pair, hold = life.pair, _hold_of(life)
    if hold.stage is HoldStage.PROMOTED or not hold.changes_roles:
        return slaves_of(pair)
    return endpoints_of(pair)
