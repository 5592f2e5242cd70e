"""Takes over our orphans without a record: it was lost, or could not be read.

Such a group runs a command of this config, under no hammerd, and leads a session like every group
of ours. Its claim keeps all pairs from launching onto its slave, by any name: its unique-uuid is
read before the scan is over. Where that cannot be read in time, the orphan holds the slaves of all
pairs on the same file system until its group is empty.
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
class OwnStreams:
    """The groups that run, the pairs that they belong to, and the hammer that they run."""

    groups: Callable[[], frozenset[int]]
    group_of: Callable[[str], int | None]
    lives: Callable[[], Iterable[PairLife]]
    post: Callable[[str, Event], None]
    hammer: str


class Adoption:
    """Distinguishes our orphans from foreign writers, and ends them."""

    def __init__(
        self, own: OwnStreams, orphans: Orphans, paths: KnownPaths, identities: PathIdentities
    ) -> None:
        self._own = own
        self._orphans = orphans
        self._paths = paths
        self._identities = identities
        # Adopted, and without all keys: the scan was cancelled before they were known.
        self._unheld: dict[int, SlaveWriter] = {}

    async def adopt(self, seen: Collection[SlaveWriter]) -> tuple[SlaveWriter, ...]:
        """End the orphans among these writers, and return the others."""
        adopted: set[int] = set()
        for writer in seen:
            pair = self._pair_of(writer) if writer.pgid not in adopted else None
            if pair is not None:
                adopted.add(writer.pgid)
                self._unheld[writer.pgid] = writer
                self._orphans.adopt(self._record(pair, writer, seen))
        await asyncio.gather(*map(self._hold, tuple(self._unheld.values())))
        return tuple(one for one in seen if one.pgid not in adopted)

    def _record(self, pair: Pair, writer: SlaveWriter, seen: Iterable[SlaveWriter]) -> SpawnRecord:
        names = {*self._paths.names(writer.slave), *self._paths.names(pair.slave)}
        members = (one for one in seen if one.pgid == writer.pgid)
        return SpawnRecord(
            writer.pgid,
            pair.name,
            writer.words,
            tuple(sorted(slave_keys(names, None))),
            tuple(KnownProcess(one.pid, one.started_time) for one in members),
        )

    async def _hold(self, writer: SlaveWriter) -> None:
        """Let an orphan hold its slave by all names that it may have."""
        if writer.slave.host.shares_paths and writer.pgid in self._orphans.groups():
            uuid = await self._identities.unique_uuid(writer.slave)
            names = set() if uuid is not None else await self._possible_names(writer.slave)
            self._orphans.add_keys(writer.pgid, slave_keys(names, uuid))
        self._unheld.pop(writer.pgid, None)

    async def _possible_names(self, slave: Endpoint) -> set[Endpoint]:
        """Return the names of all idle slaves that may be on the file system of this one."""
        group_of = self._own.group_of
        idle = [life.pair for life in self._own.lives() if group_of(life.pair.name) is None]
        slaves = {pair.slave for pair in idle if pair.slave.host.shares_paths}
        found = await self._identities.on_same_file_system(slave, slaves)
        return {name for one in found for name in self._paths.names(one)}

    def _pair_of(self, writer: SlaveWriter) -> Pair | None:
        if not writer.leads_session or is_under_hammerd(writer):
            return None
        pairs = (life.pair for life in self._own.lives())
        return next((pair for pair in pairs if self._runs(writer, pair)), None)

    def _runs(self, writer: SlaveWriter, pair: Pair) -> bool:
        both = zip(self._paths.names(pair.master), self._paths.names(pair.slave), strict=True)
        return any(
            is_same_command(
                writer.words,
                stream_argv(self._own.hammer, replace(pair, master=master, slave=slave), gear),
            )
            for master, slave in both
            for gear in Gear
        )
