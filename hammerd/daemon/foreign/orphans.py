"""Ends the groups that a killed hammerd left, before anything is launched onto their slaves.

    claim ── is it ours? ──┬── not known now: the claim is held, and no signal is sent
                           ├── no: the claim is released
                           └── yes: TERM ── grace ── KILL ── no living member: released

Each orphan holds a claim on its slave like any owner; its pair waits for it, other pairs do not.
A group is signalled only right after a known member of it was found, by its start or its argv: a
pid alone may be that of another process by now.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hammerd.core.hammer.process_args import is_same_command
from hammerd.core.pair.slave_claims import Claim, SlaveClaims
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.process import spawn
from hammerd.daemon.process.group_scan import sweep_delays
from hammerd.daemon.process.process_table import SAME_START_S, Member, argv_of, living, members_of
from hammerd.daemon.state.spawn_records import SpawnRecord, SpawnRecords


@dataclass(slots=True)
class _Orphan:
    """A group; `known` holds the start times of its members, by pid."""

    record: SpawnRecord
    owner: str
    known: dict[int, float] = field(default_factory=dict)
    is_ours: bool = False
    force_at: float | None = None


class Orphans:
    """The groups that an earlier hammerd left, until they are empty."""

    def __init__(
        self, slaves: SlaveClaims, records: SpawnRecords, journal: Journal, grace_s: float
    ) -> None:
        self._slaves = slaves
        self._records = records
        self._journal = journal
        self._grace_s = grace_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._orphans: dict[int, _Orphan] = {}
        self._on_ended: Callable[[], None] = lambda: None
        self.drain_s: Callable[[SpawnRecord], float] = lambda _record: 0.0
        """Returns for how long the slave of an orphan drains, 0 for not at all."""

    def end_all(self, on_ended: Callable[[], None]) -> None:
        """Claim the slaves of all orphans and start to end them; returns at once."""
        self._on_ended = on_ended
        for record in tuple(self._records.earlier_records()):
            self._end_soon(record, because=None)

    def adopt(self, record: SpawnRecord) -> None:
        """Take over a group of ours without a record, and end it."""
        if record.pgid not in self._orphans:
            self._end_soon(record, because="it runs what this config would, and has no record")

    def add_keys(self, pgid: int, keys: frozenset[str]) -> None:
        """Add keys of an orphan's slave to its claim; does nothing when its group is empty."""
        orphan = self._orphans.get(pgid)
        held = self._slaves.held_by(orphan.owner) if orphan is not None else None
        if held is not None:
            self._slaves.hold(Claim(held.owner, held.keys | keys))

    def groups(self) -> frozenset[int]:
        """Return the ids of the groups that are not empty: they are ours, not foreign."""
        return frozenset(self._orphans)

    async def wait_until_ended(self, timeout_s: float) -> tuple[SpawnRecord, ...]:
        """Wait until no orphan is left, with KILL after half of the time; return those left.

        The next hammerd ends them.
        """
        self._grace_s = min(self._grace_s, timeout_s / 2)
        kill_at = asyncio.get_running_loop().time() + self._grace_s
        for orphan in self._orphans.values():
            if orphan.force_at is not None:
                orphan.force_at = min(orphan.force_at, kill_at)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return tuple(orphan.record for orphan in self._orphans.values() if orphan.is_ours)

    def _end_soon(self, record: SpawnRecord, because: str | None) -> None:
        owner = f"orphan group {record.pgid} of {record.pair}"
        known = {one.pid: one.started_time for one in record.members}
        orphan = self._orphans[record.pgid] = _Orphan(record, owner, known)
        if self._is_alive(orphan) is False:
            self._forget(orphan)
            return
        self._slaves.hold(Claim(owner, frozenset(record.slave_keys)))
        self._journal.log.warning(
            "orphan.found", pair=record.pair, pgid=record.pgid, because=because
        )
        task = asyncio.get_running_loop().create_task(self._end(orphan))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, orphan: _Orphan) -> None:
        record, delays = orphan.record, sweep_delays()
        while (is_alive := self._is_alive(orphan)) is not False:
            if is_alive:
                self._signal(orphan)
            await asyncio.sleep(next(delays))
        self._forget(orphan)
        span_s = self.drain_s(record)
        until_at = asyncio.get_running_loop().time() + span_s if span_s else None
        self._slaves.release(orphan.owner, drains_until_at=until_at)
        self._journal.log.info("orphan.ended", pair=record.pair, pgid=record.pgid)
        self._on_ended()

    def _forget(self, orphan: _Orphan) -> None:
        self._records.remove(orphan.record.pgid)
        del self._orphans[orphan.record.pgid]

    def _signal(self, orphan: _Orphan) -> None:
        """Send the signal that is due: TERM once, and KILL from the end of the grace on."""
        now_at = asyncio.get_running_loop().time()
        is_first = orphan.force_at is None
        if orphan.force_at is None:
            orphan.force_at = now_at + self._grace_s
        by_force = now_at >= orphan.force_at
        if is_first or by_force:
            try:
                spawn.terminate_orphan_group(orphan.record.pgid, by_force=by_force)
            except OSError as error:
                self._log_failure(orphan, error)

    def _is_alive(self, orphan: _Orphan) -> bool | None:
        """Return whether an orphan is alive now; None where that is not certain.

        A group that was ours stays ours until it is empty, whatever runs in it: its id is not
        used again before.
        """
        pgid = orphan.record.pgid
        try:
            members = living(members_of({pgid})[pgid])
        except OSError as error:
            self._log_failure(orphan, error)
            return None
        if any(_is_known(member, orphan) for member in members):
            orphan.is_ours = True
            orphan.known |= {one.pid: one.started_time for one in members}
            return True
        if any(not member.started_time for member in members):
            return None
        return None if members and orphan.is_ours else False

    def _log_failure(self, orphan: _Orphan, error: OSError) -> None:
        pgid = orphan.record.pgid
        self._journal.log.debug("orphan.look_failed", pgid=pgid, because=str(error))


def _is_known(member: Member, orphan: _Orphan) -> bool:
    started_time = orphan.known.get(member.pid)
    if started_time is not None and abs(started_time - member.started_time) <= SAME_START_S:
        return True
    return is_same_command(argv_of(member.pid), orphan.record.argv)
