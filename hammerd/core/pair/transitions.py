"""Holds the transitions of the pair machine: how a state is entered, and what follows stopping.

core/pair/machine.py decides when. A transition reads nothing but its arguments.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair import drains, states
from hammerd.core.pair.complaints import UNEXPLAINED_LOSSES
from hammerd.core.pair.events import (
    Context,
    Effect,
    Glance,
    Kill,
    Launch,
    Note,
    NoteName,
    Probe,
    Step,
    Terminate,
)
from hammerd.core.pair.latches import (
    is_probe_forbidden,
    latch_cause,
    latch_diverged,
    latch_hint,
    latch_promoted,
)
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, ProbeVerdict, Retry, is_away
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import Memory, PairLife, Then, Trouble
from hammerd.core.pairs import Gear, GearChoice, Pair
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.replication.promotions import Promotion, PromotionSign
from hammerd.core.tid import NEVER_MIRRORED

GLANCE_S = 1.0
KILL_AGAIN_S = 5.0
MOUNT_PROBE_S = 10.0
PARKED_PROBE_S, LONGEST_PROBE_S = 60.0, 3600.0

MOST_DOUBLINGS = 10
"""The limit of doublings of an interval: refusals may go on for years, a float has a maximum."""

# --- stopping, and the state after it ----------------------------------------------------------


def end_group(life: PairLife, then: Then, ctx: Context) -> Step:
    """Send TERM to the group, and remember the state that follows."""
    deadline_at = ctx.now_at + life.pair.timing.stop_grace_s
    state = life.state
    stopping = states.Stopping(ctx.now_at, deadline_at, then)
    if isinstance(state, states.Streaming):
        life = forgive(life, state, ctx)
        stopping = replace(stopping, has_lived=True, is_far_locked=state.is_far_locked)
    if isinstance(state, states.Launching):
        stopping = replace(stopping, is_far_locked=state.is_far_locked)
    return enter(life, stopping, Terminate())


def forgive(life: PairLife, state: states.Streaming, ctx: Context) -> PairLife:
    """Forget the failures of a pair whose stream was healthy: it progressed and lived long."""
    lived_s = ctx.now_at - state.launched_at
    if state.has_progressed and lived_s >= life.pair.timing.healthy_after_s:
        return replace(life, memory=replace(life.memory, failures=0))
    return life


def kill(life: PairLife, state: states.Stopping, ctx: Context) -> Step:
    """Send KILL to a group that outlived its grace, again and again until it is empty."""
    kills = state.kills + 1
    wait_s = life.pair.timing.stop_grace_s if kills == 1 else KILL_AGAIN_S
    return enter(life, replace(state, kills=kills, deadline_at=ctx.now_at + wait_s), Kill())


def note_unkillable(life: PairLife, state: states.Stopping, scanned_at: float) -> Step:
    """Log once that a group survives KILL; only a scan that began after the grace proves it.

    In a slow daemon scans are late, and that proves nothing against a group.
    """
    grace_end_at = state.deadline_at if state.kills == 1 else state.deadline_at - KILL_AGAIN_S
    if state.kills == 0 or state.is_unkillable or scanned_at < grace_end_at:
        return Step(life)
    return enter(
        life, replace(state, is_unkillable=True), Note(NoteName.UNKILLABLE, states.UNKILLABLE)
    )


ASKED = 4
"""The rank of a person's request: the last request counts."""


def _rank(then: Then) -> int:
    match then:
        case states.ThenStopped() | states.ThenProbe():
            return ASKED
        case states.ThenPark():
            return 3
        case states.ThenMount():
            return 2
        case states.ThenBackoff():
            return 1
        case states.ThenLaunch():
            return 0
        case _:
            assert_never(then)


def strengthen(life: PairLife, state: states.Stopping, then: Then) -> Step:
    """Replace the state that follows stopping if the new one has a higher rank."""
    if _rank(then) == ASKED or _rank(then) > _rank(state.then) or _explains(then, state.then):
        return enter(life, replace(state, then=then))
    return Step(life)


def _explains(then: Then, before: Then) -> bool:
    """Return whether hammer named the cause of a loss that was only observed before."""
    if not (isinstance(then, states.ThenBackoff) and isinstance(before, states.ThenBackoff)):
        return False
    new, old = then.trouble.because, before.trouble.because
    return old in UNEXPLAINED_LOSSES and new not in UNEXPLAINED_LOSSES


