"""The states of a pair's life, and what it remembers from state to state.

    stopped ── probing ── launching ── streaming
       │          │           │            │
       └──────────┴─ waiting ─┴─ stopping ─┘      parked: needs a person

A state carries exactly the data that is valid in it. Every instant is monotonic seconds (`_at`),
every span is seconds (`_s`). Events and effects are in core/pair/events.py, the rules in
core/pair/machine.py, each state's word, health and deadline in core/pair/state_table.py.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from hammerd.core.hammer.messages import Complaint, ParkCause
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pairs import Gear, Pair
from hammerd.core.replication.promotions import Promotion
from hammerd.core.replication.transfer_progress import Transfer
from hammerd.core.tid import Tid

# --- what the operator wants -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Up:
    """The pair is to be mirrored."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The pair rests, until it is resumed or `until_at` (None: until resumed)."""

    until_at: float | None = None


@dataclass(frozen=True, slots=True)
class Down:
    """The pair is not to run: disabled in the config, or the daemon is stopping."""


Wanted = Up | Paused | Down


# --- why a pair waits or ends its group ------------------------------------------------------


class LossCause(StrEnum):
    """How a stream was lost, or a start of one failed, where hammer itself named no cause."""

    LINK_LOST = "link_lost"
    HALF_DIED = "half_died"
    PARENT_DIED = "leader_died"
    STALLED = "stalled"
    PRESCAN_STUCK = "prescan_stuck"
    LAUNCH_TIMEOUT = "launch_timeout"
    PROBE_TIMEOUT = "probe_timeout"
    SPAWN_FAILED = "spawn_failed"


