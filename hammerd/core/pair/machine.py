"""Holds the pair machine: the only place where a pair changes.

step() takes a pair's life, one event and the context; it returns the life after the event, and
effects. It reads no process, no clock and no log. Each state has one function; launching and
streaming are in core/pair/running.py. tests/core/pair/pair_table.txt shows every state at every
event. The rules:

- A group exists exactly in launching, streaming and stopping. stopping ends with GroupEmpty only,
  and until then `then`, the state that follows, may only be strengthened:
  asked > park > mount > backoff > launch. One exception: of the complaints of a login the
  weightiest names the cause, so a late one may turn park into backoff (complaints.late_cause()).
- parked leads to a launch only by a probe with the verdict go. Each launch needs a probe or a
  glance at both endpoints that is newer than the last stream and the last wait.
- A healthy stream that is lost is launched again at once. A stream that fails again soon waits.
- No launch onto a slave on another host while an earlier target half may write there: a lock shows
  that it ended, or time and a TID that rests (core/pair/drains.py).
- A held pair is stopped, or stops: a plan of the operator may change its endpoints meanwhile. What
  is wanted of it is remembered, and the release goes back to that (core/holds.py).
- Each state but stopped, waiting for a resource and parked by a latch has a deadline; all states
  have an event that leaves them. No deadline is in the past after a step.

Change together: a rule here, docs/design.md 3.2 and the printed table; a state, see
core/pair/states.py.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import (
    Complaint,
    FarLocked,
    Message,
    ParkCause,
    Weight,
    is_sign_of_life,
)
from hammerd.core.holds import Hold, hold_fault, is_same_hold
from hammerd.core.pair import complaints, drains, latches, states, transitions
from hammerd.core.pair.events import (
    Context,
    DeadlinePassed,
    Event,
    ForeignSeen,
    Glanced,
    GroupEmpty,
    GroupLives,
    HoldAsked,
    HoldReleased,
    LeaveQueue,
    MessageRead,
    Misdirected,
    Note,
    NoteName,
    Probe,
    ProbeAnswered,
    ResourceFree,
    RestartAsked,
    SlaveMoved,
    StartAsked,
    Step,
    StopAsked,
)
from hammerd.core.pair.memory import remember, with_pair_hint
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, ProbeVerdict, Retry
from hammerd.core.pair.running import (
    in_launching,
    in_streaming,
    reason_to_park,
)
from hammerd.core.pair.states import LossCause, Memory, PairLife, Trouble
from hammerd.core.pairs import Pair, needs_login


def new_life(pair: Pair, memory: Memory, now_at: float) -> PairLife:
    """Make a stopped pair; it starts when it is asked to, or when its pause ends."""
    return PairLife(pair, memory, transitions.stopped_state(memory, now_at), now_at)


def step(life: PairLife, event: Event, ctx: Context) -> Step:  # noqa: C901 - a flat table of cases
    """Apply one event to a pair."""
    event, held = with_pair_hint(life.pair, event), life.memory.hold
    life = replace(
        life,
        memory=remember(life, event, ctx),
        wanted_at=life.wanted_at if isinstance(life.memory.wanted, states.Up) else ctx.now_at,
        foreign_at=ctx.now_at if isinstance(event, ForeignSeen) else life.foreign_at,
    )
    if isinstance(event, HoldReleased):
        return Step(life) if held is None else _released(life, held, ctx)
    if life.memory.hold is not None:
        return _in_hold(life, held, event, ctx)
    match life.state:
        case states.Stopped():
            return _in_stopped(life, life.state, event, ctx)
        case states.Probing():
            return _in_probing(life, life.state, event, ctx)
        case states.Launching():
            return in_launching(life, life.state, event, ctx)
        case states.Streaming():
            return in_streaming(life, life.state, event, ctx)
        case states.Stopping():
            return _in_stopping(life, life.state, event, ctx)
        case states.WaitingForBackoff():
            return _in_backoff(life, event, ctx)
        case states.WaitingForMount():
            return _in_mount(life, life.state, event, ctx)
        case states.WaitingForResource():
            done = _in_queue(life, event, ctx)
            return Step(done.life, (LeaveQueue(), *done.effects)) if done else Step(life)
        case states.Parked():
            return _in_parked(life, life.state, event, ctx)
        case _:
            assert_never(life.state)


# --- a hold, in any state --------------------------------------------------------------------


def _in_hold(life: PairLife, before: Hold | None, event: Event, ctx: Context) -> Step:
    """Bring a pair to rest and keep it there; what is wanted is only remembered."""
    done, hold = _brought_to_rest(life, event, ctx), life.memory.hold
    if hold is None or is_same_hold(before, hold):
        return done
    because, hint = hold_fault(hold, life.pair) or (hold.plan, "")
    note = Note(NoteName.HELD, Trouble(because, hint), hold=hold)
    return Step(done.life, (*done.effects, note))


def _brought_to_rest(life: PairLife, event: Event, ctx: Context) -> Step:
    match life.state:
        case states.Launching() | states.Streaming():
            return transitions.end_group(life, states.ThenStopped(), ctx)
        case states.Stopping() if isinstance(event, HoldAsked | StartAsked | RestartAsked):
            return transitions.strengthen(life, life.state, states.ThenStopped())
        case states.Stopping():
            return _in_stopping(life, life.state, event, ctx)
        case states.Stopped():
            return _in_held(life, life.state, event, ctx)
        case states.WaitingForResource():
            return Step(transitions.stop(life, ctx).life, (LeaveQueue(),))
        case (
            states.Probing()
            | states.WaitingForBackoff()
            | states.WaitingForMount()
            | states.Parked()
        ):
            return transitions.stop(life, ctx)
        case _:
            assert_never(life.state)


def _in_held(life: PairLife, state: states.Stopped, event: Event, ctx: Context) -> Step:
    match event:
        case DeadlinePassed():
            life = replace(life, memory=replace(life.memory, wanted=states.Up()))
        case StopAsked() | StartAsked() | RestartAsked():
            pass
        case _:
            return Step(life)
    resume_at = transitions.stopped_state(life.memory, ctx.now_at).resume_at
    return transitions.enter(life, replace(state, resume_at=resume_at))


def _released(life: PairLife, hold: Hold, ctx: Context) -> Step:
    """Go back to what is wanted."""
    done = Step(life)
    if isinstance(life.memory.wanted, states.Up):
        if isinstance(life.state, states.Stopping):
            done = transitions.strengthen(life, life.state, states.ThenProbe())
        else:
            done = transitions.probe(life, ctx)
    note = Note(NoteName.RELEASED, Trouble(hold.plan), hold=hold)
    return Step(done.life, (*done.effects, note))


# --- one function per state ------------------------------------------------------------------


def _in_stopped(life: PairLife, state: states.Stopped, event: Event, ctx: Context) -> Step:
    match event:
        case StartAsked() | RestartAsked():
            return transitions.probe(life, ctx)
        case DeadlinePassed():
            return transitions.probe(
                replace(life, memory=replace(life.memory, wanted=states.Up())), ctx
            )
        case StopAsked():
            resume_at = transitions.stopped_state(life.memory, ctx.now_at).resume_at
            return transitions.enter(life, replace(state, resume_at=resume_at))
        case _:
            return Step(life)


def _in_probing(life: PairLife, state: states.Probing, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return transitions.stop(life, ctx)
        case ForeignSeen():
            return transitions.park(life, ParkCause.FOREIGN_STREAM, event.hint, ctx)
        case _ if state.relaunch is not None:
            return _in_glance(life, state.relaunch, event, ctx)
        case ProbeAnswered(verdict):
            return transitions.act_on_verdict(
                life, verdict, ctx, is_confirming=state.is_confirming
            )
        case DeadlinePassed():
            hint = "pfs-status of an end does not come back: look at the disk or the host"
            return transitions.back_off(life, Trouble(LossCause.PROBE_TIMEOUT, hint), ctx)
        case _:
            return Step(life)


def _in_glance(life: PairLife, relaunch: states.ThenLaunch, event: Event, ctx: Context) -> Step:
    match event:
        case Glanced(are_as_read=True) if _may_launch_unprobed(life.memory):
            return transitions.launch(life, relaunch.gear, ctx)
        case Glanced() | RestartAsked() | Misdirected() | DeadlinePassed():
            return transitions.probe(life, ctx)
        case _:
            # A probe finds any other cause that would park a stream.
            return transitions.probe(life, ctx) if reason_to_park(life, event) else Step(life)


def _may_launch_unprobed(memory: Memory) -> bool:
    return latches.latch_cause(memory) is None and memory.draining is None


def _in_stopping(life: PairLife, state: states.Stopping, event: Event, ctx: Context) -> Step:
    match event:
        case StartAsked() | RestartAsked():
            return transitions.strengthen(life, state, states.ThenProbe())
        case StopAsked():
            return transitions.strengthen(life, state, states.ThenStopped())
        case MessageRead(Complaint() as complaint):
            return _complained_late(life, state, complaint, ctx)
        case MessageRead(message):
            return _read_late(life, state, message)
        case GroupEmpty():
            return transitions.leave_stopping(life, state.then, ctx)
        case GroupLives(scanned_at):
            return transitions.note_unkillable(life, state, scanned_at)
        case DeadlinePassed():
            return transitions.kill(life, state, ctx)
        case _:
            then = reason_to_park(life, event)
            return transitions.strengthen(life, state, then) if then else Step(life)


def _read_late(life: PairLife, state: states.Stopping, message: Message) -> Step:
    """Take over what a message shows of the target half on another host (drains.drain_s())."""
    if isinstance(message, FarLocked):
        memory = drains.with_far_writer(life.memory, life.pair, is_locked=True)
        life, state = replace(life, memory=memory), replace(state, is_far_locked=True)
    elif is_sign_of_life(message):
        is_locked = state.is_far_locked
        memory = drains.with_far_writer(life.memory, life.pair, is_locked=is_locked)
        life, state = replace(life, memory=memory), replace(state, has_lived=True)
    return transitions.enter(life, state)


def _complained_late(
    life: PairLife, state: states.Stopping, complaint: Complaint, ctx: Context
) -> Step:
    """Let a complaint change what follows: a half may die before its last line is read."""
    if complaint.weight is not Weight.OWN or needs_login(life.pair):
        then = complaints.late_cause(life, state, complaint)
        if then is None:
            return Step(life)
        life, notes = complaints.count_at_end(life, ctx.now_at)
        return transitions.enter(life, replace(state, then=then), *notes)
    then = complaints.consequence_of(complaint)
    done = transitions.strengthen(life, state, then) if then else Step(life)
    return Step(done.life, (*done.effects, *complaints.lasting_notes(life, complaint)))


def _in_backoff(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return transitions.stop(life, ctx)
        case StartAsked() | RestartAsked() | DeadlinePassed():
            return transitions.probe(life, ctx)
        case ForeignSeen():
            return transitions.park(life, ParkCause.FOREIGN_STREAM, event.hint, ctx)
        case _:
            return Step(life)


def _in_mount(life: PairLife, state: states.WaitingForMount, event: Event, ctx: Context) -> Step:
    if _needs_forbidden_probe(life, event):
        return transitions.park_latched(life, ctx)
    match event:
        case StopAsked():
            return transitions.stop(life, ctx)
        case StartAsked() | RestartAsked():
            return transitions.probe(life, ctx)
        case DeadlinePassed():
            again_at = ctx.now_at + life.pair.timing.probe_timeout_s + transitions.MOUNT_PROBE_S
            return transitions.enter(
                life, replace(state, probe_at=again_at, is_probing=True), Probe()
            )
        case ProbeAnswered(AwaitMount(cause, hint)):
            return transitions.await_mount(life, Trouble(cause, hint), ctx)
        case ProbeAnswered(verdict):
            return transitions.act_on_verdict(life, verdict, ctx)
        case ForeignSeen():
            return transitions.park(life, ParkCause.FOREIGN_STREAM, event.hint, ctx)
        case _:
            return Step(life)


def _needs_forbidden_probe(life: PairLife, event: Event) -> bool:
    return latches.is_probe_forbidden(life) and isinstance(event, DeadlinePassed | SlaveMoved)


def _in_queue(life: PairLife, event: Event, ctx: Context) -> Step | None:
    """Return the step that leaves the queue, None to stay in it."""
    match event:
        case StopAsked():
            return transitions.stop(life, ctx)
        case ResourceFree():
            return transitions.glance(
                life, states.ThenLaunch(transitions.choose_gear(life.pair, ctx)), ctx
            )
        case Misdirected():
            return transitions.probe(life, ctx)
        case _:
            then = reason_to_park(life, event)
            return transitions.park(life, then.cause, then.hint, ctx) if then else None


def _in_parked(life: PairLife, state: states.Parked, event: Event, ctx: Context) -> Step:
    if _needs_forbidden_probe(life, event) and not latches.is_parked_latched(life):
        return transitions.park_latched(life, ctx)
    match event:
        case StopAsked():
            return transitions.stop(life, ctx)
        case StartAsked() | RestartAsked():
            return transitions.probe(life, ctx)
        case DeadlinePassed():
            again_at = ctx.now_at + life.pair.timing.probe_timeout_s + state.probe_every_s
            return transitions.enter(
                life, replace(state, probe_at=again_at, is_probing=True), Probe()
            )
        case ProbeAnswered(verdict):
            return _probed_in_parked(life, state, verdict, ctx)
        case ForeignSeen() if state.is_probing:
            # A probe searches for it only after a verdict of go: no other cause is left.
            return _stay_parked(life, state, ParkCause.FOREIGN_STREAM, event.hint, ctx)
        case _:
            return Step(life)


def _probed_in_parked(
    life: PairLife, state: states.Parked, verdict: ProbeVerdict, ctx: Context
) -> Step:
    """Let a probe confirm, correct or end the cause for which a pair is parked."""
    match verdict:
        case Go() | AwaitMount() if not latches.is_parked_latched(life):
            return transitions.act_on_verdict(life, verdict, ctx)
        case Park(cause, hint):
            return _stay_parked(life, state, cause, hint, ctx)
        case Go() if state.cause is latches.latch_cause(life.memory):
            # The hint of an earlier probe is outdated, that of the latch is not.
            return _stay_parked(life, state, state.cause, latches.latch_hint(life), ctx)
        case Go() | AwaitMount() | Retry():
            return _stay_parked(life, state, state.cause, state.hint, ctx)
        case _:
            assert_never(verdict)


def _stay_parked(
    life: PairLife, state: states.Parked, cause: ParkCause, hint: str, ctx: Context
) -> Step:
    parked = transitions.park(life, cause, hint, ctx)
    if cause != state.cause:
        return parked
    probe_at = ctx.now_at + state.probe_every_s
    return transitions.enter(life, replace(state, hint=hint, probe_at=probe_at, is_probing=False))