def leave_stopping(life: PairLife, then: Then, ctx: Context) -> Step:  # noqa: C901 - a flat table
    """Enter the state that follows stopping; the group is empty."""
    match then:
        case states.ThenStopped():
            return stop(life, ctx)
        case states.ThenProbe():
            return probe(life, ctx)
        case states.ThenPark(cause, hint, is_from_stream=False):
            return park(life, cause, hint, ctx)
        case states.ThenPark(ParkCause.UUID_MISMATCH):
            return probe(life, ctx, unconfirmed=then)
        case states.ThenPark():
            return _park_refused(life, then, ctx)
        case states.ThenMount(trouble):
            return await_mount(life, trouble, ctx)
        case states.ThenBackoff(trouble):
            return back_off(life, trouble, ctx)
        case states.ThenLaunch(trouble=None):
            return glance(life, then, ctx)
        case states.ThenLaunch():
            memory = replace(life.memory, relaunched_at=ctx.now_at)
            return glance(replace(life, memory=memory), then, ctx)
        case _:
            assert_never(then)


def _park_refused(life: PairLife, then: states.ThenPark, ctx: Context) -> Step:
    refusals = life.memory.refusals + 1
    probe_every_s = PARKED_PROBE_S * 2.0 ** min(refusals - 1, MOST_DOUBLINGS)
    life = replace(life, memory=replace(life.memory, refusals=refusals))
    return park(
        life, then.cause, then.hint, ctx, probe_every_s=min(probe_every_s, LONGEST_PROBE_S)
    )


# --- ways into states ------------------------------------------------------------------------


def enter(life: PairLife, state: states.State, *effects: Effect) -> Step:
    """Enter a state."""
    return Step(replace(life, state=state), effects)


def stop(life: PairLife, ctx: Context) -> Step:
    """Enter stopped; a pause for a time ends by itself."""
    return enter(life, stopped_state(life.memory, ctx.now_at))


def stopped_state(memory: Memory, now_at: float) -> states.Stopped:
    """Return a stopped state that ends when the pause ends, if there is one for a time."""
    match memory.wanted:
        case states.Paused(until_at) if until_at is not None:
            return states.Stopped(now_at, resume_at=max(until_at, now_at))
        case states.Paused() | states.Up() | states.Down():
            return states.Stopped(now_at)
        case _:
            assert_never(memory.wanted)


def probe(
    life: PairLife,
    ctx: Context,
    *,
    is_confirming: bool = False,
    unconfirmed: states.ThenPark | None = None,
) -> Step:
    """Probe both endpoints, unless a latch forbids to probe the slave."""
    if is_probe_forbidden(life):
        return park_latched(life, ctx)
    deadline_at = ctx.now_at + life.pair.timing.probe_timeout_s
    probing = states.Probing(ctx.now_at, deadline_at, is_confirming, unconfirmed=unconfirmed)
    return enter(life, probing, Probe())


def glance(life: PairLife, then: states.ThenLaunch, ctx: Context) -> Step:
    """Compare both paths with their last read; if they are the same, no probe is needed."""
    return enter(life, states.Probing(ctx.now_at, ctx.now_at + GLANCE_S, relaunch=then), Glance())


def act_on_verdict(
    life: PairLife, verdict: ProbeVerdict, ctx: Context, *, is_confirming: bool = False
) -> Step:
    """Enter the state that the verdict of a probe leads to."""
    match verdict:
        case Go():
            return _launch_unless_latched(life, verdict, ctx, is_confirming=is_confirming)
        case AwaitMount(cause, hint):
            return await_mount(life, Trouble(cause, hint), ctx)
        case Park(cause, hint):
            return park(life, cause, hint, ctx)
        case Retry(cause, hint):
            return back_off(life, Trouble(cause, hint), ctx)
        case _:
            assert_never(verdict)


def _launch_unless_latched(life: PairLife, go: Go, ctx: Context, *, is_confirming: bool) -> Step:
    """Launch, unless a latch, a slave that is ahead, or a cause from a stream forbids it."""
    unconfirmed = life.state.unconfirmed if isinstance(life.state, states.Probing) else None
    if latch_cause(life.memory):
        return park_latched(life, ctx)
    if go.ahead and not is_confirming:
        return probe(life, ctx, is_confirming=True, unconfirmed=unconfirmed)
    if go.ahead:
        return park_latched(replace(life, memory=latch_diverged(life.memory, life.pair)), ctx)
    if unconfirmed is not None:
        return _park_refused(life, unconfirmed, ctx)
    if drains.is_unsteady(life, ctx.slave_tid):
        life, trouble = (
            drains.with_draining(life, ctx.slave_tid),
            drains.unsteady_trouble(life.pair),
        )
        return back_off(life, trouble, ctx, at_least_s=life.pair.timing.remote_drain_s)
    return launch(life, choose_gear(life.pair, ctx), ctx)


