"""Prints the step of a pair in every state at every event, cell by cell, by step() itself.

    .venv/bin/python -m tests.core.pair.print_pair_table > tests/core/pair/pair_table.txt

The printout is checked in: a review reads it row by row, and a test fails when a cell changed.
A blank cell is one that the daemon never delivers; never_delivered.py says why.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

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
    Acknowledged,
    CheckHalves,
    Context,
    DeadlinePassed,
    DivergedSeen,
    Effect,
    Event,
    ForeignSeen,
    Glance,
    Glanced,
    GroupEmpty,
    GroupLives,
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesGone,
    HalvesWorked,
    HoldAsked,
    HoldReleased,
    Kill,
    Launch,
    LeaveQueue,
    MessageRead,
    Misdirected,
    Note,
    ParentDied,
    Probe,
    ProbeAnswered,
    ResourceBusy,
    ResourceFree,
    RestartAsked,
    Sampled,
    SlaveMoved,
    Spawned,
    SpawnFailed,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.latches import latch_cause
from hammerd.core.pair.machine import step
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, Retry
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import (
    Copying,
    Down,
    Draining,
    IdlePhase,
    InPrescan,
    Launching,
    Memory,
    PairLife,
    Parked,
    Paused,
    Phase,
    Probing,
    State,
    Stopped,
    Stopping,
    Streaming,
    Then,
    ThenBackoff,
    ThenLaunch,
    ThenMount,
    ThenPark,
    ThenProbe,
    ThenStopped,
    Trouble,
    WaitingForBackoff,
    WaitingForMount,
    WaitingForResource,
)
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.replication.promotions import Promotion, PromotionSign
from hammerd.core.tid import Tid
from tests.core.pair.never_delivered import Never, why_never

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))
PUSH = Pair("home", Endpoint("/master"), Endpoint("/slave", SshHost("backup")))
TROUBLE = Trouble("why")
SINCE_AT = 1000.0
NOW_AT = 1030.0

LEGEND = """\
Every state x every event. Printed by tests/core/pair/print_pair_table.py: see there.

+ launch   g glance   - TERM the group   K KILL the group   ? probe   u leave the queue   ! note
c check whether a half lives
f a failure is counted   0 failures are forgiven   r a lost stream is counted
d latched   l the latch is lifted
. nothing   ~ the same state, renewed   (blank) the shell never delivers it; the reasons are below
st>X  stopping, becomes X when the group is empty; (f) in following gear

