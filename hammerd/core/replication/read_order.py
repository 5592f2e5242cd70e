"""In which order ends are read: every slave before its master.

Within one pfs-status the order of operands is the order in time. A slave read before its master
can only look older than it is, never ahead; in a cascade the last slave comes first.
"""

from collections.abc import Iterable
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
