"""Holds the flushes of the pairs' file systems: which to flush, and their last results.

HAMMER writes to its disk when its syncer runs, every half minute or so. `hammer synctid` flushes
a whole file system at once, whatever PFS of it is named, and costs nothing on an idle one. A
flush of the master's file system bounds the data that a death of the master can lose; a flush of
the slave's makes the commits of a stream durable.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hammerd.core.pair.states import PairLife, Up
from hammerd.core.pairs import Endpoint, Pair, turns_of


@dataclass(frozen=True, slots=True)
class FlushState:
    """The flushes of one endpoint's file system; instants are monotonic.

    `flushed_at`: the begin of the last completed flush. `failed_because` is set if the last flush
    failed or is late.
    """

    flushed_at: float | None = None
    failed_because: str | None = None


@dataclass(frozen=True, slots=True)
class PairFlushes:
    """The flush interval of a pair, and the results at both endpoints."""

    every_s: float | None = None
    master: FlushState = FlushState()
    slave: FlushState = FlushState()

    @property
    def failed_because(self) -> str | None:
        """The reason why a flush failed; that of the master first."""
        return self.master.failed_because or self.slave.failed_because


@dataclass(frozen=True, slots=True)
class FlushPath:
    """A path through which a file system is flushed.

    The directory of a PFS softlink is in PFS#0 of the file system that holds the PFS, so its
    pfs-status identifies the file system. Nothing identifies that of a null mount.
    """

    path: str
    is_in_root_pfs: bool = False


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system to flush, the path for it, its endpoints, and the interval.

    A flush gives a TID for the `masters`, and makes the `slaves` durable.
    """

    path: str
    masters: frozenset[Endpoint]
    slaves: frozenset[Endpoint]
    every_s: float


def flushed_pairs(lives: Iterable[PairLife]) -> tuple[Pair, ...]:
    """Return the pairs that are to run and whose file systems are to be flushed.

    A pair whose slaves take turns comes once for each: the last commits of one whose turn is over
    are flushed too.
    """
    return tuple(
        turn
        for life in lives
        for turn in turns_of(life.pair)
        if life.pair.enabled
        and life.pair.timing.flush_every_s is not None
        and isinstance(life.memory.wanted, Up)
        and life.memory.hold is None
    )


def shortest_interval_s(pairs: Iterable[Pair]) -> float | None:
    """Return the shortest flush interval, None if no pair has one."""
    asked = (pair.timing.flush_every_s for pair in pairs if pair.enabled)
    return min((every_s for every_s in asked if every_s is not None), default=None)


def file_systems(
    pairs: Iterable[Pair], paths: Mapping[Endpoint, str], names: Mapping[str, str]
) -> tuple[FileSystem, ...]:
    """Group the local endpoints of pairs by file system.

    `paths` are the flush paths of endpoints, `names` the names of the file systems of flush
    paths. Two paths without a name count as two file systems.
    """
    found: dict[str, FileSystem] = {}
    for pair in pairs:
        for endpoint in (pair.master, pair.slave):
            if (path := paths.get(endpoint)) is None:
                continue
            name = names.get(path, path)
            known = found.get(name) or FileSystem(path, frozenset(), frozenset(), float("inf"))
            found[name] = _with_endpoint(known, pair, endpoint)
    return tuple(found.values())


def _with_endpoint(known: FileSystem, pair: Pair, endpoint: Endpoint) -> FileSystem:
    every_s = min(known.every_s, pair.timing.flush_every_s or known.every_s)
    masters = known.masters | {endpoint} if endpoint == pair.master else known.masters
    slaves = known.slaves | {endpoint} if endpoint == pair.slave else known.slaves
    return FileSystem(known.path, masters, slaves, every_s)
