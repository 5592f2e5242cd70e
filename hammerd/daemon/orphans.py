"""Ends the groups that a killed hammerd left, before anything is launched onto their slaves.

Each orphan holds a claim on its slave like any owner; the pair waits for it, other pairs do not.
Whatever fails while one is being ended (no fd is free, a table cannot be read), its claim is
given up only when it is gone.
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
        self._on_gone: Callable[[], None] = lambda: None

    def end_all(self, on_gone: Callable[[], None]) -> None:
        """Claim the slaves of all orphans and start to end them; returns at once."""
        self._on_gone = on_gone
        for record in tuple(self._records.left_behind()):
            if self._may_be_there(record):
                self._end_soon(record, because=None)
            else:
                self._records.remove(record.pgid)

    def adopt(self, record: SpawnRecord) -> None:
        """Take over a group of ours that no record names, and end it."""
        if record.pgid not in self._groups:
            self._end_soon(record, because="it runs what this config would, and has no record")

    def groups(self) -> frozenset[int]:
        """Return the ids of the groups that are not gone yet: they are ours, not foreign."""
        return frozenset(self._groups)

    async def close(self) -> None:
        """Stop waiting for those that are still there; the next hammerd will go on."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end_soon(self, record: SpawnRecord, because: str | None) -> None:
        owner = f"orphan group {record.pgid} of {record.pair}"
        self._slaves.hold(Claim(owner, frozenset(record.slave_keys)))
        self._journal.log.warning(
            "orphan.found", pair=record.pair, pgid=record.pgid, because=because
        )
        self._groups.add(record.pgid)
        task = asyncio.get_running_loop().create_task(self._end(record, owner))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, record: SpawnRecord, owner: str) -> None:
        loop = asyncio.get_running_loop()
        force_at, look_s = loop.time() + self._grace_s, FIRST_LOOK_S
        self._signal(record, by_force=False)
        while not self._is_gone(record):
            if loop.time() >= force_at and self._may_be_there(record):
                self._signal(record, by_force=True)
            await asyncio.sleep(look_s)
            look_s = min(2 * look_s, LONGEST_LOOK_S)
        self._records.remove(record.pgid)
        self._groups.discard(record.pgid)
        self._slaves.release(owner)
        self._journal.log.info("orphan.ended", pair=record.pair, pgid=record.pgid)
        self._on_gone()

    def _signal(self, record: SpawnRecord, *, by_force: bool) -> None:
        try:
            children.terminate_strangers(record.pgid, by_force=by_force)
        except OSError as error:
            self._failed(record, error)

    def _may_be_there(self, record: SpawnRecord) -> bool:
        try:
            return is_still_there(record)
        except OSError as error:
            self._failed(record, error)
            return True

    def _is_gone(self, record: SpawnRecord) -> bool:
        try:
            return not living(members_of({record.pgid})[record.pgid])
        except OSError as error:
            self._failed(record, error)
            return False

    def _failed(self, record: SpawnRecord, error: OSError) -> None:
        self._journal.log.debug("orphan.look_failed", pgid=record.pgid, because=str(error))
