"""The order in which endpoints are read, and which of two readings was the earlier one.

Every slave is read before its master: it can only look older than it is then, never ahead; in a
cascade the last slave comes first. Within one pfs-status the order of operands is the order in
time. Two commands may overlap in time, and then prove nothing about each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from hammerd.core.pairs import Endpoint, Pair

Chain = tuple[Endpoint, ...]
"""Ends that are to be read one after the other: a slave and its master, or one end alone."""


def chains_of(pairs: Iterable[Pair]) -> tuple[Chain, ...]:
    """Return the ends of pairs that are on this machine, each slave before its master."""
    both = ((pair.slave, pair.master) for pair in pairs)
    here = (tuple(end for end in ends if not end.is_remote) for ends in both)
    return tuple(chain for chain in here if chain)


def read_order(chains: Iterable[Chain]) -> tuple[Endpoint, ...]:
    """Return every end once, each before those that come after it in a chain.

    Where chains go round in a cycle, all first ends come first and then all last ones: an end of
    the cycle is read twice.
    """
    chains = tuple(chains)
    before: TopologicalSorter[Endpoint] = TopologicalSorter()
    for chain in chains:
        before.add(chain[-1], *chain[:-1])
    try:
        return tuple(before.static_order())
    except CycleError:
        firsts = dict.fromkeys(chain[0] for chain in chains)
        return (*firsts, *dict.fromkeys(chain[-1] for chain in chains))


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """A reading that began at `began_at` and was over at `ended_at` (both monotonic).

    `call` is the number of the command that made it, None for what a stream said.
    """

    began_at: float
    ended_at: float
    call: int | None = None

    def is_before(self, other: "ReadSpan") -> bool:
        """Tell whether this was certainly read before the other."""
        if self.call is not None and self.call == other.call:
            return self.began_at < other.began_at
        return self.ended_at <= other.began_at


def span_of_message(at: float) -> ReadSpan:
    """Return the span of what a stream told: true when it was heard, and since when unknown."""
    return ReadSpan(at, at)