def choose_gear(pair: Pair, ctx: Context) -> Gear:
    """Choose bulk for a slave that never mirrored or is further behind than `bulk_after`.

    Without -B a large transfer has restart points, with -B a write is on the slave within one
    delay (docs/hammer.md 5.6). An unknown lag counts as further behind.
    """
    match pair.options.gear:
        case GearChoice.BULK:
            return Gear.BULK
        case GearChoice.AUTO if ctx.slave_tid is not None and ctx.slave_tid <= NEVER_MIRRORED:
            return Gear.BULK
        case GearChoice.AUTO:
            lag_s, is_in_sync = ctx.lag.seconds, ctx.lag.verdict is LagVerdict.IN_SYNC
            is_near = is_in_sync or (lag_s is not None and lag_s <= pair.options.bulk_after_s)
            return Gear.FOLLOWING if is_near else Gear.BULK
        case _:
            assert_never(pair.options.gear)


def launch(life: PairLife, gear: Gear, ctx: Context) -> Step:
    """Start a stream in this gear."""
    memory = replace(life.memory, last_words=(), likely_cause=None, draining=None)
    life = replace(life, memory=memory)
    deadline_at = ctx.now_at + life.pair.timing.launch_timeout_s
    return enter(life, states.Launching(ctx.now_at, deadline_at, gear), Launch(gear))


def queue(life: PairLife, resource: Resource, owner: str, ctx: Context) -> Step:
    """Wait for what a launch needs; `owner` holds it, or had it last."""
    match resource:
        case Resource.SLAVE:
            trouble = Trouble(f"{resource}_busy", f"{owner} still holds the {resource}")
        case Resource.DRAIN:
            trouble = drains.drain_trouble(life)
            life = drains.with_draining(life, ctx.slave_tid)
        case _:
            assert_never(resource)
    return enter(life, states.WaitingForResource(ctx.now_at, resource, trouble))


def park(
    life: PairLife,
    cause: ParkCause,
    hint: str,
    ctx: Context,
    *,
    probe_every_s: float = PARKED_PROBE_S,
) -> Step:
    """Wait for a person; a slave that refused a write as a master is latched."""
    memory = replace(life.memory, unmounted_since_at=None)
    if cause is ParkCause.NOT_A_SLAVE:
        refused = Promotion(PromotionSign.WRITE_REFUSED, ctx.now_at)
        memory = latch_promoted(memory, life.pair, refused)
    probe_at = ctx.now_at + probe_every_s
    parked = states.Parked(ctx.now_at, probe_at, cause, hint, probe_every_s=probe_every_s)
    memory = replace(memory, failed_by=Trouble(cause, hint))
    return enter(replace(life, memory=memory), parked)


def park_latched(life: PairLife, ctx: Context) -> Step:
    """Wait for a person to resume a pair that has a latch."""
    return park(life, latch_cause(life.memory) or ParkCause.DIVERGED, latch_hint(life), ctx)


def await_mount(life: PairLife, trouble: Trouble, ctx: Context) -> Step:
    """Wait for a missing endpoint."""
    probe_at = ctx.now_at + MOUNT_PROBE_S
    if is_away(life.pair, trouble.because):
        # No fault: no time counts against the pair.
        is_same = isinstance(life.state, states.WaitingForMount) and life.state.trouble == trouble
        since_at = life.state.since_at if is_same else ctx.now_at
        life = replace(life, memory=replace(life.memory, unmounted_since_at=None))
        return enter(life, states.WaitingForMount(since_at, probe_at, trouble))
    unmounted_at = life.memory.unmounted_since_at
    since_at = ctx.now_at if unmounted_at is None else unmounted_at
    memory = replace(life.memory, unmounted_since_at=since_at, failed_by=trouble)
    life = replace(life, memory=memory)
    return enter(life, states.WaitingForMount(since_at, probe_at, trouble))


def back_off(life: PairLife, trouble: Trouble, ctx: Context, *, at_least_s: float = 0.0) -> Step:
    """Count a failure and wait; the delay grows with the failures in a row."""
    failures = life.memory.failures + 1
    retry_at = ctx.now_at + max(ctx.backoff(life.pair, failures), at_least_s)
    memory = replace(life.memory, failures=failures, failed_by=trouble)
    life = replace(life, memory=memory)
    return enter(life, states.WaitingForBackoff(ctx.now_at, retry_at, trouble))
