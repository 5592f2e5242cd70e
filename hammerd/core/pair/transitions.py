"""The moves of the pair machine: how a state is entered, and what stopping ends in.

core/pair/machine.py decides when; here is how. No move reads anything but its arguments.
"""

from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair.complaints import DEATHS
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
from hammerd.core.pair.latches import diverged, is_unasked, latch_hint, latch_of, promoted
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, ProbeVerdict, Retry
from hammerd.core.pair.states import (
    UNKILLABLE,
    Down,
    Launching,
    Memory,
    PairLife,
    Parked,
    Paused,
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
    Up,
    WaitingForBackoff,
    WaitingForMount,
)
from hammerd.core.pairs import Gear, GearChoice, Pair
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.replication.promotions import Promotion, PromotionSign
from hammerd.core.tid import NEVER_MIRRORED

GLANCE_S = 1.0
LONGEST_LOOK_S = 3600.0
MOUNT_LOOK_S = 10.0
PARKED_LOOK_S = 60.0
UNKILLABLE_LOOK_S = 5.0

MOST_DOUBLINGS = 10
"""How often a span is doubled at most: a pair may be refused for years, a float has an end."""

# --- stopping and what comes after it ----------------------------------------------------------


def end(life: PairLife, then: Then, ctx: Context) -> Step:
    """Tell the group to end, and remember what comes after it."""
    deadline_at = ctx.now_at + life.pair.timing.stop_grace_s
    has_lived = isinstance(life.state, Streaming)
    if isinstance(life.state, Streaming):
        life = forgiven(life, life.state, ctx)
    return to(life, Stopping(ctx.now_at, deadline_at, then, has_lived=has_lived), Terminate())


def forgiven(life: PairLife, state: Streaming, ctx: Context) -> PairLife:
    """Forget the failures of a pair whose stream was healthy: it progressed and lived long."""
    lived_s = ctx.now_at - state.launched_at
    if state.has_progressed and lived_s >= life.pair.timing.healthy_after_s:
        return replace(life, memory=replace(life.memory, failures=0))
    return life


def kill(life: PairLife, state: Stopping, ctx: Context) -> Step:
    """End by force a group that outlived its grace, again and again until it is empty."""
    kills = state.kills + 1
    wait_s = life.pair.timing.stop_grace_s if kills == 1 else UNKILLABLE_LOOK_S
    return to(life, replace(state, kills=kills, deadline_at=ctx.now_at + wait_s), Kill())


def outlived(life: PairLife, state: Stopping, looked_at: float) -> Step:
    """Say once that even a KILL does not end a group; only a look that came after its grace can.

    A daemon that is slow is late with its looks, and a group is no worse for that.
    """
    spent_at = state.deadline_at if state.kills == 1 else state.deadline_at - UNKILLABLE_LOOK_S
    if state.kills == 0 or state.is_unkillable or looked_at < spent_at:
        return Step(life)
    return to(life, replace(state, is_unkillable=True), Note(NoteName.UNKILLABLE, UNKILLABLE))


ASKED = 4
"""The rank of what a person asked for: the last word counts."""


def _rank(then: Then) -> int:
    match then:
        case ThenStopped() | ThenProbe():
            return ASKED
        case ThenPark():
            return 3
        case ThenMount():
            return 2
        case ThenBackoff():
            return 1
        case ThenLaunch():
            return 0
        case _:
            assert_never(then)


def strengthen(life: PairLife, state: Stopping, then: Then) -> Step:
    """Let what is heard while stopping change what comes after it, if it weighs more."""
    if _rank(then) == ASKED or _rank(then) > _rank(state.then) or _names_a_cause(then, state.then):
        return to(life, replace(state, then=then))
    return Step(life)


def _names_a_cause(then: Then, before: Then) -> bool:
    """Whether hammer says what a group died of that was only seen to die until now."""
    if not (isinstance(then, ThenBackoff) and isinstance(before, ThenBackoff)):
        return False
    return before.trouble.because in DEATHS and then.trouble.because not in DEATHS


def go_on(life: PairLife, then: Then, ctx: Context) -> Step:
    """Enter what comes after an emptied group."""
    match then:
        case ThenStopped():
            return to(life, stopped(life.memory, ctx.now_at))
        case ThenProbe():
            return probe(life, ctx)
        case ThenPark():
            return _park_after(life, then, ctx)
        case ThenMount(trouble):
            return await_mount(life, trouble, ctx)
        case ThenBackoff(trouble):
            return back_off(life, trouble, ctx)
        case ThenLaunch(trouble=None):
            return glance(life, then, ctx)
        case ThenLaunch():
            memory = replace(life.memory, relaunched_at=ctx.now_at)
            return glance(replace(life, memory=memory), then, ctx)
        case _:
            assert_never(then)


def _park_after(life: PairLife, then: ThenPark, ctx: Context) -> Step:
    if not then.is_own_word:
        return park(life, then.cause, then.hint, ctx)
    if then.cause is ParkCause.UUID_MISMATCH:
        return probe(life, ctx, own_word=then)
    return _park_refused(life, then, ctx)


def _park_refused(life: PairLife, then: ThenPark, ctx: Context) -> Step:
    refusals = life.memory.refusals + 1
    life = replace(life, memory=replace(life.memory, refusals=refusals))
    return park(life, then.cause, then.hint, ctx, look_every_s=_look_every_s(refusals))


def _look_every_s(refusals: int) -> float:
    doublings = min(refusals - 1, MOST_DOUBLINGS)
    return min(PARKED_LOOK_S * 2.0**doublings, LONGEST_LOOK_S)


# --- ways into states ------------------------------------------------------------------------


def to(life: PairLife, state: State, *effects: Effect) -> Step:
    """Enter a state."""
    return Step(replace(life, state=state), effects)


