"""Defines the states of a pair, and the memory that a pair keeps from state to state.

    stopped ── probing ── launching ── streaming
       │          │           │            │
       └──────────┴─ waiting ─┴─ stopping ─┘      parked: needs a person

A state carries exactly the data that is valid in it. Instants (`_at`) are monotonic seconds, spans
(`_s`) are seconds. Events and effects are in core/pair/events.py, the rules in
core/pair/machine.py. Change together: a state here, its row in core/pair/state_table.py, its
function in core/pair/machine.py, docs/hammerd.8; mypy and two printed tables hold them together.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from hammerd.core.hammer.messages import Complaint, Connecting, ParkCause
from hammerd.core.holds import Hold
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pairs import Gear, Pair
from hammerd.core.replication.promotions import Promotion
from hammerd.core.replication.transfer_progress import Transfer
from hammerd.core.tid import Tid

# --- the wish of the operator ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Up:
    """The pair is to be mirrored."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The pair is not to run until `until_at`; None: until it is resumed."""

    until_at: float | None = None


class DownCause(StrEnum):
    """The reason why a pair is not to run."""

    SHUTDOWN = "shutdown"
    DISABLED = "disabled"
    REMOVED = "removed"
    RELOAD = "reload"


@dataclass(frozen=True, slots=True)
class Down:
    """The pair is not to run: the daemon stops, or the config has another wish."""

    because: DownCause = DownCause.SHUTDOWN


Wanted = Up | Paused | Down


# --- reasons to wait or to end a group, and the state that follows -----------------------------


class LossCause(StrEnum):
    """The way in which a stream was lost or did not start, if hammer itself named no cause.

    Logs, JSON and the history hold these words, and programs of others match them: a constant may
    get another name, its word stays.
    """

    LINK_LOST = "link_lost"
    HALF_DIED = "half_died"
    PARENT_DIED = "leader_died"
    STALLED = "stalled"
    PRESCAN_STUCK = "prescan_stuck"
    LAUNCH_TIMEOUT = "launch_timeout"
    PROBE_TIMEOUT = "probe_timeout"
    SPAWN_FAILED = "spawn_failed"
    SLAVE_UNSTEADY = "slave_unsteady"


