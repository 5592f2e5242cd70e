"""Flushes of the file systems of pairs: which are due, and what the last ones did.

HAMMER writes to its disk when its syncer runs, every half minute or so. `hammer synctid` flushes
a whole file system at once, whatever PFS of it is named, and costs nothing on an idle one. A
flush of the master's file system bounds what a death of the master can lose; one of the slave's
makes durable what a stream has committed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hammerd.core.pair.states import PairLife, Up
from hammerd.core.pairs import Endpoint, Pair


@dataclass(frozen=True, slots=True)
class FlushState:
    """The flushes of one end's file system; instants are monotonic.

    `flushed_at`: when the last flush that completed began. `failed_because` is set while the
    last one failed, or is not back yet though its time is over.
    """

    flushed_at: float | None = None
    failed_because: str | None = None


@dataclass(frozen=True, slots=True)
class PairFlushes:
    """How often a pair's file systems are to be flushed, and how it went at each end."""

    every_s: float | None = None
    master: FlushState = FlushState()
    slave: FlushState = FlushState()

    @property
    def failed_because(self) -> str | None:
        """Why a flush of either end failed; that of the master first."""
        return self.master.failed_because or self.slave.failed_because


@dataclass(frozen=True, slots=True)
class FlushPath:
    """A path through which a file system is flushed.

    The directory of a PFS softlink is in PFS#0 of the file system that holds the PFS, so its
    pfs-status tells which file system that is; of a null mount nothing does.
    """

    path: str
    is_in_root_pfs: bool = False


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system to flush: through which path, for which ends, and how often.

    `masters` are ends whose TIDs it gives, `slaves` those that are durable once it is flushed.
    """

    path: str
    masters: frozenset[Endpoint]
    slaves: frozenset[Endpoint]
    every_s: float


def flushed_pairs(lives: Iterable[PairLife]) -> tuple[Pair, ...]:
    """Return the pairs that are to run and whose file systems are to be flushed."""
    return tuple(
        life.pair
        for life in lives
        if life.pair.enabled
        and life.pair.timing.flush_every_s is not None
        and isinstance(life.memory.wanted, Up)
    )


def shortest_interval_s(pairs: Iterable[Pair]) -> float | None:
    """Return how often to look for what is due; None when no pair wants any flush."""
    asked = (pair.timing.flush_every_s for pair in pairs if pair.enabled)
    return min((every_s for every_s in asked if every_s is not None), default=None)


def file_systems(
    pairs: Iterable[Pair], places: Mapping[Endpoint, str], names: Mapping[str, str]
) -> tuple[FileSystem, ...]:
    """Group the local ends of pairs by file system.

    `places` is the path by which each end's file system is flushed. `names` tells of a place
    which file system it is on; two places without a name are taken for two file systems.
    """
    found: dict[str, FileSystem] = {}
    for pair in pairs:
        for end in (pair.master, pair.slave):
            if end not in places:
                continue
            place = places[end]
            name = names.get(place, place)
            known = found.get(name) or FileSystem(place, frozenset(), frozenset(), float("inf"))
            found[name] = _with_end(known, pair, end)
    return tuple(found.values())


def _with_end(known: FileSystem, pair: Pair, end: Endpoint) -> FileSystem:
    every_s = min(known.every_s, pair.timing.flush_every_s or known.every_s)
    masters = known.masters | {end} if end == pair.master else known.masters
    slaves = known.slaves | {end} if end == pair.slave else known.slaves
    return FileSystem(known.path, masters, slaves, every_s)
