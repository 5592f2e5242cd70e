"""Reads the endpoints on other hosts: each host by itself, so that none waits for another.

A sample has one connection to a host for all pairs there, a probe those of one pair, together with
other requests of that moment. What cannot be read because ssh fails is left out of the readings:
it neither keeps a stream from its launch nor says anything about its endpoints. It is logged once
for each host and reason.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping

from hammerd.core.hammer.far_answer import NotRead
from hammerd.core.hammer.hints import name_host
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.read_order import Chain, far_chains_of
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.far_commands import FarCommands
from hammerd.daemon.probe.far_host import BackoffOf, FarHost, FarParts
from hammerd.daemon.probe.pfs_status import HolderOf
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.timing.clock import Clock

MOST_NAMES = 5
"""The number of pairs of a host that a line of the log names."""


class FarProbes:
    """The other hosts that are probed."""

    def __init__(
        self,
        commands: FarCommands,
        clock: Clock,
        calls: Iterator[int],
        backoff_s: BackoffOf,
        log: Logger,
    ) -> None:
        self._parts = FarParts(commands, clock, calls, backoff_s, self._report)
        self._log = log
        self._hosts: dict[Host, FarHost] = {}
        self._pairs_of: dict[Host, tuple[str, ...]] = {}
        # Slaves that were read as masters: samples leave them alone, because a pfs-status of a
        # master overwrites its stored TID (docs/hammer.md 1.7).
        self._promoted: dict[Endpoint, EndpointReading] = {}
        self._masters: frozenset[Endpoint] = frozenset()
        self.holder_of: HolderOf = lambda _endpoint: None

    def to_sample(self, pairs: Collection[Pair]) -> Mapping[Host, tuple[Pair, ...]]:
        """Return the hosts that may be asked now, with their pairs, from all pairs."""
        self._masters = frozenset(pair.master for pair in pairs)
        found = {}
        for host in far_chains_of(pairs):
            own = tuple(pair for pair in pairs if host in (pair.master.host, pair.slave.host))
            self._pairs_of[host] = tuple(pair.name for pair in own)
            if self._host(host, own[0]).may_be_asked():
                found[host] = own
        return found

    async def sample(self, host: Host, pairs: Collection[Pair]) -> list[EndpointReading]:
        """Read the endpoints of pairs on a host; of a promoted slave return the last reading."""
        chains = far_chains_of(pairs)[host]
        asked_for = {one for chain in chains for one in chain}
        left_out = (self._promoted.keys() & asked_for) - self._masters
        kept = (tuple(one for one in chain if one not in left_out) for chain in chains)
        asked = self._without_held(kept)
        readings = await self._read(host, asked, pairs) if asked else []
        promoted = (one for one in left_out if one in self._promoted)
        return [*readings, *(self._promoted[one] for one in promoted if not self.holder_of(one))]

    async def probe(self, pair: Pair) -> list[EndpointReading]:
        """Read the endpoints of a pair on other hosts; one that was not read is left out."""
        by_host = {
            host: self._without_held(chains) for host, chains in far_chains_of([pair]).items()
        }
        parts = await asyncio.gather(
            *(
                self._read(host, chains, [pair], is_launch=True)
                for host, chains in by_host.items()
                if chains
            )
        )
        return [reading for part in parts for reading in part]

    def _without_held(self, chains: Iterable[Chain]) -> tuple[Chain, ...]:
        free = (tuple(one for one in chain if self.holder_of(one) is None) for chain in chains)
        return tuple(chain for chain in free if chain)

    def why_unread(self, pair: Pair) -> str | None:
        """Return why endpoints of a pair on other hosts cannot be read, None if they can."""
        hosts = (self._hosts.get(host) for host in far_chains_of([pair]))
        texts = [
            f"{host.login}: {host.trouble.text}"
            for host in hosts
            if host is not None and host.trouble is not None
        ]
        return "; ".join(texts) or None

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget endpoints that no pair has any more, and their hosts."""
        left = {one.host for one in endpoints}
        for host in [host for host in self._hosts if host not in left]:
            self._hosts.pop(host).cancel()
            self._pairs_of.pop(host, None)
        for far_host in self._hosts.values():
            far_host.forget_all_but(endpoints)
        for removed in self._promoted.keys() - set(endpoints):
            del self._promoted[removed]

    async def close(self) -> None:
        """Cancel what is under way; no request is answered any more."""
        for host in self._hosts.values():
            host.cancel()
        for host in tuple(self._hosts.values()):
            await host.close()

    async def _read(
        self,
        host: Host,
        chains: tuple[Chain, ...],
        pairs: Collection[Pair],
        *,
        is_launch: bool = False,
    ) -> list[EndpointReading]:
        timeout_s = max(pair.timing.probe_timeout_s for pair in pairs)
        far_host = self._host(host, next(iter(pairs)))
        readings = await far_host.read(chains, timeout_s, is_launch=is_launch)
        slaves = {pair.slave for pair in pairs}
        for reading in readings:
            self._promoted.pop(reading.endpoint, None)
            seen = reading.seen
            if isinstance(seen, PfsStatus) and seen.is_master and reading.endpoint in slaves:
                self._promoted[reading.endpoint] = reading
        return readings

    def _host(self, host: Host, pair: Pair) -> FarHost:
        if host not in self._hosts:
            self._hosts[host] = FarHost(pair, host, self._parts)
        return self._hosts[host]

    def _report(self, host: FarHost, trouble: NotRead | None) -> None:
        # Several ways with other keys or ports may lead to a host: its pairs tell which one it is.
        pairs = _listed(self._pairs_of.get(host.host, (host.pair.name,)))
        if trouble is None:
            self._log.info("host.read_again", host=host.login, pairs=pairs)
            return
        hint = name_host(trouble.hint, host.host, pair_name=host.pair.name)
        self._log.warning(
            "host.unreadable",
            host=host.login,
            pairs=pairs,
            because=trouble.because,
            text=trouble.text,
            hint=hint or None,
        )


def _listed(names: tuple[str, ...]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - MOST_NAMES
    return " ".join((*names[:MOST_NAMES], *((f"and {more} more",) if more > 0 else ())))
