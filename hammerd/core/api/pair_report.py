"""Defines the report of a pair at one moment: the input of its health and its status."""

from dataclasses import dataclass, field

from hammerd.core.api.free_space import FreeSpace
from hammerd.core.flush.flushes import PairFlushes
from hammerd.core.pair.states import PairLife
from hammerd.core.replication.anomaly_log import Anomaly
from hammerd.core.replication.cascades import CascadeLag
from hammerd.core.replication.lag import Lag
from hammerd.core.rotation.rotating_slave import RotatingSlave
from hammerd.core.tid import Tid
from hammerd.core.verify.verified import Shown


@dataclass(frozen=True, slots=True)
class Extras:
    """The facts of a pair's surroundings: its endpoints, its cascade, its slave's disk.

    `slaves` are those that take turns, () for a pair with one slave.
    """

    anomalies: tuple[Anomaly, ...] = ()
    cascade: CascadeLag | None = None
    free_space: FreeSpace | None = None
    is_short_of_space: bool = False
    is_slave_read_only: bool = False
    flushes: PairFlushes = field(default_factory=PairFlushes)
    host_unread_because: str | None = None
    slaves: tuple[RotatingSlave, ...] = ()
    verified: Shown | None = None


@dataclass(frozen=True, slots=True)
class PairReport:
    """A pair's life, its lag and its processes.

    `master_seen_at`, `slave_seen_at`: the times at which each TID was read or reported last.
    """

    life: PairLife
    lag: Lag
    master_tid: Tid | None
    slave_tid: Tid | None
    pid: int | None
    half_pids: tuple[int, ...]
    lag_unknown_because: str | None = None
    extras: Extras = field(default_factory=Extras)
    safe_unknown_because: str | None = None
    master_seen_at: float | None = None
    slave_seen_at: float | None = None
