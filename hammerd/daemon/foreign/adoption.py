"""Takes over orphans of ours that no record names: their record was lost or could not be read.

Such a group runs what this config would, under no hammerd, and as every group of ours it is a
session too. Its claim holds every pair's launch off its slave, by whatever name: before anybody
learns that the look is over its unique-uuid is read. Where that cannot be read in time it holds
the slaves of all pairs that are on the same file system, for as long as it lives.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from hammerd.core.hammer.commands import stream_argv
from hammerd.core.hammer.process_args import is_same_command
from hammerd.core.pair.events import Event
from hammerd.core.pair.slave_claims import slave_keys
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.foreign.path_identity import PathIdentities
from hammerd.daemon.foreign.slave_writers import SlaveWriter, is_under_hammerd
from hammerd.daemon.probe.known_paths import KnownPaths
from hammerd.daemon.state.spawn_records import KnownProcess, SpawnRecord


@dataclass(frozen=True, slots=True)
class Ours:
    """What is ours, as others know it: the groups that run, the pairs, the hammer they use."""

    groups: Callable[[], frozenset[int]]
    group_of: Callable[[str], int | None]
    lives: Callable[[], Iterable[PairLife]]
    post: Callable[[str, Event], None]
    hammer: str


class Adoption:
    """Tells orphans of ours from strangers."""

    def __init__(
        self, ours: Ours, orphans: Orphans, paths: KnownPaths, written: PathIdentities
    ) -> None:
        self._ours = ours
        self._orphans = orphans
        self._paths = paths
        self._written = written
        # Adopted, and not held by all names yet: a look that was given up left them so.
        self._unheld: dict[int, SlaveWriter] = {}

    async def adopt(self, seen: Collection[SlaveWriter]) -> tuple[SlaveWriter, ...]:
        """Have the orphans among these writers ended, and return the others."""
        adopted: dict[int, SlaveWriter] = {}
        for writer in seen:
            pair = self._pair_of(writer) if writer.pgid not in adopted else None
            if pair is not None:
                adopted[writer.pgid] = self._unheld[writer.pgid] = writer
                ends = (writer.slave, pair.slave)
                keys = slave_keys({name for end in ends for name in self._paths.names(end)}, None)
                members = [one for one in seen if one.pgid == writer.pgid]
                self._orphans.adopt(_record(pair, writer, members, keys))
        await asyncio.gather(*map(self._hold, tuple(self._unheld.values())))
        return tuple(one for one in seen if one.pgid not in adopted)

    async def _hold(self, writer: SlaveWriter) -> None:
        """Let an orphan hold its slave by all names that it may have."""
        if not writer.slave.is_remote and writer.pgid in self._orphans.groups():
            uuid = await self._written.unique_uuid(writer.slave)
            names = set() if uuid is not None else await self._may_be(writer.slave)
            self._orphans.hold_also(writer.pgid, slave_keys(names, uuid))
        self._unheld.pop(writer.pgid, None)

    async def _may_be(self, slave: Endpoint) -> set[Endpoint]:
        """Return the names of all slaves that are on the file system of one, and run no stream."""
        group_of = self._ours.group_of
        idle = [life.pair for life in self._ours.lives() if group_of(life.pair.name) is None]
        ends = {pair.slave for pair in idle if not pair.slave.is_remote}
        beside = await self._written.beside(slave, ends)
        return {name for end in beside for name in self._paths.names(end)}

    def _pair_of(self, writer: SlaveWriter) -> Pair | None:
        if not writer.leads_session or is_under_hammerd(writer):
            return None
        pairs = (life.pair for life in self._ours.lives())
        return next((pair for pair in pairs if self._runs(writer, pair)), None)

    def _runs(self, writer: SlaveWriter, pair: Pair) -> bool:
        both = zip(self._paths.names(pair.master), self._paths.names(pair.slave), strict=True)
        return any(
            is_same_command(
                writer.words,
                stream_argv(self._ours.hammer, replace(pair, master=master, slave=slave), gear),
            )
            for master, slave in both
            for gear in Gear
        )


def _record(
    pair: Pair, writer: SlaveWriter, members: Iterable[SlaveWriter], keys: frozenset[str]
) -> SpawnRecord:
    return SpawnRecord(
        writer.pgid,
        pair.name,
        writer.words,
        tuple(sorted(keys)),
        tuple(KnownProcess(one.pid, one.started_time) for one in members),
    )