def stopped(memory: Memory, now_at: float) -> Stopped:
    """Rest, until the pause ends if there is one."""
    match memory.wanted:
        case Paused(until_at) if until_at is not None:
            return Stopped(now_at, resume_at=max(until_at, now_at))
        case Paused():
            return Stopped(now_at)
        case Up() | Down():
            return Stopped(now_at)
        case _:
            assert_never(memory.wanted)


def probe(
    life: PairLife,
    ctx: Context,
    *,
    is_confirming: bool = False,
    own_word: ThenPark | None = None,
) -> Step:
    """Ask both ends again, unless the slave must not be asked."""
    if is_unasked(life):
        return park_latched(life, ctx)
    deadline_at = ctx.now_at + life.pair.timing.probe_timeout_s
    return to(life, Probing(ctx.now_at, deadline_at, is_confirming, own_word=own_word), Probe())


def glance(life: PairLife, then: ThenLaunch, ctx: Context) -> Step:
    """Look whether both ends are still what was read last, and so need no probe."""
    return to(life, Probing(ctx.now_at, ctx.now_at + GLANCE_S, relaunch=then), Glance())


def judged(
    life: PairLife, judgement: ProbeVerdict, ctx: Context, *, is_confirming: bool = False
) -> Step:
    """Act on what the probes of both ends say together."""
    match judgement:
        case Go():
            return _may_go(life, judgement, ctx, is_confirming=is_confirming)
        case AwaitMount(cause, hint):
            return await_mount(life, Trouble(cause, hint), ctx)
        case Park(cause, hint):
            return park(life, cause, hint, ctx)
        case Retry(cause, hint):
            return back_off(life, Trouble(cause, hint), ctx)
        case _:
            assert_never(judgement)


def _may_go(life: PairLife, go: Go, ctx: Context, *, is_confirming: bool) -> Step:
    """Launch, unless a latch, a slave that is ahead, or the word of a stream stands against it."""
    own_word = life.state.own_word if isinstance(life.state, Probing) else None
    if latch_of(life.memory):
        return park_latched(life, ctx)
    if go.ahead and not is_confirming:
        return probe(life, ctx, is_confirming=True, own_word=own_word)
    if go.ahead:
        return park_latched(replace(life, memory=diverged(life.memory, life.pair)), ctx)
    if own_word is not None:
        return _park_refused(life, own_word, ctx)
    return launch(life, choose_gear(life.pair, ctx), ctx)


def choose_gear(pair: Pair, ctx: Context) -> Gear:
    """Choose bulk for a slave that never mirrored or is further behind than `bulk_after`.

    Without -B a large transfer has restart points, with -B a write is on the slave within one
    delay (docs/hammer.md 5.6). An unknown lag counts as further behind.
    """
    match pair.options.gear:
        case GearChoice.BULK:
            return Gear.BULK
        case GearChoice.AUTO:
            return _gear_by_lag(pair, ctx)
        case _:
            assert_never(pair.options.gear)


def _gear_by_lag(pair: Pair, ctx: Context) -> Gear:
    if ctx.slave_tid is not None and ctx.slave_tid <= NEVER_MIRRORED:
        return Gear.BULK
    seconds = ctx.lag.seconds
    match ctx.lag.verdict:
        case LagVerdict.IN_SYNC:
            return Gear.FOLLOWING
        case LagVerdict.BEHIND | LagVerdict.AHEAD | LagVerdict.UNKNOWN:
            is_near = seconds is not None and seconds <= pair.options.bulk_after_s
            return Gear.FOLLOWING if is_near else Gear.BULK
        case _:
            assert_never(ctx.lag.verdict)


def launch(life: PairLife, gear: Gear, ctx: Context) -> Step:
    """Start a stream in this gear."""
    life = replace(life, memory=replace(life.memory, last_words=(), heard=None))
    deadline_at = ctx.now_at + life.pair.timing.launch_timeout_s
    return to(life, Launching(ctx.now_at, deadline_at, gear), Launch(gear))


def park(
    life: PairLife,
    cause: ParkCause,
    hint: str,
    ctx: Context,
    *,
    look_every_s: float = PARKED_LOOK_S,
) -> Step:
    """Wait for a person."""
    memory = replace(life.memory, unmounted_since_at=None)
    if cause is ParkCause.NOT_A_SLAVE:
        memory = promoted(memory, life.pair, Promotion(PromotionSign.WRITE_REFUSED, ctx.now_at))
    life = replace(life, memory=memory)
    look_at = ctx.now_at + look_every_s
    return to(life, Parked(ctx.now_at, look_at, cause, hint, look_every_s=look_every_s))


def park_latched(life: PairLife, ctx: Context) -> Step:
    """Wait for a person to resume a pair that a latch holds."""
    return park(life, latch_of(life.memory) or ParkCause.DIVERGED, latch_hint(life), ctx)


def await_mount(life: PairLife, trouble: Trouble, ctx: Context) -> Step:
    """Wait for an end to appear."""
    since_at = life.memory.unmounted_since_at
    if since_at is None:
        since_at = ctx.now_at
    life = replace(life, memory=replace(life.memory, unmounted_since_at=since_at))
    return to(life, WaitingForMount(since_at, ctx.now_at + MOUNT_LOOK_S, trouble))


def back_off(life: PairLife, trouble: Trouble, ctx: Context) -> Step:
    """Count a failure and wait the longer, the more there were in a row."""
    failures = life.memory.failures + 1
    retry_at = ctx.now_at + ctx.backoff(life.pair, failures)
    memory = replace(life.memory, failures=failures)
    life = replace(life, memory=memory, failed_by=trouble)
    return to(life, WaitingForBackoff(ctx.now_at, retry_at, trouble))
