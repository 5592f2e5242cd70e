"""The pair machine: the only place where a pair changes.

step() takes a pair's life, one event and the context, and returns the life after it and what is
to be done. It knows no process, no clock, no logger. One function per state; the table of all
states and events is printed by tests/core/print_pair_table.py and checked in beside it.

The rules that hold everything together:

- A group exists exactly in launching, streaming and stopping. stopping ends with GroupEmpty only,
  and what comes after it (`then`) may only be strengthened meanwhile:
  asked > park > mount > backoff > launch.
- Nothing is ever launched from parked without a probe that says go.
- A healthy stream that is lost is launched again at once; whatever fails again soon backs off.
- Every state but stopped and parked has a deadline or an event of its own to leave it by.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.judgement import AwaitMount, Go, Park, Retry
from hammerd.core.lag import LagVerdict
from hammerd.core.pair_deadlines import MOUNT_LOOK_S, PARKED_LOOK_S, choose_gear
from hammerd.core.pair_events import (
    Context,
    DeadlinePassed,
    DivergedSeen,
    Event,
    ForeignSeen,
    GroupEmpty,
    HalfDied,
    HalvesWorked,
    LeaderDied,
    LeaveQueue,
    Note,
    NoteName,
    Probe,
    ProbeAnswered,
    RestartAsked,
    Said,
    Sampled,
    SlaveBusy,
    SlaveFree,
    SpawnFailed,
    StartAsked,
    Step,
    StopAsked,
)
from hammerd.core.pair_moves import (
    DIVERGED_HINT,
    back_off,
    end,
    forgiven,
    go_on,
    judged,
    kill,
    launch,
    park,
    probe,
    stopped,
    strengthen,
    to,
)
from hammerd.core.pair_states import (
    AtRest,
    Copying,
    InPrescan,
    Launching,
    LossCause,
    Memory,
    PairLife,
    Parked,
    Phase,
    Probing,
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
    Up,
    WaitingForBackoff,
    WaitingForMount,
    WaitingForSlave,
)
from hammerd.core.pairs import Gear, Pair
from hammerd.core.stream_sayings import (
    Batch,
    Committed,
    Complaint,
    Cure,
    Idle,
    LostLink,
    NoWork,
    ParkCause,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    Saying,
    SliceWritten,
)

LAST_WORDS = 8
"""How many lines of an attempt are kept to be quoted when it fails."""


def new_life(pair: Pair, memory: Memory, now_at: float) -> PairLife:
    """Make a pair that rests until it is asked to start, or until its pause ends."""
    return PairLife(pair, memory, stopped(memory, now_at))


def step(life: PairLife, event: Event, ctx: Context) -> Step:  # noqa: C901 - a flat table of cases
    """Let one event happen to a pair."""
    life = replace(life, memory=_remembered(life.memory, event))
    match life.state:
        case Stopped():
            return _in_stopped(life, event, ctx)
        case Probing():
            return _in_probing(life, life.state, event, ctx)
        case Launching():
            return _in_launching(life, life.state, event, ctx)
        case Streaming():
            return _in_streaming(life, life.state, event, ctx)
        case Stopping():
            return _in_stopping(life, life.state, event, ctx)
        case WaitingForBackoff():
            return _in_backoff(life, event, ctx)
        case WaitingForMount():
            return _in_mount(life, life.state, event, ctx)
        case WaitingForSlave():
            return _in_queue(life, life.state, event, ctx)
        case Parked():
            return _in_parked(life, life.state, event, ctx)
        case _:
            assert_never(life.state)


def _remembered(memory: Memory, event: Event) -> Memory:
    match event:
        case StartAsked():
            return replace(memory, wanted=Up(), is_diverged=False, failures=0)
        case RestartAsked():
            return replace(memory, wanted=Up())
        case StopAsked(wanted):
            return replace(memory, wanted=wanted)
        case Said(Complaint(text=text) | Remark(text=text)):
            return replace(memory, last_words=(*memory.last_words, text)[-LAST_WORDS:])
        case DivergedSeen():
            return replace(memory, is_diverged=True)
        case _:
            return memory


# --- one function per state ------------------------------------------------------------------


def _in_stopped(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StartAsked() | RestartAsked():
            return probe(life, ctx)
        case DeadlinePassed():
            return probe(replace(life, memory=replace(life.memory, wanted=Up())), ctx)
        case StopAsked():
            return to(life, stopped(life.memory, ctx.now_at))
        case _:
            return Step(life)


def _in_probing(life: PairLife, state: Probing, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return to(life, stopped(life.memory, ctx.now_at))
        case ProbeAnswered(judgement):
            return judged(life, judgement, ctx, is_confirming=state.is_confirming)
        case ForeignSeen():
            return park(life, ParkCause.FOREIGN_STREAM, _foreign_hint(event), ctx)
        case DeadlinePassed():
            hint = "pfs-status of an end does not come back: look at the disk or the host"
            return back_off(life, Trouble(LossCause.PROBE_TIMEOUT, hint), ctx)
        case _:
            return Step(life)


def _in_launching(life: PairLife, state: Launching, event: Event, ctx: Context) -> Step:  # noqa: C901 - a flat table of cases
    match event:
        case SpawnFailed(text=text):
            return back_off(life, Trouble(LossCause.SPAWN_FAILED, text), ctx)
        case SlaveBusy(owner):
            trouble = Trouble("slave_busy", f"{owner} still holds the slave")
            return to(life, WaitingForSlave(ctx.now_at, state.gear, trouble))
        case Said(LostLink()):
            return end(life, ThenBackoff(Trouble(LossCause.LINK_LOST)), ctx)
        case Said(Complaint() as complaint):
            return _complained(life, complaint, ctx)
        case Said(Remark()):
            return Step(life)
        case Said(saying):
            streaming = Streaming(
                ctx.now_at, state.since_at, state.gear, InPrescan(), progress_at=ctx.now_at
            )
            return _heard(replace(life, state=streaming), streaming, saying, ctx)
        case DeadlinePassed():
            hint = "the stream said nothing since it was started"
            return end(life, ThenBackoff(Trouble(LossCause.LAUNCH_TIMEOUT, hint)), ctx)
        case HalfDied() | LeaderDied():
            return end(life, ThenBackoff(_death(event)), ctx)
        case _:
            return _with_group(life, event, ctx)


def _in_streaming(life: PairLife, state: Streaming, event: Event, ctx: Context) -> Step:
    match event:
        case Said(saying):
            return _heard(life, state, saying, ctx)
        case HalfDied() | LeaderDied():
            return _lost(life, state, _death(event), ctx)
        case HalvesWorked() if isinstance(state.phase, InPrescan):
            return to(life, replace(state, progress_at=ctx.now_at))
        case Sampled(Go() | AwaitMount() | Retry()):
            return to(life, _sampled(state, ctx))
        case DeadlinePassed():
            return _lost(life, state, _stall(state), ctx)
        case _:
            return _with_group(life, event, ctx)


def _in_stopping(life: PairLife, state: Stopping, event: Event, ctx: Context) -> Step:  # noqa: C901 - a flat table of cases
    match event:
        case StartAsked() | RestartAsked():
            return strengthen(life, state, ThenProbe())
        case StopAsked():
            return strengthen(life, state, ThenStopped())
        case Said(Complaint() as complaint):
            then = _then_of(complaint)
            return strengthen(life, state, then) if then else Step(life)
        case DivergedSeen():
            return strengthen(life, state, ThenPark(ParkCause.DIVERGED, DIVERGED_HINT))
        case Sampled(Park(cause, hint)):
            return strengthen(life, state, ThenPark(cause, hint))
        case ForeignSeen():
            then = ThenPark(ParkCause.FOREIGN_STREAM, _foreign_hint(event))
            return strengthen(life, state, then)
        case GroupEmpty():
            return go_on(life, state.then, ctx)
        case DeadlinePassed():
            return kill(life, state, ctx)
        case _:
            return Step(life)


def _in_backoff(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return to(life, stopped(life.memory, ctx.now_at))
        case StartAsked() | RestartAsked() | DeadlinePassed():
            return probe(life, ctx)
        case _:
            return Step(life)


def _in_mount(life: PairLife, state: WaitingForMount, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return to(life, stopped(life.memory, ctx.now_at))
        case StartAsked() | RestartAsked():
            return probe(life, ctx)
        case DeadlinePassed():
            again_at = ctx.now_at + life.pair.timing.probe_timeout_s + MOUNT_LOOK_S
            return to(life, replace(state, look_at=again_at, is_looking=True), Probe())
        case ProbeAnswered(AwaitMount(cause, hint)):
            look_at = ctx.now_at + MOUNT_LOOK_S
            waiting = WaitingForMount(state.since_at, look_at, Trouble(cause, hint))
            return to(life, waiting)
        case ProbeAnswered(judgement):
            return judged(life, judgement, ctx)
        case _:
            return Step(life)


def _in_queue(life: PairLife, state: WaitingForSlave, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return to(life, stopped(life.memory, ctx.now_at), LeaveQueue())
        case SlaveFree():
            return launch(life, state.gear, ctx)
        case ForeignSeen():
            step_ = park(life, ParkCause.FOREIGN_STREAM, _foreign_hint(event), ctx)
            return Step(step_.life, (LeaveQueue(), *step_.effects))
        case _:
            return Step(life)


def _in_parked(life: PairLife, state: Parked, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return to(life, stopped(life.memory, ctx.now_at))
        case StartAsked() | RestartAsked():
            return probe(life, ctx)
        case DeadlinePassed():
            again_at = ctx.now_at + life.pair.timing.probe_timeout_s + PARKED_LOOK_S
            return to(life, replace(state, look_at=again_at, is_looking=True), Probe())
        case ProbeAnswered(Go() as go) if state.cause != ParkCause.DIVERGED:
            return judged(life, go, ctx)
        case ProbeAnswered(Park(cause, hint)) if cause != state.cause or hint != state.hint:
            return park(life, cause, hint, ctx)
        case ProbeAnswered():
            look_at = ctx.now_at + PARKED_LOOK_S
            return to(life, replace(state, look_at=look_at, is_looking=False))
        case _:
            return Step(life)


# --- what launching and streaming have in common -----------------------------------------------


def _with_group(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return end(life, ThenStopped(), ctx)
        case RestartAsked():
            return end(life, ThenProbe(), ctx)
        case DivergedSeen():
            return end(life, ThenPark(ParkCause.DIVERGED, DIVERGED_HINT), ctx)
        case ForeignSeen():
            then = ThenPark(ParkCause.FOREIGN_STREAM, _foreign_hint(event))
            return end(life, then, ctx)
        case Sampled(Park(cause, hint)):
            return end(life, ThenPark(cause, hint), ctx)
        case _:
            return Step(life)


def _heard(life: PairLife, state: Streaming, saying: Saying, ctx: Context) -> Step:  # noqa: C901 - a flat table of cases
    match saying:
        case LostLink():
            return _lost(life, state, Trouble(LossCause.LINK_LOST), ctx)
        case Complaint():
            return _complained(life, saying, ctx)
        case Remark() | NoWork():
            return to(life, state)
        case Idle():
            return _rested(life, _progressed(state, AtRest(), ctx), ctx)
        case Progress(slice_bytes=sent_bytes):
            return to(life, _progressed(state, _copying(state.phase, sent_bytes), ctx))
        case Committed() | SliceWritten():
            return to(life, _progressed(state, state.phase, ctx))
        case Batch(begin, end, bulk_bytes) if end > begin:
            return to(life, replace(state, phase=Copying(0, bulk_bytes), progress_at=ctx.now_at))
        case Batch():
            return to(life, state)
        case Prescan() | PrescanDone():
            return to(life, replace(state, phase=InPrescan(), progress_at=ctx.now_at))
        case _:
            assert_never(saying)


def _copying(phase: Phase, sent_bytes: int) -> Copying:
    total_bytes = phase.total_bytes if isinstance(phase, Copying) else None
    return Copying(sent_bytes, total_bytes)


def _progressed(state: Streaming, phase: Phase, ctx: Context) -> Streaming:
    return replace(state, phase=phase, progress_at=ctx.now_at, has_progressed=True)


def _rested(life: PairLife, state: Streaming, ctx: Context) -> Step:
    life = replace(life, state=state)
    if state.gear is Gear.BULK and choose_gear(life.pair, ctx) is Gear.FOLLOWING:
        return end(life, ThenLaunch(Gear.FOLLOWING), ctx)
    return Step(life)


def _sampled(state: Streaming, ctx: Context) -> Streaming:
    if ctx.lag.verdict is not LagVerdict.BEHIND:
        return replace(state, behind_since_at=None)
    if state.behind_since_at is None:
        return replace(state, behind_since_at=ctx.now_at)
    return state


def _complained(life: PairLife, complaint: Complaint, ctx: Context) -> Step:
    then = _then_of(complaint)
    if then is not None:
        return end(_with_restart_counted(life), then, ctx)
    if complaint.cure is Cure.NOTE:
        trouble = Trouble(complaint.name, complaint.hint)
        return Step(life, (Note(NoteName.COMPLAINED, trouble, complaint.text),))
    return Step(life)


def _then_of(complaint: Complaint) -> Then | None:
    trouble = Trouble(complaint.name, complaint.hint)
    match complaint.cure:
        case Cure.RETRY:
            return ThenBackoff(trouble)
        case Cure.MOUNT:
            return ThenMount(trouble)
        case Cure.PARK:
            return ThenPark(complaint.park_cause or ParkCause.REFUSED, complaint.hint)
        case Cure.NOTE | Cure.ECHO:
            return None
        case _:
            assert_never(complaint.cure)


def _lost(life: PairLife, state: Streaming, trouble: Trouble, ctx: Context) -> Step:
    """End what is left of a stream; launch again at once if it was healthy, else back off."""
    life = _with_restart_counted(forgiven(life, state, ctx))
    memory, healthy_after_s = life.memory, life.pair.timing.healthy_after_s
    is_rare = memory.relaunched_at is None or ctx.now_at - memory.relaunched_at >= healthy_after_s
    if memory.failures == 0 and is_rare:
        return end(life, ThenLaunch(choose_gear(life.pair, ctx), trouble), ctx)
    return end(life, ThenBackoff(trouble), ctx)


def _with_restart_counted(life: PairLife) -> PairLife:
    return replace(life, memory=replace(life.memory, restarts=life.memory.restarts + 1))


def _death(event: HalfDied | LeaderDied) -> Trouble:
    match event:
        case HalfDied(pid):
            return Trouble(LossCause.HALF_DIED, f"pid {pid}")
        case LeaderDied(status):
            return Trouble(LossCause.LEADER_DIED, status)


def _stall(state: Streaming) -> Trouble:
    if isinstance(state.phase, InPrescan):
        hint = "the prescan is silent and uses no CPU: look at the master's disk"
        return Trouble(LossCause.PRESCAN_STUCK, hint)
    hint = "the master moves on, the stream does not: look at the slave's disk and at the link"
    return Trouble(LossCause.STALLED, hint)


def _foreign_hint(event: ForeignSeen) -> str:
    return f"pid {event.pid} writes to the slave too ({event.command}): end it, hammerd will not"
