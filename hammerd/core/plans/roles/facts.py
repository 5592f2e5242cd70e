"""Defines the facts from which the plans that change roles are made.

The commands gather them (cli/plans/roles/look.py), the planners read them. None, or an empty
text, means that a fact is not known; no planner takes that for a no.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans.record import PlanRecord
from hammerd.core.tid import Tid


class Role(StrEnum):
    """The role of a PFS as its softlink tells it; GONE: the kernel knows no such PFS."""

    MASTER = "master"
    SLAVE = "slave"
    GONE = "destroyed"
    UNKNOWN = "unknown"


class WriterKind(StrEnum):
    """Whose a process is that writes to a slave.

    RUNNING: a stream of the hammerd that runs. ORPHAN: one that a dead hammerd left, proven by its
    record. FOREIGN: all others, also a group whose record does not fit it.
    """

    RUNNING = "running"
    ORPHAN = "orphan"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Writer:
    """A process group that writes to a slave; `hangs`: all its processes wait in the kernel."""

    pgid: int
    command: str
    kind: WriterKind
    hangs: bool = False
    pids: frozenset[int] = frozenset()

    @property
    def is_ours(self) -> bool:
        """Whether the plan ends it, or the hammerd that runs."""
        return self.kind is not WriterKind.FOREIGN


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The processes that hold files of a PFS, a line for each; `unknown_because`: nobody knows.

    `pids` are those of the lines, in their order, as far as they are known.
    """

    holders: tuple[str, ...] = ()
    unknown_because: str = ""
    pids: tuple[int, ...] = ()

    def without(self, pids: frozenset[int]) -> "OpenFiles":
        """Return all but those of some processes."""
        kept = [
            (line, pid)
            for line, pid in zip(self.holders, self.pids, strict=True)
            if pid not in pids
        ]
        return OpenFiles(
            tuple(line for line, _ in kept), self.unknown_because, tuple(pid for _, pid in kept)
        )


@dataclass(frozen=True, slots=True)
class End:
    """An endpoint as it was found.

    `trouble` tells why it cannot be read now, `hangs` that its disk does not answer. `link` is the
    softlink, the operand of hammer's commands, and `directory` is where it is, in PFS#0. `tid` is
    a slave's sync-end-tid, `system_tid` the newest TID of the whole file system. `mounts` are its
    null mounts, if `mounts_unknown_because` is empty. `proof` is the path of the file that a
    switchover writes, None without one. `is_missing`: there is no such path, on a file system that
    is there, and `has_directory` whether there is that of the softlink.
    """

    endpoint: Endpoint
    role: Role = Role.UNKNOWN
    trouble: str = ""
    hangs: bool = False
    is_missing: bool = False
    has_directory: bool = True
    link: str = ""
    directory: str = ""
    pfs_id: int | None = None
    tid: Tid | None = None
    system_tid: Tid | None = None
    shared_uuid: str = ""
    unique_uuid: str = ""
    is_readable: bool | None = None
    mounts: tuple[str, ...] = ()
    mounts_unknown_because: str = ""
    proof: str | None = None
    open_files: OpenFiles = OpenFiles(unknown_because="nobody looked")

    @property
    def operand(self) -> Endpoint:
        """The endpoint by its softlink, as far as that is known."""
        return Endpoint(self.link or self.endpoint.path, self.endpoint.host)

    @property
    def is_alive(self) -> bool:
        """Whether it could be read."""
        return not self.trouble


@dataclass(frozen=True, slots=True)
class Loss:
    """The last known state of the mirror: up to when all is safe, and both TIDs.

    Times are seconds of wall time. `source` names who told; empty: nobody did. `seen_time` is
    when the master was last read.
    """

    source: str = ""
    safe_until_time: float | None = None
    seen_time: float | None = None
    measured_time: float | None = None
    master_tid: Tid | None = None
    slave_tid: Tid | None = None
    lag_s: float | None = None
    unknown_because: str = ""


@dataclass(frozen=True, slots=True)
class PairFacts:
    """A pair as it was found: both ends, the record of its plan, and who writes to its ends.

    `is_daemon_running`: a hammerd answers. `now_time` is the wall time of the look.
    """

    pair: Pair
    master: End
    slave: End
    record: PlanRecord | None = None
    is_daemon_running: bool = False
    writers: tuple[Writer, ...] = ()
    loss: Loss = field(default_factory=Loss)
    now_time: float = 0.0
    others_unknown_because: str = ""
