"""Orders the reads of endpoints, and decides which of two readings was the earlier one.

Every slave is read before its master, so that it can only look older than it is, never ahead; in
a cascade the last slave comes first. One pfs-status reads its operands in their order. Two
commands may overlap in time; then the order of their readings is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Endpoint, Pair

Chain = tuple[Endpoint, ...]
"""Endpoints to be read one after the other: a slave and its master, or a single endpoint."""


def chains_of(pairs: Iterable[Pair]) -> tuple[Chain, ...]:
    """Return the local endpoints of pairs, each slave before its master."""
    both = ((pair.slave, pair.master) for pair in pairs)
    local = (tuple(each for each in endpoints if each.host.shares_paths) for endpoints in both)
    return tuple(chain for chain in local if chain)


def far_chains_of(pairs: Iterable[Pair]) -> Mapping[Host, tuple[Chain, ...]]:
    """Return the endpoints on other hosts that are probed, by host, each slave before its master.

    The endpoints of a pair on two hosts are in two chains: nothing orders reads of two hosts.
    """
    found: dict[Host, list[Chain]] = {}
    for pair in pairs:
        both = (pair.slave, pair.master)
        for host in dict.fromkeys(one.host for one in both):
            if host.is_probed and not host.shares_paths:
                chain = tuple(one for one in both if one.host == host)
                found.setdefault(host, []).append(chain)
    return {host: tuple(chains) for host, chains in found.items()}


def read_order(chains: Iterable[Chain]) -> tuple[Endpoint, ...]:
    """Return every endpoint once, each before those that come after it in a chain.

    If chains form a cycle, all their first endpoints come first and then all their last ones: an
    endpoint of the cycle is read twice.
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
    """The start and the end of a read (both monotonic).

    `call` is the number of the command that read, None for a message of a stream. The start of
    a message is unknown: both are the time when it was read.
    """

    began_at: float
    ended_at: float
    call: int | None = None

    def is_before(self, other: "ReadSpan") -> bool:
        """Return whether this read was certainly before the other."""
        if self.call is not None and self.call == other.call:
            return self.began_at < other.began_at
        return self.ended_at <= other.began_at