The streams here are in bulk gear but for "idle(f)", launched 30 s ago (healthy_after is 60 s) and
progressed; the lag is 5 s where an event does not say otherwise; no failure is on the pair but
where one is named. Both ends are on this host but for "far slave".
"""


# --- the states ------------------------------------------------------------------------------


def stopping(then: Then, kills: int = 0) -> Stopping:
    return Stopping(SINCE_AT, NOW_AT + 2, then, kills)


def streaming(phase: Phase, gear: Gear = Gear.BULK) -> Streaming:
    return Streaming(SINCE_AT, SINCE_AT, gear, phase, SINCE_AT, has_progressed=True)


UUIDS = ThenPark(ParkCause.UUID_MISMATCH, "uuids differ", is_from_stream=True)
REFUSED = Parked(SINCE_AT, NOW_AT + 30, ParkCause.REFUSED, "refused")
MOUNT = WaitingForMount(SINCE_AT, NOW_AT + 5, TROUBLE)

WITHOUT_GROUP: dict[str, State] = {
    "stopped": Stopped(SINCE_AT),
    "stopped/for": Stopped(SINCE_AT, resume_at=NOW_AT + 60),
    "probing": Probing(SINCE_AT, NOW_AT + 20),
    "glance": Probing(SINCE_AT, NOW_AT + 1, relaunch=ThenLaunch(Gear.FOLLOWING)),
    "/confirming": Probing(SINCE_AT, NOW_AT + 20, is_confirming=True),
    "/uuids": Probing(SINCE_AT, NOW_AT + 20, unconfirmed=UUIDS),
    "backoff": WaitingForBackoff(SINCE_AT, NOW_AT + 5, TROUBLE),
    "mount": MOUNT,
    "/probing": replace(MOUNT, is_probing=True),
    "slave": WaitingForResource(SINCE_AT, Resource.SLAVE, TROUBLE),
    "drain": WaitingForResource(SINCE_AT, Resource.DRAIN, TROUBLE),
    "parked": REFUSED,
    "/probing ": replace(REFUSED, is_probing=True),
    "/foreign": replace(REFUSED, cause=ParkCause.FOREIGN_STREAM, hint="foreign"),
    "/diverged": replace(REFUSED, cause=ParkCause.DIVERGED, hint="diverged"),
    "/promoted": replace(REFUSED, cause=ParkCause.NOT_A_SLAVE, hint="promoted"),
}

BEHIND = replace(
    streaming(IdlePhase(), Gear.FOLLOWING), behind_since_at=SINCE_AT, behind_at_tid=Tid(9)
)

WITH_GROUP: dict[str, State] = {
    "launching": Launching(SINCE_AT, NOW_AT + 30, Gear.BULK),
    "prescan": streaming(InPrescan()),
    "copying": streaming(Copying(10, 100)),
    "idle": streaming(IdlePhase()),
    "idle(f)": streaming(IdlePhase(), Gear.FOLLOWING),
    "behind(f)": BEHIND,
    "st>stopped": stopping(ThenStopped()),
    "st>probe": stopping(ThenProbe()),
    "st>parked": stopping(ThenPark(ParkCause.REFUSED, "refused")),
    "st>uuids": stopping(UUIDS),
    "st>mount": stopping(ThenMount(TROUBLE)),
    "st>backoff": stopping(ThenBackoff(TROUBLE)),
    "st>launch": stopping(ThenLaunch(Gear.BULK, TROUBLE)),
    "/killed": stopping(ThenLaunch(Gear.BULK, TROUBLE), kills=1),
    "/unkillable": replace(stopping(ThenLaunch(Gear.BULK, TROUBLE), kills=2), is_unkillable=True),
}


# --- the events ------------------------------------------------------------------------------


FRESH = Memory()
A_LITTLE_BEHIND = Lag(LagVerdict.BEHIND, tids=5, seconds=5.0)


@dataclass(frozen=True, slots=True)
class PairRow:
    """An event; the memory, the lag and the endpoints of the pair when it comes."""

    event: Event
    memory: Memory = FRESH
    lag: Lag = A_LITTLE_BEHIND
    pair: Pair = PAIR


def complaint(cure: Cure) -> Complaint:
    cause = ParkCause.REFUSED if cure is Cure.PARK else None
    return Complaint("text", f"{cure}_name", cure, "hint", cause)


def message(read: Message) -> PairRow:
    return PairRow(MessageRead(read))


RESTED, MOVED = Memory(draining=Draining(Tid(9))), Memory(draining=Draining(Tid(8)))
FULL = Complaint("text", "slave_full", Cure.RETRY, "hint")
FAILED = Memory(failures=1)
SWITCHOVER = Hold("switchover", HoldStage.RUNNING, SINCE_AT)
HELD = Memory(hold=SWITCHOVER)
LATCHED = Memory(is_diverged=True)
PROMOTED = Memory(promotion=Promotion(PromotionSign.ROLE_READ, SINCE_AT))
JUST_RELAUNCHED = Memory(relaunched_at=NOW_AT - 59)
PAUSED = Memory(wanted=Paused(NOW_AT + 60))
IN_SYNC = Lag(LagVerdict.IN_SYNC, tids=0, seconds=0.0)
FAR_BEHIND = Lag(LagVerdict.BEHIND, tids=900, seconds=900.0)

ROWS: dict[str, PairRow] = {
    "StartAsked": PairRow(StartAsked()),
    "StartAsked, latched, failed": PairRow(StartAsked(), replace(LATCHED, failures=1)),
    "StartAsked, not by a person": PairRow(StartAsked(lifts_latch=False), LATCHED),
    "  not by a person, failed": PairRow(StartAsked(lifts_latch=False), FAILED),
    "StartAsked, was a master": PairRow(StartAsked(), PROMOTED),
    "  not by a person": PairRow(StartAsked(lifts_latch=False), PROMOTED),
    "StopAsked": PairRow(StopAsked(Paused())),
    "StopAsked for a time": PairRow(StopAsked(Paused(NOW_AT + 60))),
    "StopAsked for good": PairRow(StopAsked(Down())),
    "RestartAsked": PairRow(RestartAsked()),
    "RestartAsked, latched": PairRow(RestartAsked(), LATCHED),
    "HoldAsked": PairRow(HoldAsked(SWITCHOVER)),
    "  interrupted now": PairRow(HoldAsked(replace(SWITCHOVER, is_interrupted=True)), HELD),
    "HoldReleased": PairRow(HoldReleased(), HELD),
    "  after a reseed": PairRow(HoldReleased(lifts_latch=True), replace(LATCHED, hold=SWITCHOVER)),
    "  latched": PairRow(HoldReleased(), replace(LATCHED, hold=SWITCHOVER)),
    "  paused": PairRow(HoldReleased(), replace(HELD, wanted=Paused())),
    "held: StartAsked": PairRow(StartAsked(), HELD),
    "held: RestartAsked": PairRow(RestartAsked(), HELD),
    "held: StopAsked": PairRow(StopAsked(Paused()), HELD),
    "held: Probe: go": PairRow(ProbeAnswered(Go()), HELD),
    "held: Sampled park": PairRow(Sampled(Park(ParkCause.NOT_A_SLAVE, "hint")), HELD),
    "held: SlaveMoved": PairRow(SlaveMoved(Tid(3), Tid(9)), HELD),
    "held: GroupEmpty": PairRow(GroupEmpty(), HELD),
    "held: DeadlinePassed": PairRow(DeadlinePassed(), HELD),
    "Probe: go": PairRow(ProbeAnswered(Go())),
    "Probe: go, latched": PairRow(ProbeAnswered(Go()), LATCHED),
    "Probe: go, was a master": PairRow(ProbeAnswered(Go()), PROMOTED),
    "Probe: go, drained": PairRow(ProbeAnswered(Go()), RESTED, pair=PUSH),
    "Probe: go, moved meanwhile": PairRow(ProbeAnswered(Go()), MOVED, pair=PUSH),
    "Probe: slave ahead": PairRow(ProbeAnswered(Go(ahead=True))),
    "Probe: mount": PairRow(ProbeAnswered(AwaitMount("no_mount", "hint"))),
    "Probe: park": PairRow(ProbeAnswered(Park(ParkCause.UUID_MISMATCH, "hint"))),
    "Probe: slave is a master": PairRow(ProbeAnswered(Park(ParkCause.NOT_A_SLAVE, "hint"))),
    "Probe: park as it is": PairRow(ProbeAnswered(Park(ParkCause.REFUSED, "refused"))),
    "Probe: retry": PairRow(ProbeAnswered(Retry("cause", "hint"))),
    "Glanced: as read": PairRow(Glanced(are_as_read=True)),
    "Glanced: as read, latched": PairRow(Glanced(are_as_read=True), LATCHED),
    "Glanced: not as read": PairRow(Glanced(are_as_read=False)),
    "Glanced: as read, drained": PairRow(Glanced(are_as_read=True), RESTED, pair=PUSH),
    "Misdirected": PairRow(Misdirected(TROUBLE)),
    "Spawned": PairRow(Spawned(7)),
    "SpawnFailed": PairRow(SpawnFailed(11, "text")),
    "ResourceBusy": PairRow(ResourceBusy(Resource.SLAVE, "other")),
    "  drains": PairRow(ResourceBusy(Resource.DRAIN, "other"), pair=PUSH),
    "ResourceFree": PairRow(ResourceFree()),
    "MessageRead Prescan": message(Prescan()),
    "MessageRead PrescanDone": message(PrescanDone(3, 30)),
    "MessageRead Batch": message(Batch(Tid(2), Tid(9), 100)),
    "MessageRead Batch of nothing": message(Batch(Tid(9), Tid(0), 0)),
    "MessageRead NoWork": message(NoWork()),
    "MessageRead Progress": message(Progress(Tid(2), Tid(9), 50)),
    "MessageRead Committed": message(Committed(Tid(9))),
    "MessageRead SliceWritten": message(SliceWritten()),
    "MessageRead WentIdle": message(WentIdle()),
    "MessageRead WentIdle, far behind": replace(message(WentIdle()), lag=FAR_BEHIND),
    "MessageRead WentIdle, lag unknown": replace(message(WentIdle()), lag=UNKNOWN),
    "MessageRead LostLink": message(LostLink()),
    "  with a failure": replace(message(LostLink()), memory=FAILED),
    "  just relaunched": replace(message(LostLink()), memory=JUST_RELAUNCHED),
    "  far slave": replace(message(LostLink()), pair=PUSH),
    "MessageRead Connecting": replace(message(Connecting("backup", "slave")), pair=PUSH),
    "MessageRead FarLocked": replace(message(FarLocked()), pair=PUSH),
    "MessageRead Complaint: park": message(complaint(Cure.PARK)),
    "MessageRead Complaint: uuids differ": message(
        Complaint("text", "uuid_mismatch", Cure.PARK, "hint", ParkCause.UUID_MISMATCH)
    ),
    "MessageRead Complaint: of a login": message(
        Complaint("text", "name", Cure.PARK, "hint", ParkCause.REFUSED, Weight.PARTING)
    ),
    "  far slave ": replace(message(complaint(Cure.PARK)), pair=PUSH),
    "MessageRead Complaint: mount": message(complaint(Cure.MOUNT)),
    "MessageRead Complaint: retry": message(complaint(Cure.RETRY)),
    "  slave is full": message(FULL),
    "  slave is full, far slave": replace(message(FULL), pair=PUSH),
    "MessageRead Complaint: note": message(complaint(Cure.NOTE)),
    "MessageRead Complaint: of damage": message(
        Complaint("text", "data_damaged", Cure.NOTE, "hint")
    ),
    "MessageRead Complaint: echo": message(complaint(Cure.ECHO)),
    "MessageRead Remark": message(Remark("text")),
    "HalfDied": PairRow(HalfDied(8)),
    "HalfDied, slave is full": PairRow(HalfDied(8), Memory(likely_cause=FULL), pair=PUSH),
    "HalvesGone": PairRow(HalvesGone()),
    "HalfStopped": PairRow(HalfStopped(8, "target")),
    "HalfContinued": PairRow(HalfContinued(8)),
    "ParentDied": PairRow(ParentDied("signal 9")),
    "HalvesWorked": PairRow(HalvesWorked()),
    "GroupLives, after the grace": PairRow(GroupLives(NOW_AT + 9)),
    "GroupLives, scanned before": PairRow(GroupLives(SINCE_AT)),
    "GroupEmpty": PairRow(GroupEmpty()),
    "GroupEmpty, paused for a time": PairRow(GroupEmpty(), PAUSED),
    "Sampled in sync": PairRow(Sampled(Go()), lag=IN_SYNC),
    "Sampled behind": PairRow(Sampled(Go())),
    "Sampled unknown": PairRow(Sampled(Retry("cause", "hint")), lag=UNKNOWN),
    "Sampled mount": PairRow(Sampled(AwaitMount("no_mount", "hint")), lag=UNKNOWN),
    "Sampled park": PairRow(Sampled(Park(ParkCause.NOT_A_SLAVE, "hint"))),
    "DivergedSeen": PairRow(DivergedSeen()),
    "SlaveMoved": PairRow(SlaveMoved(Tid(3), Tid(9))),
    "  far slave  ": PairRow(SlaveMoved(Tid(3), Tid(9)), pair=PUSH),
    "ForeignSeen": PairRow(ForeignSeen(9, "hammer mirror-copy /x /slave")),
    "Acknowledged": PairRow(Acknowledged()),
    "DeadlinePassed": PairRow(DeadlinePassed()),
    "  with a failure ": PairRow(DeadlinePassed(), FAILED),
    "  was a master": PairRow(DeadlinePassed(), PROMOTED),
}


# --- cells -----------------------------------------------------------------------------------


def context_of(row: PairRow, now_at: float) -> Context:
    return Context(now_at, lambda _pair, _failures: 2.0, row.lag, Tid(9))


def cell(state: State, row: PairRow) -> str:
    """Return the cell of a state and an event; empty if the event never comes."""
    life = PairLife(row.pair, row.memory, state)
    if why_never(life, row.event):
        return ""
    now_at = NOW_AT
    if isinstance(row.event, DeadlinePassed):
        now_at = deadline(life) or NOW_AT
    done = step(life, row.event, context_of(row, now_at))
    marks = "".join(MARKS[type(effect)] for effect in done.effects) + marks_of_memory(
        life, done.life
    )
    return f"{_entered(state, done.life.state)}{marks}".removeprefix("." if marks else "")


def _entered(before: State, after: State) -> str:
    if after == before:
        return "."
    if isinstance(before, Stopping) and isinstance(after, Stopping):
        was, now = (before.kills, before.is_unkillable), (after.kills, after.is_unkillable)
        if was < now:
            return "/unkillable" if after.is_unkillable else "/killed"
    word = word_of(after)
    return "~" if word == word_of(before) else word


def word_of(state: State) -> str:  # noqa: C901 - a flat table of cases
    match state:
        case Stopped(resume_at=resume_at):
            return "stopped" if resume_at is None else "stopped/for"
        case Probing(relaunch=ThenLaunch()):
            return "glance"
        case Probing(unconfirmed=unconfirmed) if unconfirmed is not None:
            return "probing/uuids"
        case Probing(is_confirming=is_confirming):
            return "confirming" if is_confirming else "probing"
        case Launching():
            return "launching"
        case Streaming(phase=phase):
            return _word_of_phase(phase)
        case Stopping(then=then):
            return f"st>{word_of_then(then)}"
        case WaitingForBackoff():
            return "backoff"
        case WaitingForMount(is_probing=is_probing):
            return "mount" + _probing(is_probing)
        case WaitingForResource(resource=resource):
            return resource.value
        case Parked(cause=cause, is_probing=is_probing):
            return _word_of_park(cause) + _probing(is_probing)
        case _:
            assert_never(state)


def _probing(is_probing: bool) -> str:
    return "/probing" if is_probing else ""


def _word_of_phase(phase: Phase) -> str:
    return {InPrescan: "prescan", Copying: "copying", IdlePhase: "idle"}[type(phase)]


def _word_of_park(cause: ParkCause) -> str:
    words = {
        ParkCause.DIVERGED: "diverged",
        ParkCause.FOREIGN_STREAM: "foreign",
        ParkCause.NOT_A_SLAVE: "promoted",
        ParkCause.UUID_MISMATCH: "uuids",
    }
    return words.get(cause, "parked")


def word_of_then(then: Then) -> str:
    match then:
        case ThenStopped():
            return "stopped"
        case ThenProbe():
            return "probe"
        case ThenPark(cause):
            return _word_of_park(cause)
        case ThenMount():
            return "mount"
        case ThenBackoff():
            return "backoff"
        case ThenLaunch(gear):
            return "launch(f)" if gear is Gear.FOLLOWING else "launch"
        case _:
            assert_never(then)


MARKS: dict[type[Effect], str] = {
    Launch: "+",
    Terminate: "-",
    Kill: "K",
    Probe: "?",
    Glance: "g",
    LeaveQueue: "u",
    CheckHalves: "c",
    Note: "!",
}


def marks_of_memory(before: PairLife, after: PairLife) -> str:
    was, now = before.memory, after.memory
    marks = (
        ("f", now.failures > was.failures),
        ("0", now.failures < was.failures),
        ("r", now.restarts > was.restarts),
        ("d", latch_cause(now) is not None and latch_cause(was) is None),
        ("l", latch_cause(was) is not None and latch_cause(now) is None),
    )
    return "".join(mark for mark, is_so in marks if is_so)


# --- all cells -------------------------------------------------------------------------------

Cell = Callable[[State, PairRow], str]


def table(states: dict[str, State]) -> Iterator[str]:
    names = {name: max(len(name), 13) for name in states}
    yield (" " * 30 + " ".join(name.rjust(width) for name, width in names.items())).rstrip()
    for title, row in ROWS.items():
        cells = [cell(state, row).rjust(names[name]) for name, state in states.items()]
        if any(text.strip() for text in cells):
            yield f"{title:<30}{' '.join(cells)}".rstrip()


def reasons() -> Iterator[str]:
    yield "Blank, and rows that are left out, because the shell never delivers it there:"
    for reason in Never:
        found = {
            title.strip()
            for title, row in ROWS.items()
            for state in (*WITHOUT_GROUP.values(), *WITH_GROUP.values())
            if why_never(PairLife(row.pair, row.memory, state), row.event) == reason
        }
        kinds = sorted({type(ROWS[title].event).__name__ for title in ROWS if title in found})
        yield f"  {', '.join(kinds)}: {reason}"


def printout() -> str:
    lines = (
        LEGEND,
        "WITHOUT A GROUP\n",
        *table(WITHOUT_GROUP),
        "\nWITH A GROUP\n",
        *table(WITH_GROUP),
        "",
        *reasons(),
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(printout(), end="")  # noqa: T201 - it is what this file is for
