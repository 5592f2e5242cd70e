"""What happens to a pair and what is to be done about it: events, effects, and a step's frame.

Events are past or passive, effects are imperatives. The rules are in core/pair/machine.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hammerd.core.hammer.messages import Message
from hammerd.core.pair.probe_verdict import ProbeVerdict
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import Down, PairLife, Paused, Trouble
from hammerd.core.pairs import Gear, Pair
from hammerd.core.replication.lag import UNKNOWN, Lag
from hammerd.core.tid import Tid

# --- events ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartAsked:
    """Someone wants the pair up; a person who resumes it also lifts what latched it."""

    lifts_latch: bool = True


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Someone wants the pair to rest: `wanted` says for how long."""

    wanted: Paused | Down


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """Someone wants the stream ended and started anew."""


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """What the probes of both ends say together."""

    verdict: ProbeVerdict


@dataclass(frozen=True, slots=True)
class Glanced:
    """Both ends were glanced at; `are_as_read`: they look as when they were last read."""

    are_as_read: bool


@dataclass(frozen=True, slots=True)
class Misdirected:
    """The stream does not write where it should, or not alone; `trouble` tells how that came."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Spawned:
    """The stream's leader runs."""

    pid: int


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """The stream could not be started."""

    errno: int
    text: str


@dataclass(frozen=True, slots=True)
class ResourceBusy:
    """A launch must wait for a resource of another owner; `owner` names it for people."""

    resource: Resource
    owner: str


@dataclass(frozen=True, slots=True)
class ResourceFree:
    """Nobody holds any more what the pair queued for."""


@dataclass(frozen=True, slots=True)
class MessageRead:
    """The stream printed something."""

    message: Message


@dataclass(frozen=True, slots=True)
class HalfDied:
    """One half of the stream is dead; the leader may not know (docs/hammer.md 4.4)."""

    pid: int
    half: str = "source or target"


@dataclass(frozen=True, slots=True)
class HalfStopped:
    """A half was stopped by a signal: the stream stands still without a message.

    See docs/hammer.md 4.4.
    """

    pid: int
    half: str


@dataclass(frozen=True, slots=True)
class HalfContinued:
    """A half that was stopped goes on."""

    pid: int


@dataclass(frozen=True, slots=True)
class ParentDied:
    """The stream's leader ended; its halves may live on."""

    status: str


@dataclass(frozen=True, slots=True)
class GroupEmpty:
    """No living member of the group is left: the last event of a group."""


@dataclass(frozen=True, slots=True)
class GroupLives:
    """A look that began at `scanned_at` found a living member of a group that was killed."""

    scanned_at: float


@dataclass(frozen=True, slots=True)
class HalvesWorked:
    """The halves used CPU since they were last looked at."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Both ends were read again; `verdict` is about their roles, lag is in the context."""

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
    """A stream onto the slave that is not ours runs.

    `pids` are all processes of it; `pgid` is its group where nobody else is in that. `started_by`
    is the line of a crontab that starts it, and the file.
    """

    pid: int
    command: str
    pids: tuple[int, ...] = ()
    pgid: int | None = None
    started_by: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A person has seen what the pair's counted complaints say."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The instant that deadline() named has come."""


Event = (
    StartAsked
    | StopAsked
    | RestartAsked
    | ProbeAnswered
    | Glanced
    | Misdirected
    | Spawned
    | SpawnFailed
    | ResourceBusy
    | ResourceFree
    | MessageRead
    | HalfDied
    | HalfStopped
    | HalfContinued
    | ParentDied
    | GroupEmpty
    | GroupLives
    | HalvesWorked
    | Sampled
    | DivergedSeen
    | SlaveMoved
    | ForeignSeen
    | Acknowledged
    | DeadlinePassed
)


# --- effects ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask pfs-status of both ends, and for foreign streams."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Look whether both ends are still what was read last; answered by Glanced."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Take the slave and spawn a stream; answered by Spawned, SpawnFailed or ResourceBusy."""

    gear: Gear


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Do not wait for the slave any more."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Tell the group to end."""


@dataclass(frozen=True, slots=True)
class Kill:
    """End the group by force."""


class NoteName(StrEnum):
    """What is worth a line of its own though the state stays the same."""

    COMPLAINED = "complained"
    DAMAGED = "damaged"
    HALF_STOPPED = "half_stopped"
    HALF_CONTINUED = "half_continued"
    UNKILLABLE = "unkillable"


@dataclass(frozen=True, slots=True)
class Note:
    """Write one line about the pair."""

    name: NoteName
    trouble: Trouble
    text: str = ""


Effect = Probe | Glance | Launch | LeaveQueue | Terminate | Kill | Note


# --- the frame of a step ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Context:
    """What a step needs to know of the world: the time, how far behind, how long to back off.

    `backoff` gives the seconds to wait after so many failures in a row. `slave_tid` is the last
    known sync-end-tid of the slave, None when it was never read.
    """

    now_at: float
    backoff: Callable[[Pair, int], float]
    lag: Lag = UNKNOWN
    slave_tid: Tid | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a pair, and what is to be done about it, in this order."""

    life: PairLife
    effects: tuple[Effect, ...] = ()
