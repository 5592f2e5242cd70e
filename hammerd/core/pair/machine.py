"""The pair machine: the only place where a pair changes.

step() takes a pair's life, one event and the context, and returns the life after it and what is
to be done. It knows no process, no clock, no logger. One function per state; the table of all
states and events is printed by tests/core/pair/print_pair_table.py and checked in beside it.

The rules that hold everything together:

- A group exists exactly in launching, streaming and stopping. stopping ends with GroupEmpty only,
  and what comes after it (`then`) may only be strengthened meanwhile:
  asked > park > mount > backoff > launch.
- Nothing is ever launched from parked without a probe that says go, and nothing at all without
  a look at both ends that is younger than the last stream or the last wait.
- A healthy stream that is lost is launched again at once; whatever fails again soon backs off.
- Every state but stopped and parked as diverged has a deadline or an event of its own to leave
  it by, and no deadline lies in the past once a step is done.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import Complaint, ParkCause, Weight
from hammerd.core.pair.complaints import (
    consequence_of,
    lasting_notes,
    late_cause,
)
from hammerd.core.pair.events import (
    Context,
    DeadlinePassed,
    Event,
    ForeignSeen,
    Glanced,
    GroupEmpty,
    GroupLives,
    LeaveQueue,
    MessageRead,
    Misdirected,
    Probe,
    ProbeAnswered,
    ResourceFree,
    RestartAsked,
    SlaveMoved,
    StartAsked,
    Step,
    StopAsked,
)
from hammerd.core.pair.latches import (
    is_parked_latched,
    is_probe_forbidden,
    latch_cause,
    latch_hint,
)
from hammerd.core.pair.memory import remember, with_pair_hint
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, ProbeVerdict, Retry
from hammerd.core.pair.running import (
    foreign_hint,
    in_launching,
    in_streaming,
    reason_to_park,
)
from hammerd.core.pair.states import (
    Launching,
    LossCause,
    Memory,
    PairLife,
    Parked,
    Probing,
    Stopped,
    Stopping,
    Streaming,
    ThenLaunch,
    ThenPark,
    ThenProbe,
    ThenStopped,
    Trouble,
    Up,
    WaitingForBackoff,
    WaitingForMount,
    WaitingForResource,
)
from hammerd.core.pair.transitions import (
    MOUNT_PROBE_S,
    act_on_verdict,
    await_mount,
    back_off,
    choose_gear,
    enter,
    glance,
    kill,
    launch,
    leave_stopping,
    note_unkillable,
    park,
    park_latched,
    probe,
    stopped,
    strengthen,
)
from hammerd.core.pairs import Pair


def new_life(pair: Pair, memory: Memory, now_at: float) -> PairLife:
    """Make a pair that rests until it is asked to start, or until its pause ends."""
    return PairLife(pair, memory, stopped(memory, now_at), now_at)


def step(life: PairLife, event: Event, ctx: Context) -> Step:  # noqa: C901 - a flat table of cases
    """Let one event happen to a pair."""
    event = with_pair_hint(life.pair, event)
    wanted_at = life.wanted_at if isinstance(life.memory.wanted, Up) else ctx.now_at
    foreign_at = ctx.now_at if isinstance(event, ForeignSeen) else life.foreign_at
    life = replace(
        life,
        memory=remember(life, event, ctx),
        wanted_at=wanted_at,
        foreign_at=foreign_at,
    )
    match life.state:
        case Stopped():
            return _in_stopped(life, life.state, event, ctx)
        case Probing():
            return _in_probing(life, life.state, event, ctx)
        case Launching():
            return in_launching(life, life.state, event, ctx)
        case Streaming():
            return in_streaming(life, life.state, event, ctx)
        case Stopping():
            return _in_stopping(life, life.state, event, ctx)
        case WaitingForBackoff():
            return _in_backoff(life, event, ctx)
        case WaitingForMount():
            return _in_mount(life, life.state, event, ctx)
        case WaitingForResource():
            return _in_queue(life, event, ctx)
        case Parked():
            return _in_parked(life, life.state, event, ctx)
        case _:
            assert_never(life.state)


# --- one function per state ------------------------------------------------------------------


def _in_stopped(life: PairLife, state: Stopped, event: Event, ctx: Context) -> Step:
    match event:
        case StartAsked() | RestartAsked():
            return probe(life, ctx)
        case DeadlinePassed():
            return probe(replace(life, memory=replace(life.memory, wanted=Up())), ctx)
        case StopAsked():
            resume_at = stopped(life.memory, ctx.now_at).resume_at
            return enter(life, replace(state, resume_at=resume_at))
        case _:
            return Step(life)


def _in_probing(life: PairLife, state: Probing, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return enter(life, stopped(life.memory, ctx.now_at))
        case ForeignSeen():
            return park(life, ParkCause.FOREIGN_STREAM, foreign_hint(event), ctx)
        case _ if state.relaunch is not None:
            return _in_glance(life, state.relaunch, event, ctx)
        case ProbeAnswered(verdict):
            return act_on_verdict(life, verdict, ctx, is_confirming=state.is_confirming)
        case DeadlinePassed():
            hint = "pfs-status of an end does not come back: look at the disk or the host"
            return back_off(life, Trouble(LossCause.PROBE_TIMEOUT, hint), ctx)
        case _:
            return Step(life)


def _in_glance(life: PairLife, relaunch: ThenLaunch, event: Event, ctx: Context) -> Step:
    match event:
        case Glanced(are_as_read=True) if latch_cause(life.memory) is None:
            return launch(life, relaunch.gear, ctx)
        case Glanced() | RestartAsked() | Misdirected() | DeadlinePassed():
            return probe(life, ctx)
        case _:
            # What else would have parked a stream is seen by a probe, or by nobody.
            return probe(life, ctx) if reason_to_park(life, event) else Step(life)


def _in_stopping(life: PairLife, state: Stopping, event: Event, ctx: Context) -> Step:
    match event:
        case StartAsked() | RestartAsked():
            return strengthen(life, state, ThenProbe())
        case StopAsked():
            return strengthen(life, state, ThenStopped())
        case MessageRead(Complaint() as complaint):
            return _complained_late(life, state, complaint)
        case GroupEmpty():
            return leave_stopping(life, state.then, ctx)
        case GroupLives(scanned_at):
            return note_unkillable(life, state, scanned_at)
        case DeadlinePassed():
            return kill(life, state, ctx)
        case _:
            then = reason_to_park(life, event)
            return strengthen(life, state, then) if then else Step(life)


def _complained_late(life: PairLife, state: Stopping, complaint: Complaint) -> Step:
    """Let a complaint say what comes after: the half that failed may die before it is heard."""
    if complaint.weight is not Weight.OWN:
        then = late_cause(life, state, complaint)
        return enter(life, replace(state, then=then)) if then else Step(life)
    then = consequence_of(complaint)
    done = strengthen(life, state, then) if then else Step(life)
    return Step(done.life, (*done.effects, *lasting_notes(life, complaint)))


def _in_backoff(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return enter(life, stopped(life.memory, ctx.now_at))
        case StartAsked() | RestartAsked() | DeadlinePassed():
            return probe(life, ctx)
        case ForeignSeen():
            return park(life, ParkCause.FOREIGN_STREAM, foreign_hint(event), ctx)
        case _:
            return Step(life)


def _is_held_now(life: PairLife, event: Event) -> bool:
    """Tell whether a slave must not be asked that would be looked at next."""
    return is_probe_forbidden(life) and isinstance(event, DeadlinePassed | SlaveMoved)


def _in_mount(life: PairLife, state: WaitingForMount, event: Event, ctx: Context) -> Step:
    if _is_held_now(life, event):
        return park_latched(life, ctx)
    match event:
        case StopAsked():
            return enter(life, stopped(life.memory, ctx.now_at))
        case StartAsked() | RestartAsked():
            return probe(life, ctx)
        case DeadlinePassed():
            again_at = ctx.now_at + life.pair.timing.probe_timeout_s + MOUNT_PROBE_S
            return enter(life, replace(state, probe_at=again_at, is_probing=True), Probe())
        case ProbeAnswered(AwaitMount(cause, hint)):
            return await_mount(life, Trouble(cause, hint), ctx)
        case ProbeAnswered(verdict):
            return act_on_verdict(life, verdict, ctx)
        case ForeignSeen():
            return park(life, ParkCause.FOREIGN_STREAM, foreign_hint(event), ctx)
        case _:
            return Step(life)


def _in_queue(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return enter(life, stopped(life.memory, ctx.now_at), LeaveQueue())
        case ResourceFree():
            done = glance(life, ThenLaunch(choose_gear(life.pair, ctx)), ctx)
            return Step(done.life, (LeaveQueue(), *done.effects))
        case Misdirected():
            done = probe(life, ctx)
            return Step(done.life, (LeaveQueue(), *done.effects))
        case _:
            return _parked_in_queue(life, reason_to_park(life, event), ctx)


def _parked_in_queue(life: PairLife, then: ThenPark | None, ctx: Context) -> Step:
    if then is None:
        return Step(life)
    parked = park(life, then.cause, then.hint, ctx)
    return Step(parked.life, (LeaveQueue(), *parked.effects))


def _in_parked(life: PairLife, state: Parked, event: Event, ctx: Context) -> Step:
    if _is_held_now(life, event) and not is_parked_latched(life):
        return park_latched(life, ctx)
    match event:
        case StopAsked():
            return enter(life, stopped(life.memory, ctx.now_at))
        case StartAsked() | RestartAsked():
            return probe(life, ctx)
        case DeadlinePassed():
            again_at = ctx.now_at + life.pair.timing.probe_timeout_s + state.probe_every_s
            return enter(life, replace(state, probe_at=again_at, is_probing=True), Probe())
        case ProbeAnswered(verdict):
            return _looked(life, state, verdict, ctx)
        case ForeignSeen() if state.is_probing:
            # It is the answer of a look: there is no other cause any more.
            cause, hint = ParkCause.FOREIGN_STREAM, foreign_hint(event)
            return _parked_still(life, state, cause, hint, ctx)
        case _:
            return Step(life)


def _looked(life: PairLife, state: Parked, verdict: ProbeVerdict, ctx: Context) -> Step:
    """Let a look at both ends confirm, correct or end what a pair is parked for."""
    match verdict:
        case Go() | AwaitMount() if not is_parked_latched(life):
            return act_on_verdict(life, verdict, ctx)
        case Park(cause, hint):
            return _parked_still(life, state, cause, hint, ctx)
        case Go() if state.cause is latch_cause(life.memory):
            # What an earlier look said of the ends is over, what was seen of them is not.
            return _parked_still(life, state, state.cause, latch_hint(life), ctx)
        case Go() | AwaitMount() | Retry():
            return _parked_still(life, state, state.cause, state.hint, ctx)
        case _:
            assert_never(verdict)


def _parked_still(
    life: PairLife, state: Parked, cause: ParkCause, hint: str, ctx: Context
) -> Step:
    parked = park(life, cause, hint, ctx)
    if cause != state.cause:
        return parked
    return enter(
        life,
        replace(state, hint=hint, probe_at=ctx.now_at + state.probe_every_s, is_probing=False),
    )
