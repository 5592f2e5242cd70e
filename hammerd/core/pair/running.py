"""Holds the rules of launching and streaming, the states whose group is to live.

    launching ── a first sign of life ── streaming ── a loss, a stall, a complaint ── stopping

Any message of hammer's work is a sign of life. Each rule that ends a group names the state that
follows it; the rules of stopping are in core/pair/machine.py. The deadline of a stall is computed
from `progress_at`, `behind_since_at` and the phase in core/pair/state_table.py.

A stream with a half on another host goes on until it really ends, whatever it prints: a login may
print any line of hammer's, `Lost Link` too. So only what this host sees ends it: a half that died,
a deadline, a reading.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer import messages
from hammerd.core.pair import complaints, drains, events, states
from hammerd.core.pair.events import Context, Event, Step
from hammerd.core.pair.latches import diverged_hint, is_probe_forbidden, latch_hint
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, Retry
from hammerd.core.pair.states import LossCause, Memory, PairLife, Trouble
from hammerd.core.pair.transitions import back_off, choose_gear, end_group, enter, forgive, queue
from hammerd.core.pairs import Gear, Pair, needs_login
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.replication.transfer_progress import update_transfer


def in_launching(life: PairLife, state: states.Launching, event: Event, ctx: Context) -> Step:
    """Apply one event to a pair whose stream has printed no sign of life yet."""
    match event:
        case events.SpawnFailed(text=text):
            return back_off(life, Trouble(LossCause.SPAWN_FAILED, text), ctx)
        case events.ResourceBusy(resource, owner):
            return queue(life, resource, owner, ctx)
        case events.MessageRead(message):
            return _read_in_launch(life, state, message, ctx)
        case events.DeadlinePassed():
            return _never_lived(life, _launch_timeout(life), ctx)
        case events.HalfDied() | events.HalvesGone() | events.ParentDied():
            return _never_lived(life, _early_death(life.pair, state, event), ctx)
        case _:
            return _with_group(life, event, ctx)


def in_streaming(life: PairLife, state: states.Streaming, event: Event, ctx: Context) -> Step:
    """Apply one event to a pair whose stream lives."""
    match event:
        case events.MessageRead(message):
            return _on_message(life, state, message, ctx)
        case events.HalfDied() | events.HalvesGone() | events.ParentDied():
            return _lost(life, state, _death(life.pair, event), ctx)
        case events.HalvesWorked() if state.gear is Gear.BULK or _is_in_prescan(state):
            # In bulk gear every prescan but a stream's first is silent (docs/hammer.md 5.3).
            return enter(life, replace(state, progress_at=ctx.now_at))
        case events.HalfStopped(pid, half):
            cure = f'"kill -CONT {pid}", or restart the pair'
            trouble = Trouble("half_stopped", f"the {half} half (pid {pid}) is stopped: {cure}")
            note = events.Note(events.NoteName.HALF_STOPPED, trouble)
            return enter(life, replace(state, stopped_half=trouble), note)
        case events.HalfContinued(pid) if state.stopped_half:
            trouble = Trouble("half_continued")
            note = events.Note(events.NoteName.HALF_CONTINUED, trouble, f"pid {pid}")
            return enter(life, replace(state, stopped_half=None), note)
        case events.Sampled(Go() | AwaitMount() | Retry() as verdict):
            return _sampled(life, state, verdict, ctx)
        case events.DeadlinePassed():
            return end_group(_with_restart_counted(life), states.ThenBackoff(_stall(state)), ctx)
        case _:
            return _with_group(life, event, ctx)


def _read_in_launch(
    life: PairLife, state: states.Launching, message: messages.Message, ctx: Context
) -> Step:
    match message:
        case messages.LostLink():
            if needs_login(life.pair):
                return Step(life, (events.CheckHalves(),))
            return _never_lived(life, Trouble(LossCause.LINK_LOST), ctx)
        case messages.Complaint():
            return _complained(life, message, ctx)
        case messages.Remark():
            return Step(life)
        case messages.Connecting():
            return enter(life, _connecting(state, message, ctx))
        case messages.FarLocked():
            memory = drains.with_far_writer(life.memory, life.pair, is_locked=True)
            return enter(replace(life, memory=memory), _locked(state))
        case (
            messages.Prescan()
            | messages.PrescanDone()
            | messages.Batch()
            | messages.NoWork()
            | messages.Progress()
            | messages.Committed()
            | messages.SliceWritten()
            | messages.WentIdle()
        ):
            memory = replace(_logged_in(life.memory), unmounted_since_at=None)
            memory = drains.with_far_writer(memory, life.pair, is_locked=state.is_far_locked)
            life = replace(life, memory=memory)
            return _on_message(life, _came_to_life(state, ctx), message, ctx)
        case _:
            assert_never(message)


def _connecting(
    state: states.Launching, half: messages.Connecting, ctx: Context
) -> states.Launching:
    others = tuple(one for one in state.connecting if one.end != half.end)
    since_at = ctx.now_at if state.connecting_at is None else state.connecting_at
    return replace(state, connecting=(*others, half), connecting_at=since_at)


def _locked(state: states.Launching) -> states.Launching:
    """Note that the target half over there runs: its login is over."""
    left = tuple(one for one in state.connecting if one.end != messages.SLAVE_END)
    return replace(state, connecting=left, is_far_locked=True)


def _came_to_life(state: states.Launching, ctx: Context) -> states.Streaming:
    return states.Streaming(
        ctx.now_at,
        state.since_at,
        state.gear,
        states.InPrescan(),
        progress_at=ctx.now_at,
        is_far_locked=state.is_far_locked,
    )


# --- rules of both states ----------------------------------------------------------------------


def _with_group(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case events.StopAsked():
            return end_group(life, states.ThenStopped(), ctx)
        case events.RestartAsked():
            return end_group(life, states.ThenProbe(), ctx)
        case events.Misdirected(trouble):
            return end_group(life, states.ThenProbe(trouble), ctx)
        case _:
            then = reason_to_park(life, event)
            return end_group(life, then, ctx) if then else Step(life)


def _on_message(  # noqa: C901 - a flat table of cases
    life: PairLife, state: states.Streaming, message: messages.Message, ctx: Context
) -> Step:
    state = replace(state, transfer=update_transfer(state.transfer, message, ctx.now_at))
    match message:
        case messages.LostLink() if needs_login(life.pair):
            return Step(life, (events.CheckHalves(),))
        case messages.LostLink():
            return _lost(life, state, Trouble(LossCause.LINK_LOST), ctx)
        case messages.Complaint():
            return _complained(life, message, ctx)
        case messages.FarLocked():
            memory = drains.with_far_writer(life.memory, life.pair, is_locked=True)
            return enter(replace(life, memory=memory), replace(state, is_far_locked=True))
        case messages.NoWork():
            return enter(life, _idle(state, ctx))
        case messages.WentIdle():
            return _finished(_accepted(life), _progressed(state, states.IdlePhase(), ctx), ctx)
        case messages.Progress(slice_bytes=sent_bytes):
            return enter(life, _scanned(state, sent_bytes, ctx))
        case messages.Committed() | messages.SliceWritten():
            return _finished(_accepted(life), _progressed(state, state.phase, ctx), ctx)
        case messages.Batch(begin, end, bulk_bytes) if end > begin:
            phase = states.Copying(0, bulk_bytes)
            return enter(life, replace(state, phase=phase, progress_at=ctx.now_at))
        case messages.Batch() | messages.Connecting() | messages.Remark():
            return enter(life, state)
        case messages.Prescan() | messages.PrescanDone():
            return enter(life, replace(state, phase=states.InPrescan(), progress_at=ctx.now_at))
        case _:
            assert_never(message)


def _accepted(life: PairLife) -> PairLife:
    """Forget refusals and causes: both halves of the stream work."""
    return replace(life, memory=replace(life.memory, refusals=0, likely_cause=None))


def _logged_in(memory: Memory) -> Memory:
    """Forget complaints of a login: a sign of life proves that both halves run."""
    is_login = (
        memory.likely_cause is not None and memory.likely_cause.weight is not messages.Weight.OWN
    )
    return replace(memory, likely_cause=None) if is_login else memory


def _scanned(state: states.Streaming, sent_bytes: int, ctx: Context) -> states.Streaming:
    total_bytes = state.phase.total_bytes if isinstance(state.phase, states.Copying) else None
    phase = states.Copying(sent_bytes, total_bytes)
    if sent_bytes == 0:
        # The scan proceeds, so this is no stall; but only bytes prove that a stream works.
        return replace(state, phase=phase, progress_at=ctx.now_at)
    return _progressed(state, phase, ctx)


def _idle(state: states.Streaming, ctx: Context) -> states.Streaming:
    # A prescan may last longer than a stall: its time does not count as one.
    progress_at = ctx.now_at if _is_in_prescan(state) else state.progress_at
    return replace(state, phase=states.IdlePhase(), progress_at=progress_at)


def _is_in_prescan(state: states.Streaming) -> bool:
    return isinstance(state.phase, states.InPrescan)


def _progressed(state: states.Streaming, phase: states.Phase, ctx: Context) -> states.Streaming:
    return replace(state, phase=phase, progress_at=ctx.now_at, has_progressed=True)


def _finished(life: PairLife, state: states.Streaming, ctx: Context) -> Step:
    """Change the gear of a stream whose bulk is done.

    Its source half may say so before the words of a target half on another host come in, and
    before a sample proves how near the slave is.
    """
    is_done = state.gear is Gear.BULK and isinstance(state.phase, states.IdlePhase)
    if is_done and choose_gear(life.pair, ctx) is Gear.FOLLOWING:
        return end_group(replace(life, state=state), states.ThenLaunch(Gear.FOLLOWING), ctx)
    return enter(life, state)


def _sampled(
    life: PairLife,
    state: states.Streaming,
    verdict: Go | AwaitMount | Retry,
    ctx: Context,
) -> Step:
    if isinstance(verdict, AwaitMount) and isinstance(state.phase, states.IdlePhase):
        # An idle stream holds nothing of its slave open, and prints nothing when the master is
        # missing (docs/hammer.md 1.5, 6.3): only its next batch would fail.
        return end_group(life, states.ThenMount(Trouble(verdict.cause, verdict.hint)), ctx)
    return _finished(life, _compared(life.pair, state, ctx), ctx)


def _compared(pair: Pair, state: states.Streaming, ctx: Context) -> states.Streaming:
    if ctx.lag.verdict is not LagVerdict.BEHIND:
        return _not_behind(pair, state, ctx)
    if state.behind_since_at is not None and state.behind_at_tid == ctx.slave_tid:
        return state
    return replace(state, behind_since_at=ctx.now_at, behind_at_tid=ctx.slave_tid)


def _not_behind(pair: Pair, state: states.Streaming, ctx: Context) -> states.Streaming:
    is_in_sync = ctx.lag.verdict is LagVerdict.IN_SYNC
    not_behind = replace(state, behind_since_at=None, behind_at_tid=None)
    if not (needs_login(pair) and isinstance(state.phase, states.Copying)):
        return not_behind
    # Such a slice stalls also where the lag is unknown (state_table.py); one in sync gets on.
    return replace(not_behind, progress_at=ctx.now_at) if is_in_sync else state


def _complained(life: PairLife, complaint: messages.Complaint, ctx: Context) -> Step:
    notes = complaints.lasting_notes(life, complaint)
    is_own = complaint.weight is messages.Weight.OWN and not needs_login(life.pair)
    if is_own and (then := complaints.consequence_of(complaint)) is not None:
        life = _with_restart_counted(life) if isinstance(life.state, states.Streaming) else life
        done = end_group(life, then, ctx)
        return Step(done.life, (*done.effects, *notes))
    if (
        complaint.cure is messages.Cure.NOTE
        and not notes
        and complaint.name not in complaints.LASTING_COMPLAINTS
    ):
        trouble = Trouble(complaint.name, complaint.hint)
        return Step(life, (events.Note(events.NoteName.COMPLAINED, trouble, complaint.text),))
    return Step(life, notes)


def _lost(life: PairLife, state: states.Streaming, trouble: Trouble, ctx: Context) -> Step:
    """End the rest of a lost stream; launch again at once if it was healthy, else back off.

    Where the slave must drain first, the loss counts as a failure: the pair is a warning until a
    stream lives again.
    """
    life = _with_restart_counted(forgive(life, state, ctx))
    if (cause := complaints.cause_of_end(life, has_lived=True)) is not None:
        return _end_by_complaint(life, cause, ctx)
    memory, healthy_after_s = life.memory, life.pair.timing.healthy_after_s
    is_rare = memory.relaunched_at is None or ctx.now_at - memory.relaunched_at >= healthy_after_s
    may_write_on = drains.may_write_on(life.pair, is_locked=state.is_far_locked)
    if memory.failures == 0 and is_rare and not may_write_on:
        return end_group(life, states.ThenLaunch(choose_gear(life.pair, ctx), trouble), ctx)
    return end_group(life, states.ThenBackoff(trouble), ctx)


def _never_lived(life: PairLife, trouble: Trouble, ctx: Context) -> Step:
    """End the rest of a stream that printed no sign of life."""
    cause = complaints.cause_of_end(life, has_lived=False)
    if cause is None or _is_idle_talk(life, trouble):
        return end_group(life, states.ThenBackoff(trouble), ctx)
    return _end_by_complaint(life, cause, ctx)


def _is_idle_talk(life: PairLife, trouble: Trouble) -> bool:
    """Return whether a login printed no cause for a launch that hangs: it went on after that."""
    complaint = life.memory.likely_cause
    is_passing = complaint is not None and complaint.weight is messages.Weight.PASSING
    return is_passing and trouble.because == LossCause.LAUNCH_TIMEOUT


def _end_by_complaint(life: PairLife, cause: states.Then, ctx: Context) -> Step:
    life, notes = complaints.count_at_end(life, ctx.now_at)
    done = end_group(life, cause, ctx)
    return Step(done.life, (*done.effects, *notes))


def _with_restart_counted(life: PairLife) -> PairLife:
    return replace(life, memory=replace(life.memory, restarts=life.memory.restarts + 1))


def _early_death(
    pair: Pair,
    state: states.Launching,
    event: events.HalfDied | events.HalvesGone | events.ParentDied,
) -> Trouble:
    trouble = _death(pair, event)
    if not needs_login(pair) or state.connecting_at is not None:
        return trouble
    # hammer says nothing if it cannot run the program in place of ssh (docs/hammer.md 6.3).
    silent = "hammerd-rsh, which hammer runs in place of ssh, printed nothing: is it installed?"
    return Trouble(trouble.because, f"{trouble.hint}; {silent}" if trouble.hint else silent)


def _death(pair: Pair, event: events.HalfDied | events.HalvesGone | events.ParentDied) -> Trouble:
    match event:
        case events.HalvesGone():
            return Trouble(LossCause.LINK_LOST)
        case events.HalfDied(pid, half):
            return Trouble(LossCause.HALF_DIED, _half_death(pair, half, pid))
        case events.ParentDied(status):
            return Trouble(LossCause.PARENT_DIED, f"mirror-stream itself ended: {status}")
        case _:
            assert_never(event)


def _half_death(pair: Pair, half: str, pid: int) -> str:
    host = (pair.slave if half == "target" else pair.master).host
    if half not in ("source", "target") or not host.needs_login:
        return f"the {half} half (pid {pid}) ended or was killed"
    died = f"the {half} half on {host.login}, or its ssh here (pid {pid}), ended or was killed"
    # The guard over there ends the writer of a pair that names the same slave differently.
    twin = "; does another pair lead to this slave by another name of its host or path?"
    return died + twin if half == "target" else died


def _launch_timeout(life: PairLife) -> Trouble:
    try_it = f'"hammerd doctor {life.pair.name}" tries the whole way'
    hint = f"most often ssh hangs: {try_it}"
    if isinstance(life.state, states.Launching) and life.state.connecting:
        to = life.state.connecting_to
        hint = f"connecting to {to}, where ssh, its login or the shell hangs: {try_it}"
    elif not needs_login(life.pair):
        hint = (
            "where pfs-status answers it could not fork and spins: is the host short of"
            " processes or memory (top, limits(1))?"
        )
    silent = "the stream said nothing since it was started"
    return Trouble(LossCause.LAUNCH_TIMEOUT, f"{silent}: {hint}")


def _stall(state: states.Streaming) -> Trouble:
    if _is_in_prescan(state):
        hint = "the prescan is silent and uses no CPU: look at the master's disk"
        return Trouble(LossCause.PRESCAN_STUCK, hint)
    hint = (
        "the master moves on, the stream does not: a read of the master's disk, a write of the"
        " slave's or the link hangs; see dmesg of both hosts"
    )
    return Trouble(LossCause.STALLED, hint)


def reason_to_park(life: PairLife, event: Event) -> states.ThenPark | None:
    """Return the reason for which an event parks a pair in any state, None if it does not."""
    match event:
        case events.SlaveMoved() if is_probe_forbidden(life):
            return states.ThenPark(messages.ParkCause.NOT_A_SLAVE, latch_hint(life))
        case events.DivergedSeen():
            return states.ThenPark(messages.ParkCause.DIVERGED, diverged_hint(life.pair))
        case events.ForeignSeen():
            return states.ThenPark(messages.ParkCause.FOREIGN_STREAM, event.hint)
        case events.Sampled(Park(cause, hint)):
            return states.ThenPark(cause, hint)
        case _:
            return None