class MisdirectedCause(StrEnum):
    """The reason why a stream writes to the wrong slave, not alone, or not to the one in turn.

    The words stay, as those of LossCause.
    """

    ENDPOINT_REPOINTED = "end_repointed"
    SLAVE_IS_ANOTHER = "slave_is_another"
    SLAVE_IS_HELD = "slave_is_held"
    SLAVE_TURN = "slave_turn"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault: its stable short name (a LossCause or a complaint's name), and a hint."""

    because: str
    hint: str = ""


UNKILLABLE = Trouble("unkillable", "the group survives SIGKILL: a disk or mount may hang")


@dataclass(frozen=True, slots=True)
class ThenStopped:
    """Enter stopped when the group is empty: the pair is to be paused or down."""


@dataclass(frozen=True, slots=True)
class ThenProbe:
    """Probe when the group is empty: for a restart, or after a misdirected stream (`trouble`)."""

    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class ThenPark:
    """Park when the group is empty.

    `is_from_stream`: the stream itself printed the cause, which a probe may not find.
    """

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
    """Launch again when the group is empty; probe first only if a path changed."""

    gear: Gear
    trouble: Trouble | None = None


Then = ThenStopped | ThenProbe | ThenPark | ThenMount | ThenBackoff | ThenLaunch


# --- states ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """The pair is not wanted; a pause for a time ends at `resume_at`."""

    since_at: float
    resume_at: float | None = None


@dataclass(frozen=True, slots=True)
class Probing:
    """pfs-status of both endpoints is under way.

    `is_confirming`: the last probe found the slave ahead of its master. `relaunch`: only a glance
    at both paths is under way, so that the next stream starts at once. `unconfirmed`: a stream
    printed a cause to park, and the probe checks it first: a missing null mount makes hammer print
    that uuids differ, since the path leads to another PFS.
    """

    since_at: float
    deadline_at: float
    is_confirming: bool = False
    relaunch: ThenLaunch | None = None
    unconfirmed: ThenPark | None = None


@dataclass(frozen=True, slots=True)
class Launching:
    """A stream was spawned and has printed no sign of life yet.

    `connecting`: the halves whose ssh was started, the first of them at `connecting_at`, and of
    which nothing shows that they are logged in. `is_far_locked`: the target half on another host
    holds the lock of its slave, so no earlier one writes beside it.
    """

    since_at: float
    deadline_at: float
    gear: Gear
    connecting: tuple[Connecting, ...] = ()
    connecting_at: float | None = None
    is_far_locked: bool = False

    @property
    def connecting_to(self) -> str:
        """The logins that are under way, empty if none is."""
        return " and ".join(dict.fromkeys(half.to for half in self.connecting))


@dataclass(frozen=True, slots=True)
class InPrescan:
    """The source half scans without data; it may be silent for hours."""


@dataclass(frozen=True, slots=True)
class Copying:
    """A slice is under way: its bytes sent, and its size, None if hammer did not print it."""

    sent_bytes: int = 0
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class IdlePhase:
    """All slices are written; the source half waits until the master's TID changes."""


Phase = InPrescan | Copying | IdlePhase


@dataclass(frozen=True, slots=True)
class Streaming:
    """The halves live and the stream printed a sign of life.

    `has_progressed`: it sent bytes, committed or became idle. `behind_since_at`: since then
    samples show the master's TID above the slave's, which stays at `behind_at_tid`.
    `is_far_locked` is that of the launch. `transfer` is for people: no rule reads it.
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
    is_far_locked: bool = False
    transfer: Transfer = field(default_factory=Transfer)


@dataclass(frozen=True, slots=True)
class Stopping:
    """The group was sent TERM; the state lasts until no living member is left, then comes `then`.

    `is_unkillable`: a scan that began a whole grace after the KILL found a living member.
    `has_lived`: the stream had printed a sign of life, so the login to another host worked.
    `is_far_locked` is that of the launch.
    """

    since_at: float
    deadline_at: float
    then: Then
    kills: int = 0
    is_unkillable: bool = False
    has_lived: bool = field(default=False, compare=False)
    is_far_locked: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class WaitingForBackoff:
    """Something failed that a retry may cure; the next probe is at `retry_at`."""

    since_at: float
    retry_at: float
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class WaitingForMount:
    """An endpoint is missing; it is probed at intervals, and no failure is counted.

    `since_at` stays when a stream that is launched meanwhile finds the endpoint still missing: an
    endpoint on another host may be probed in vain.
    """

    since_at: float
    probe_at: float
    trouble: Trouble
    is_probing: bool = False


@dataclass(frozen=True, slots=True)
class WaitingForResource:
    """Another owner holds a resource that the launch needs, until its group is empty."""

    since_at: float
    resource: Resource
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Parked:
    """A person must act; a probe each `probe_every_s` finds out whether the cause has ended.

    The interval grows if only a stream can find out: then each good probe costs a failed stream.
    """

    since_at: float
    probe_at: float
    cause: ParkCause
    hint: str
    is_probing: bool = False
    probe_every_s: float = 60.0


Waiting = WaitingForBackoff | WaitingForMount | WaitingForResource
State = Stopped | Probing | Launching | Streaming | Stopping | Waiting | Parked

WITH_GROUP = (Launching, Streaming, Stopping)
"""The states in which a group exists."""

# --- a pair ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CountedComplaint:
    """The complaints of one name that stay in status until a person acknowledges them."""

    name: str
    hint: str
    text: str
    count: int
    since_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class Draining:
    """A slave that drains had this TID at first (None: unknown); a probe must find the same."""

    tid: Tid | None


@dataclass(frozen=True, slots=True)
class Memory:
    """The data that a pair keeps from state to state.

    `failures`: failures since the last healthy stream, the last one by `failed_by`.
    `is_diverged`, `promotion`: latches that only a resume lifts, set for the master and slave
    of `latched_endpoints` (core/pair/latches.py). `restarts`: the number of streams that lived
    and were lost. `unmounted_since_at`: since then no stream lived because an endpoint is
    missing. `refusals`: the number of streams in a row that printed a cause to park.
    `last_words`: the last lines of this attempt, quoted if it fails. `likely_cause`: the
    weightiest complaint of this attempt, the cause of its end if nothing else names one.
    `is_far_unlocked`: the last stream that lived wrote to a slave on another host without its
    lock, so its target half may live on there; it outlives the daemon. `draining`: the next
    launch waits until that slave rests. `hold`: a plan keeps the pair at rest. `seen`: the counts
    of acknowledged complaints by name, so that a count of all never shrinks.
    """

    wanted: Wanted = field(default_factory=Up)
    failures: int = 0
    failed_by: Trouble | None = field(default=None, compare=False)
    relaunched_at: float | None = None
    is_diverged: bool = False
    promotion: Promotion | None = None
    latched_endpoints: tuple[str, str] | None = field(default=None, compare=False)
    restarts: int = 0
    unmounted_since_at: float | None = None
    refusals: int = 0
    complaints: tuple[CountedComplaint, ...] = ()
    seen: tuple[tuple[str, int], ...] = ()
    last_words: tuple[str, ...] = ()
    likely_cause: Complaint | None = None
    is_far_unlocked: bool = False
    draining: Draining | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class PairLife:
    """A pair as configured, its memory and its state.

    `wanted_at`: since then the pair is to be up, if it is.
    `foreign_at`: the last time at which a stream of others onto its slave was found.
    """

    pair: Pair
    memory: Memory
    state: State
    wanted_at: float | None = None
    foreign_at: float | None = None