class MisdirectedCause(StrEnum):
    """How it came that a stream does not write where it should, or not alone."""

    ENDPOINT_REPOINTED = "end_repointed"
    SLAVE_IS_ANOTHER = "slave_is_another"
    SLAVE_IS_HELD = "slave_is_held"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stable short name of what is wrong (a LossCause or a complaint's name), and a hint."""

    because: str
    hint: str = ""


UNKILLABLE = Trouble("unkillable", "the group survives SIGKILL: a disk or mount may hang")


@dataclass(frozen=True, slots=True)
class ThenStopped:
    """Asked down: rest when the group is empty."""


@dataclass(frozen=True, slots=True)
class ThenProbe:
    """Asked to restart, or misdirected (`trouble` tells how): probe when the group is empty."""

    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class ThenPark:
    """Park when the group is empty; `is_from_stream`: the stream said so, no probe can see it."""

    cause: ParkCause
    hint: str
    is_from_stream: bool = False


@dataclass(frozen=True, slots=True)
class ThenMount:
    """Wait for a mount when the group is empty."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class ThenBackoff:
    """Count a failure and back off when the group is empty."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class ThenLaunch:
    """Launch again when the group is empty, without a probe if both ends look as before."""

    gear: Gear
    trouble: Trouble | None = None


Then = ThenStopped | ThenProbe | ThenPark | ThenMount | ThenBackoff | ThenLaunch


# --- states ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """Not wanted; starts by itself at `resume_at` after a pause for a time."""

    since_at: float
    resume_at: float | None = None


@dataclass(frozen=True, slots=True)
class Probing:
    """pfs-status of both ends is under way; `is_confirming` a slave seen ahead of its master.

    `relaunch`: only a glance at both paths is, so that a stream follows the last one at once.
    `unconfirmed` is what a stream said that is checked so before anything is advised: a path that
    leads to another PFS, since its null mount is gone, makes hammer say that uuids differ.
    """

    since_at: float
    deadline_at: float
    is_confirming: bool = False
    relaunch: ThenLaunch | None = None
    unconfirmed: ThenPark | None = None


@dataclass(frozen=True, slots=True)
class Launching:
    """A stream is being spawned and has not yet given a sign of life."""

    since_at: float
    deadline_at: float
    gear: Gear


@dataclass(frozen=True, slots=True)
class InPrescan:
    """The source half scans without data; silent for as long as that takes."""


@dataclass(frozen=True, slots=True)
class Copying:
    """A slice is under way: bytes of it sent, and its size where hammer told it."""

    sent_bytes: int = 0
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class IdlePhase:
    """Every slice is written; the source half waits for the master's TID to move."""


Phase = InPrescan | Copying | IdlePhase


@dataclass(frozen=True, slots=True)
class Streaming:
    """The halves live and the stream said something.

    `has_progressed`: it sent bytes, committed or came to rest. `behind_since_at`: since when
    samples show the master's TID past the slave's, and the slave's to stay at `behind_at_tid`.
    `transfer` is for people: no rule looks at it.
    """

    since_at: float
    launched_at: float
    gear: Gear
    phase: Phase
    progress_at: float
    has_progressed: bool = False
    stopped_half: Trouble | None = None
    behind_since_at: float | None = None
    behind_at_tid: Tid | None = None
    transfer: Transfer = field(default_factory=Transfer)


@dataclass(frozen=True, slots=True)
class Stopping:
    """The group was told to end; done when no living member is left.

    `is_unkillable`: a look that began a whole grace after the KILL found it alive.
    `has_lived`: its stream had given a sign of life, so that the login to another host worked.
    """

    since_at: float
    deadline_at: float
    then: Then
    kills: int = 0
    is_unkillable: bool = False
    has_lived: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class WaitingForBackoff:
    """Something failed that a retry may cure; probed again at `retry_at`."""

    since_at: float
    retry_at: float
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class WaitingForMount:
    """An end is not there; looked at every so often, no failure is counted.

    `since_at` is when that began: a stream that is launched meanwhile and finds the end missing
    still (ours cannot be probed on another host) is no new beginning.
    """

    since_at: float
    probe_at: float
    trouble: Trouble
    is_probing: bool = False


@dataclass(frozen=True, slots=True)
class WaitingForResource:
    """Another owner holds what a launch needs, as long as the group of that is not empty."""

    since_at: float
    resource: Resource
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Parked:
    """Needs a person; re-probed every minute without leaving the state.

    Rarer where only a stream can tell: each look that finds nothing costs a stream that fails.
    """

    since_at: float
    probe_at: float
    cause: ParkCause
    hint: str
    is_probing: bool = False
    probe_every_s: float = 60.0


State = (
    Stopped
    | Probing
    | Launching
    | Streaming
    | Stopping
    | WaitingForBackoff
    | WaitingForMount
    | WaitingForResource
    | Parked
)

# --- the whole of a pair ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CountedComplaint:
    """A complaint of damage or of a slave that takes nothing, until a person acknowledges it."""

    name: str
    hint: str
    text: str
    count: int
    since_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What a pair remembers from state to state.

    `failures` are those not yet forgive; `is_diverged` and `promotion` are latches that only a
    resume lifts, seen on the master and slave of `latched_endpoints` (core/pair/latches.py);
    `restarts` counts the streams that lived and were lost, whatever came after them;
    `unmounted_since_at` is since when no stream lived because an end is not there;
    `refusals` counts the streams in a row that parked the pair themselves;
    `complaints` are those that stay in status until they are acknowledged;
    `last_words` are the last lines of the attempt at hand, quoted when it fails;
    `heard` is its weightiest complaint, the cause of its end where nothing else names one.
    """

    wanted: Wanted = field(default_factory=Up)
    failures: int = 0
    relaunched_at: float | None = None
    is_diverged: bool = False
    promotion: Promotion | None = None
    latched_endpoints: tuple[str, str] | None = field(default=None, compare=False)
    restarts: int = 0
    unmounted_since_at: float | None = None
    refusals: int = 0
    complaints: tuple[CountedComplaint, ...] = ()
    last_words: tuple[str, ...] = ()
    likely_cause: Complaint | None = None


@dataclass(frozen=True, slots=True)
class PairLife:
    """A pair as it was configured, what it remembers, and the state that it is in.

    `wanted_at`: since when it is to be up, where it is. `failed_by`: what its last failure was.
    `foreign_at`: when a stream onto its slave that is not ours was last seen.
    """

    pair: Pair
    memory: Memory
    state: State
    wanted_at: float | None = None
    failed_by: Trouble | None = None
    foreign_at: float | None = None
