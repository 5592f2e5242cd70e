"""Looks at the room on the slaves' file systems, at the start and every few minutes.

A full slave stops its mirror; that it is short of room is said before, once, and shown in status.
"""

from collections.abc import Iterable

from hammerd.core.api.free_space import FreeSpace, is_short
from hammerd.core.pairs import Endpoint
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.paths.prober import PathProber

LOOK_EVERY_S = 300.0


class DiskSpaceWatch:
    """What is known of the room where each slave on this machine is."""

    def __init__(self, looks: PathProber, journal: Journal) -> None:
        self._looks = looks
        self._journal = journal
        self._rooms: dict[Endpoint, FreeSpace] = {}
        self._short: set[Endpoint] = set()

    def of(self, slave: Endpoint) -> FreeSpace | None:
        """Return the room where a slave is, None when it was never told."""
        return self._rooms.get(slave)

    def is_short(self, slave: Endpoint) -> bool:
        """Tell whether a slave's file system was short of room when last looked at."""
        return slave in self._short

    async def look(self, slaves: Iterable[Endpoint]) -> None:
        """Look at all slaves on this machine; one on a disk that hangs stays as it was."""
        here = {slave for slave in slaves if not slave.is_remote}
        self._rooms = {slave: room for slave, room in self._rooms.items() if slave in here}
        self._short &= here
        answers = await self._looks.look(slave.path for slave in here)
        for slave in here:
            if (seen := answers.get(slave.path)) is not None and seen.room is not None:
                self._seen(slave, seen.room)

    def _seen(self, slave: Endpoint, now: FreeSpace) -> None:
        was_short = slave in self._short
        self._rooms[slave] = now
        if is_short(now, was_short=was_short) == was_short:
            return
        (self._short.discard if was_short else self._short.add)(slave)
        percent = f"{100 * now.share:.1f} %"
        if was_short:
            self._journal.log.info("slave.has_room_again", slave=str(slave), free=percent)
            return
        hint = 'a full slave stops its mirror: "hammer cleanup" it, or drop old snapshots'
        self._journal.log.warning(
            "slave.short_of_room",
            slave=str(slave),
            free=percent,
            free_bytes=now.free_bytes,
            hint=hint,
        )
