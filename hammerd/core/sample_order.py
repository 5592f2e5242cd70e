"""In which order ends are read: every slave before its master.

Within one pfs-status the order of operands is the order in time. A slave read before its master
can only look older than it is, never ahead; in a cascade the last slave comes first.
"""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from hammerd.core.pairs import Endpoint, Pair


def sample_order(pairs: Iterable[Pair]) -> tuple[Endpoint, ...]:
    """Return the ends on this machine, each slave before its master.

    Where pairs go round in a cycle, all slaves come first and then all masters: an end of the
    cycle is read twice.
    """
    before: TopologicalSorter[Endpoint] = TopologicalSorter()
    pairs = tuple(pairs)
    for pair in pairs:
        before.add(pair.master, pair.slave)
    try:
        ends = tuple(before.static_order())
    except CycleError:
        slaves = dict.fromkeys(pair.slave for pair in pairs)
        ends = (*slaves, *dict.fromkeys(pair.master for pair in pairs))
    return tuple(end for end in ends if not end.is_remote)
