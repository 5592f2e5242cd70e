"""Defines the events and effects of a pair, and the arguments and result of a step.

Events are past or passive, effects are imperatives. The rules are in core/pair/machine.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hammerd.core.hammer.messages import Message
from hammerd.core.holds import Hold
from hammerd.core.pair.probe_verdict import ProbeVerdict
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import Down, PairLife, Paused, Trouble
from hammerd.core.pairs import Gear, Pair
from hammerd.core.replication.lag import UNKNOWN, Lag
from hammerd.core.tid import Tid

# --- events: asked for by people and by the daemon -------------------------------------------


@dataclass(frozen=True, slots=True)
class StartAsked:
    """The pair is to be up; a person who resumes it also lifts its latches."""

    lifts_latch: bool = True


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The pair is to be paused or down."""

    wanted: Paused | Down


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """The stream is to be ended and started again."""


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """A plan holds the pair; again when its step or its stage changes."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """No plan holds the pair any more; one that made the slave anew also lifts the latches."""

    lifts_latch: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A person has read the pair's counted complaints."""


# --- events: readings of the endpoints and of the process table ------------------------------


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """A probe of both endpoints is done."""

    verdict: ProbeVerdict


@dataclass(frozen=True, slots=True)
class Glanced:
    """A glance at both paths is done; `are_as_read`: they lead where they led at the last read."""

    are_as_read: bool


@dataclass(frozen=True, slots=True)
class Sampled:
    """Both endpoints were read again; `verdict` judges their roles, the lag is in the context."""

    verdict: ProbeVerdict


@dataclass(frozen=True, slots=True)
class DivergedSeen:
    """Two samples in a row, the master read after the slave, show the slave ahead."""


@dataclass(frozen=True, slots=True)
class SlaveMoved:
    """The slave's TID moved, and no stream of ours moved it."""

    before: Tid
    after: Tid


@dataclass(frozen=True, slots=True)
class ForeignSeen:
    """A foreign stream onto the slave runs.

    `pids` are all its processes; `pgid` is its group, None if others are in that group too.
    `started_by` is the crontab line that starts it, and the file.
    """

    pid: int
    command: str
    pids: tuple[int, ...] = ()
    pgid: int | None = None
    started_by: str = ""

    @property
    def hint(self) -> str:
        """Name all that a person must end: a half that is left goes on, and so does a crontab."""
        others = ", ".join(str(pid) for pid in self.pids if pid != self.pid)
        beside = f" with {others}" if others else ""
        hint = (
            f"pid {self.pid}{beside} writes to the slave too ({self.command}): "
            "end it, hammerd will not"
        )
        if self.pids:
            target = f"-- -{self.pgid}" if self.pgid else " ".join(map(str, self.pids))
            hint += f": kill {target}"
        if self.started_by:
            hint += f"; then remove what starts it again: {self.started_by}"
        return hint


@dataclass(frozen=True, slots=True)
class Misdirected:
    """The stream writes to the wrong slave, or not alone."""

    trouble: Trouble


# --- events: a launch and its queue ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawned:
    """The stream's parent runs."""

    pid: int


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """The stream could not be started."""

    errno: int
    text: str


@dataclass(frozen=True, slots=True)
class ResourceBusy:
    """The launch must wait for a resource of another owner; `owner` names it for people."""

    resource: Resource
    owner: str


@dataclass(frozen=True, slots=True)
class ResourceFree:
    """The resource for which the pair queues has no owner any more."""


# --- events: the stream and its group --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MessageRead:
    """The stream printed a message."""

    message: Message


@dataclass(frozen=True, slots=True)
class HalfDied:
    """A half of the stream is dead; its parent may not notice (docs/hammer.md 4.4)."""

    pid: int
    half: str = "source or target"


@dataclass(frozen=True, slots=True)
class HalvesGone:
    """A scan that began after `Lost Link` was read found no half of the stream."""


@dataclass(frozen=True, slots=True)
class HalfStopped:
    """A signal stopped a half: the stream stands still without a message (docs/hammer.md 4.4)."""

    pid: int
    half: str


@dataclass(frozen=True, slots=True)
class HalfContinued:
    """A stopped half runs again."""

    pid: int


@dataclass(frozen=True, slots=True)
class HalvesWorked:
    """The halves used CPU since the last scan."""


@dataclass(frozen=True, slots=True)
class ParentDied:
    """The stream's parent ended; its halves may live on."""

    status: str


@dataclass(frozen=True, slots=True)
class GroupLives:
    """A scan that began at `scanned_at` found a living member of a group that was killed."""

    scanned_at: float


@dataclass(frozen=True, slots=True)
class GroupEmpty:
    """No living member of the group is left: the last event of a group."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The deadline of the state has come (core/pair/state_table.py)."""


Asked = StartAsked | StopAsked | RestartAsked | HoldAsked | HoldReleased | Acknowledged
EndpointEvent = (
    ProbeAnswered | Glanced | Sampled | DivergedSeen | SlaveMoved | ForeignSeen | Misdirected
)
LaunchEvent = Spawned | SpawnFailed | ResourceBusy | ResourceFree
HalfEvent = HalfDied | HalvesGone | HalfStopped | HalfContinued | HalvesWorked
StreamEvent = MessageRead | HalfEvent | ParentDied | GroupLives | GroupEmpty
Event = Asked | EndpointEvent | LaunchEvent | StreamEvent | DeadlinePassed


# --- effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """Read pfs-status of both endpoints, and search for foreign streams."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Compare both paths with their last read, without hammer; answered by Glanced."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Claim the slave and spawn a stream; answered by Spawned, SpawnFailed or ResourceBusy."""

    gear: Gear


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Stop waiting for the resource."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Send TERM to the group."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Send KILL to the group."""


@dataclass(frozen=True, slots=True)
class CheckHalves:
    """Look whether a half of the stream lives; answered by HalvesGone if there is none."""


class NoteName(StrEnum):
    """The log event of a note."""

    COMPLAINED = "complained"
    DAMAGED = "damaged"
    HALF_STOPPED = "half_stopped"
    HALF_CONTINUED = "half_continued"
    UNKILLABLE = "unkillable"
    HELD = "held"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Note:
    """Log a line about the pair though its state stays the same; `hold` has fields of its own."""

    name: NoteName
    trouble: Trouble
    text: str = ""
    hold: Hold | None = None


Effect = Probe | Glance | Launch | LeaveQueue | Terminate | Kill | CheckHalves | Note


# --- a step ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Context:
    """The arguments of a step that are not the pair's own.

    `backoff` returns the seconds to wait after so many failures in a row. `slave_tid` is the last
    known sync-end-tid of the slave, None if it was never read.
    """

    now_at: float
    backoff: Callable[[Pair, int], float]
    lag: Lag = UNKNOWN
    slave_tid: Tid | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The result of an event: the pair after it, and the effects to carry out in this order."""

    life: PairLife
    effects: tuple[Effect, ...] = ()
