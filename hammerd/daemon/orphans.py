"""Ends the groups that a killed hammerd left, before anything is launched onto their slaves.

Each orphan holds a claim on its slave like any owner; the pair waits for it, other pairs do not.
"""

import asyncio
from collections.abc import Callable

from hammerd.core.slaves import Claim, Slaves
from hammerd.daemon import children
from hammerd.daemon.foreign import is_still_there
from hammerd.daemon.journal import Journal
from hammerd.daemon.process_table import living, members_of
from hammerd.daemon.spawn_records import SpawnRecord, SpawnRecords

FIRST_LOOK_S, LONGEST_LOOK_S = 0.002, 0.5


class Orphans:
    """The groups that an earlier hammerd left, until they are gone."""

    def __init__(
        self, slaves: Slaves, records: SpawnRecords, journal: Journal, grace_s: float
    ) -> None:
        self._slaves = slaves
        self._records = records
        self._journal = journal
        self._grace_s = grace_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._groups: set[int] = set()

    def end_all(self, on_gone: Callable[[], None]) -> None:
        """Claim the slaves of all orphans and start to end them; returns at once."""
        for record in tuple(self._records.left_behind()):
            if not is_still_there(record):
                self._records.remove(record.pgid)
                continue
            owner = f"orphan group {record.pgid} of {record.pair}"
            self._slaves.take(Claim(owner, frozenset(record.slave_keys)))
            self._journal.log.warning("orphan.found", pair=record.pair, pgid=record.pgid)
            self._groups.add(record.pgid)
            task = asyncio.get_running_loop().create_task(self._end(record, owner, on_gone))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def groups(self) -> frozenset[int]:
        """Return the ids of the groups that are not gone yet: they are ours, not foreign."""
        return frozenset(self._groups)

    async def close(self) -> None:
        """Stop waiting for those that are still there; the next hammerd will go on."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end(self, record: SpawnRecord, owner: str, on_gone: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        force_at, look_s = loop.time() + self._grace_s, FIRST_LOOK_S
        children.terminate_strangers(record.pgid, by_force=False)
        while living(members_of({record.pgid})[record.pgid]):
            if loop.time() >= force_at and is_still_there(record):
                children.terminate_strangers(record.pgid, by_force=True)
            await asyncio.sleep(look_s)
            look_s = min(2 * look_s, LONGEST_LOOK_S)
        self._records.remove(record.pgid)
        self._groups.discard(record.pgid)
        self._slaves.release(owner)
        self._journal.log.info("orphan.ended", pair=record.pair, pgid=record.pgid)
        on_gone()
