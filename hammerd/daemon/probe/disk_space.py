"""Reads the free space on the slaves' file systems, at the start and every few minutes.

A full slave stops its mirror; that it is short of space is logged before, once, and is in status.
"""

from collections.abc import Iterable

from hammerd.core.api.free_space import FreeSpace, is_short
from hammerd.core.pairs import Endpoint
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.paths.prober import PathProber

READ_EVERY_S = 300.0


class DiskSpaceWatch:
    """The last known free space of each slave on this machine."""

    def __init__(self, prober: PathProber, journal: Journal) -> None:
        self._prober = prober
        self._journal = journal
        self._free: dict[Endpoint, FreeSpace] = {}
        self._short: set[Endpoint] = set()

    def of(self, slave: Endpoint) -> FreeSpace | None:
        """Return a slave's free space, None when its file system never reported it."""
        return self._free.get(slave)

    def is_short(self, slave: Endpoint) -> bool:
        """Return whether a slave's file system was short of space when it was read last."""
        return slave in self._short

    async def read(self, slaves: Iterable[Endpoint]) -> None:
        """Read all slaves on this machine; what is known of one on a hanging disk stays."""
        here = {slave for slave in slaves if slave.host.shares_paths}
        self._free = {slave: free for slave, free in self._free.items() if slave in here}
        self._short &= here
        answers = await self._prober.probe(slave.path for slave in here)
        for slave in here:
            if (state := answers.get(slave.path)) is not None and state.free_space is not None:
                self._update(slave, state.free_space)

    def _update(self, slave: Endpoint, free: FreeSpace) -> None:
        was_short = slave in self._short
        self._free[slave] = free
        if is_short(free, was_short=was_short) == was_short:
            return
        (self._short.discard if was_short else self._short.add)(slave)
        percent = f"{100 * free.share:.1f} %"
        if was_short:
            self._journal.log.info("slave.has_room_again", slave=str(slave), free=percent)
            return
        hint = 'a full slave stops its mirror: "hammer cleanup" it, or drop old snapshots'
        self._journal.log.warning(
            "slave.short_of_room",
            slave=str(slave),
            free=percent,
            free_bytes=free.free_bytes,
            hint=hint,
        )
