"""Holds the rules of launching and streaming, the states whose group is to live.

    launching ── a first sign of life ── streaming ── a loss, a stall, a complaint ── stopping

Any message but a complaint or a remark is a sign of life. Each rule that ends a group names the
state that follows it; the rules of stopping are in core/pair/machine.py.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    Cure,
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
from hammerd.core.pair.complaints import (
    LASTING_COMPLAINTS,
    cause_of_end,
    consequence_of,
    lasting_notes,
)
from hammerd.core.pair.events import (
    Context,
    DeadlinePassed,
    DivergedSeen,
    Event,
    ForeignSeen,
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesWorked,
    MessageRead,
    Misdirected,
    Note,
    NoteName,
    ParentDied,
    ResourceBusy,
    RestartAsked,
    Sampled,
    SlaveMoved,
    SpawnFailed,
    Step,
    StopAsked,
)
from hammerd.core.pair.latches import DIVERGED_HINT, is_probe_forbidden, latch_hint
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, Retry
from hammerd.core.pair.states import (
    Copying,
    IdlePhase,
    InPrescan,
    Launching,
    LossCause,
    Memory,
    PairLife,
    Phase,
    Streaming,
    ThenBackoff,
    ThenLaunch,
    ThenMount,
    ThenPark,
    ThenProbe,
    ThenStopped,
    Trouble,
    WaitingForResource,
)
from hammerd.core.pair.transitions import back_off, choose_gear, end_group, enter, forgive
from hammerd.core.pairs import Gear, has_remote_endpoint
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.replication.transfer_progress import update_transfer


def in_launching(  # noqa: C901 - a flat table of cases
    life: PairLife, state: Launching, event: Event, ctx: Context
) -> Step:
    """Let one event happen to a pair whose stream has printed no sign of life yet."""
    match event:
        case SpawnFailed(text=text):
            return back_off(life, Trouble(LossCause.SPAWN_FAILED, text), ctx)
        case ResourceBusy(resource, owner):
            trouble = Trouble(f"{resource}_busy", f"{owner} still holds the {resource}")
            return enter(life, WaitingForResource(ctx.now_at, resource, trouble))
        case MessageRead(LostLink()):
            return _never_lived(life, Trouble(LossCause.LINK_LOST), ctx)
        case MessageRead(Complaint() as complaint):
            return _complained(life, complaint, ctx)
        case MessageRead(Remark()):
            return Step(life)
        case MessageRead(message):
            streaming = Streaming(
                ctx.now_at, state.since_at, state.gear, InPrescan(), progress_at=ctx.now_at
            )
            memory = replace(_logged_in(life.memory), unmounted_since_at=None)
            return _on_message(replace(life, memory=memory), streaming, message, ctx)
        case DeadlinePassed():
            return _never_lived(life, _launch_timeout(life), ctx)
        case HalfDied() | ParentDied():
            return _never_lived(life, _death(event), ctx)
        case _:
            return _with_group(life, event, ctx)


def in_streaming(life: PairLife, state: Streaming, event: Event, ctx: Context) -> Step:
    """Let one event happen to a pair whose stream lives."""
    match event:
        case MessageRead(message):
            return _on_message(life, state, message, ctx)
        case HalfDied() | ParentDied():
            return _lost(life, state, _death(event), ctx)
        case HalvesWorked() if isinstance(state.phase, InPrescan) or state.gear is Gear.BULK:
            # In bulk gear every prescan but a stream's first is silent (docs/hammer.md 5.3).
            return enter(life, replace(state, progress_at=ctx.now_at))
        case HalfStopped(pid, half):
            cure = f'"kill -CONT {pid}", or restart the pair'
            trouble = Trouble("half_stopped", f"the {half} half (pid {pid}) is stopped: {cure}")
            note = Note(NoteName.HALF_STOPPED, trouble)
            return enter(life, replace(state, stopped_half=trouble), note)
        case HalfContinued(pid) if state.stopped_half:
            note = Note(NoteName.HALF_CONTINUED, Trouble("half_continued"), f"pid {pid}")
            return enter(life, replace(state, stopped_half=None), note)
        case Sampled(Go() | AwaitMount() | Retry() as verdict):
            return _sampled(life, state, verdict, ctx)
        case DeadlinePassed():
            return end_group(_with_restart_counted(life), ThenBackoff(_stall(state)), ctx)
        case _:
            return _with_group(life, event, ctx)


# --- rules of both states ----------------------------------------------------------------------


def _with_group(life: PairLife, event: Event, ctx: Context) -> Step:
    match event:
        case StopAsked():
            return end_group(life, ThenStopped(), ctx)
        case RestartAsked():
            return end_group(life, ThenProbe(), ctx)
        case Misdirected(trouble):
            return end_group(life, ThenProbe(trouble), ctx)
        case _:
            then = reason_to_park(life, event)
            return end_group(life, then, ctx) if then else Step(life)


def _on_message(  # noqa: C901 - a flat table of cases
    life: PairLife, state: Streaming, message: Message, ctx: Context
) -> Step:
    state = replace(state, transfer=update_transfer(state.transfer, message, ctx.now_at))
    match message:
        case LostLink():
            return _lost(life, state, Trouble(LossCause.LINK_LOST), ctx)
        case Complaint():
            return _complained(life, message, ctx)
        case NoWork():
            return enter(life, _idle(state, ctx))
        case WentIdle():
            return _finished(_accepted(life), _progressed(state, IdlePhase(), ctx), ctx)
        case Progress(slice_bytes=sent_bytes):
            return enter(life, _scanned(state, sent_bytes, ctx))
        case Committed() | SliceWritten():
            return enter(_accepted(life), _progressed(state, state.phase, ctx))
        case Batch(begin, end, bulk_bytes) if end > begin:
            phase = Copying(0, bulk_bytes)
            return enter(life, replace(state, phase=phase, progress_at=ctx.now_at))
        case Batch() | Remark():
            return enter(life, state)
        case Prescan() | PrescanDone():
            return enter(life, replace(state, phase=InPrescan(), progress_at=ctx.now_at))
        case _:
            assert_never(message)


def _accepted(life: PairLife) -> PairLife:
    """Forget refusals and causes: both halves of the stream work."""
    return replace(life, memory=replace(life.memory, refusals=0, likely_cause=None))


def _logged_in(memory: Memory) -> Memory:
    """Forget complaints of a login: a sign of life proves that both halves run."""
    is_login = memory.likely_cause is not None and memory.likely_cause.weight is not Weight.OWN
    return replace(memory, likely_cause=None) if is_login else memory


def _scanned(state: Streaming, sent_bytes: int, ctx: Context) -> Streaming:
    total_bytes = state.phase.total_bytes if isinstance(state.phase, Copying) else None
    phase = Copying(sent_bytes, total_bytes)
    if sent_bytes == 0:
        # The scan proceeds, so this is no stall; but only bytes prove that a stream works.
        return replace(state, phase=phase, progress_at=ctx.now_at)
    return _progressed(state, phase, ctx)


def _idle(state: Streaming, ctx: Context) -> Streaming:
    # A prescan may last longer than a stall: its time does not count as one.
    progress_at = ctx.now_at if isinstance(state.phase, InPrescan) else state.progress_at
    return replace(state, phase=IdlePhase(), progress_at=progress_at)


def _progressed(state: Streaming, phase: Phase, ctx: Context) -> Streaming:
    return replace(state, phase=phase, progress_at=ctx.now_at, has_progressed=True)


def _finished(life: PairLife, state: Streaming, ctx: Context) -> Step:
    life = replace(life, state=state)
    if state.gear is Gear.BULK and choose_gear(life.pair, ctx) is Gear.FOLLOWING:
        return end_group(life, ThenLaunch(Gear.FOLLOWING), ctx)
    return Step(life)


def _sampled(
    life: PairLife, state: Streaming, verdict: Go | AwaitMount | Retry, ctx: Context
) -> Step:
    if isinstance(verdict, AwaitMount) and isinstance(state.phase, IdlePhase):
        # An idle stream holds nothing of its slave open, and prints nothing when the master is
        # missing (docs/hammer.md 1.5, 6.3): only its next batch would fail.
        return end_group(life, ThenMount(Trouble(verdict.cause, verdict.hint)), ctx)
    return enter(life, _compared(state, ctx))


def _compared(state: Streaming, ctx: Context) -> Streaming:
    is_still = state.behind_since_at is not None and state.behind_at_tid == ctx.slave_tid
    match ctx.lag.verdict:
        case LagVerdict.BEHIND if is_still:
            return state
        case LagVerdict.BEHIND:
            return replace(state, behind_since_at=ctx.now_at, behind_at_tid=ctx.slave_tid)
        case LagVerdict.IN_SYNC | LagVerdict.AHEAD | LagVerdict.UNKNOWN:
            return replace(state, behind_since_at=None, behind_at_tid=None)
        case _:
            assert_never(ctx.lag.verdict)


def _complained(life: PairLife, complaint: Complaint, ctx: Context) -> Step:
    notes = lasting_notes(life, complaint)
    # A login to another host may print lines like hammer's own.
    is_login = isinstance(life.state, Launching) and has_remote_endpoint(life.pair)
    is_own = complaint.weight is Weight.OWN and not is_login
    if is_own and (then := consequence_of(complaint)) is not None:
        life = _with_restart_counted(life) if isinstance(life.state, Streaming) else life
        done = end_group(life, then, ctx)
        return Step(done.life, (*done.effects, *notes))
    if complaint.cure is Cure.NOTE and not notes and complaint.name not in LASTING_COMPLAINTS:
        trouble = Trouble(complaint.name, complaint.hint)
        return Step(life, (Note(NoteName.COMPLAINED, trouble, complaint.text),))
    return Step(life, notes)


def _lost(life: PairLife, state: Streaming, trouble: Trouble, ctx: Context) -> Step:
    """End the rest of a lost stream; launch again at once if it was healthy, else back off."""
    life = _with_restart_counted(forgive(life, state, ctx))
    if (cause := cause_of_end(life, has_lived=True)) is not None:
        return end_group(life, cause, ctx)
    memory, healthy_after_s = life.memory, life.pair.timing.healthy_after_s
    is_rare = memory.relaunched_at is None or ctx.now_at - memory.relaunched_at >= healthy_after_s
    if memory.failures == 0 and is_rare:
        return end_group(life, ThenLaunch(choose_gear(life.pair, ctx), trouble), ctx)
    return end_group(life, ThenBackoff(trouble), ctx)


def _never_lived(life: PairLife, trouble: Trouble, ctx: Context) -> Step:
    """End the rest of a stream that printed no sign of life."""
    return end_group(life, cause_of_end(life, has_lived=False) or ThenBackoff(trouble), ctx)


def _with_restart_counted(life: PairLife) -> PairLife:
    return replace(life, memory=replace(life.memory, restarts=life.memory.restarts + 1))


def _death(event: HalfDied | ParentDied) -> Trouble:
    match event:
        case HalfDied(pid, half):
            return Trouble(LossCause.HALF_DIED, f"the {half} half (pid {pid}) ended or was killed")
        case ParentDied(status):
            return Trouble(LossCause.PARENT_DIED, f"mirror-stream itself ended: {status}")
        case _:
            assert_never(event)


def _launch_timeout(life: PairLife) -> Trouble:
    hint = 'most often ssh hangs, try "ssh HOST true" as root'
    if not has_remote_endpoint(life.pair):
        hint = (
            "where pfs-status answers it could not fork and spins: is the host short of"
            " processes or memory (top, limits(1))?"
        )
    silent = "the stream said nothing since it was started"
    return Trouble(LossCause.LAUNCH_TIMEOUT, f"{silent}: {hint}")


def _stall(state: Streaming) -> Trouble:
    if isinstance(state.phase, InPrescan):
        hint = "the prescan is silent and uses no CPU: look at the master's disk"
        return Trouble(LossCause.PRESCAN_STUCK, hint)
    hint = (
        "the master moves on, the stream does not: a read of the master's disk, a write of the"
        " slave's or the link hangs; see dmesg of both hosts"
    )
    return Trouble(LossCause.STALLED, hint)


def reason_to_park(life: PairLife, event: Event) -> ThenPark | None:
    """Return the reason for which an event parks a pair in any state, None if it does not."""
    match event:
        case SlaveMoved() if is_probe_forbidden(life):
            return ThenPark(ParkCause.NOT_A_SLAVE, latch_hint(life))
        case DivergedSeen():
            return ThenPark(ParkCause.DIVERGED, DIVERGED_HINT)
        case ForeignSeen():
            return ThenPark(ParkCause.FOREIGN_STREAM, event.hint)
        case Sampled(Park(cause, hint)):
            return ThenPark(cause, hint)
        case _:
            return None
