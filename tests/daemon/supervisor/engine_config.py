"""The pairs of the random histories, their slaves, and the values that their events carry."""

from dataclasses import dataclass, replace

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    Connecting,
    Cure,
    FarLocked,
    LostLink,
    Message,
    NoWork,
    ParkCause,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
    Weight,
    WentIdle,
)
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.events import (
    Event,
    ForeignSeen,
    HoldAsked,
    HoldReleased,
    RestartAsked,
    StartAsked,
    StopAsked,
)
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, Retry
from hammerd.core.pair.states import Down, Paused
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.tid import Tid


@dataclass(frozen=True, slots=True)
class End:
    """A slave as one pair names it; two names of the same number are the same slave."""

    path: str
    uuid: str | None
    slave: int


ONE, OTHER, NULL = End("/s1", None, 1), End("/s2", "uuid-2", 2), End("/null/s2", "uuid-2", 2)
CONFIG = {"a": ONE, "b": ONE, "c": OTHER, "d": NULL}
"""Two pairs write to each slave: one is known by its path, the other by its unique-uuid."""

FAR = SshHost("far")
"""The host of all slaves in half of the histories."""

TURNED = End("/s1", "uuid-2", 2)
"""The slave at the first path while a link on that path is turned."""

NAMES = (*CONFIG, "e")
CONFIGS: tuple[dict[str, End], ...] = (
    CONFIG,
    {"a": OTHER, "b": ONE, "c": ONE, "d": NULL},  # two swapped
    {"e": ONE, "b": ONE, "c": OTHER, "d": NULL},  # one renamed
    {"b": NULL, "a": ONE, "e": OTHER},  # some removed, others swapped
    {"c": OTHER},
)

ORPHAN = "orphan group 91 of c"
"""A group that a killed hammerd left on the second slave."""

FIVE_BEHIND = Lag(LagVerdict.BEHIND, tids=5, seconds=5.0)
LAGS = (
    UNKNOWN,
    Lag(LagVerdict.IN_SYNC, tids=0, seconds=0.0),
    FIVE_BEHIND,
    Lag(LagVerdict.BEHIND, tids=900, seconds=900.0),
    Lag(LagVerdict.AHEAD, tids=-5),
)
JUDGEMENTS = (
    Go(),
    Go(ahead=True),
    AwaitMount("gone", "mount it"),
    Park(ParkCause.NOT_A_SLAVE, "promoted"),
    Park(ParkCause.UUID_MISMATCH, "another pair's"),
    Retry("late", "wait"),
)
FOREIGN = ForeignSeen(9, "hammer mirror-copy /x /s1")
SIGN_OF_LIFE, PROGRESS = Batch(Tid(2), Tid(9), 90), Progress(Tid(2), Tid(9), 50)
MESSAGES: tuple[Message, ...] = (
    *(Prescan(), PrescanDone(2, 90), SIGN_OF_LIFE, Batch(Tid(9), Tid(0), 0)),
    *(NoWork(), Progress(Tid(2), Tid(9), 0), PROGRESS, Committed(Tid(9))),
    *(SliceWritten(), WentIdle(), WentIdle(), WentIdle(), LostLink(), LostLink(), Remark("?")),
    *(Connecting("far", "slave"), FarLocked()),
    *(Complaint("text", cure.value, cure, "hint") for cure in Cure),
    *(
        Complaint("text", f"a login's {cure}", cure, "hint", weight=weight)
        for cure in Cure
        for weight in (Weight.PASSING, Weight.PARTING)
    ),
    Complaint("text", "not_a_slave", Cure.PARK, "hint", ParkCause.NOT_A_SLAVE),
)
RUNNING = Hold("switchover", HoldStage.RUNNING, 900.0)
INTERRUPTED = replace(RUNNING, is_interrupted=True)
PROMOTED = Hold("promote", HoldStage.PROMOTED, 900.0)
ASKS: tuple[Event, ...] = (
    *(StartAsked(), StartAsked(), StartAsked(lifts_latch=False), RestartAsked()),
    *(StopAsked(Paused()), StopAsked(Down())),
    *(HoldAsked(RUNNING), HoldAsked(INTERRUPTED), HoldAsked(PROMOTED)),
    *[HoldReleased()] * 4,
    HoldReleased(lifts_latch=True),
)
STEPS_S = (0.0, 0.1, 3.0, 59.0, 61.0, 61.0, 700.0)
