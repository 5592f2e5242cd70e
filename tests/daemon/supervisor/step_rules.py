"""Checks the rules that every step of a pair must obey."""

from hammerd.core.hammer.messages import WentIdle
from hammerd.core.pair.events import (
    DivergedSeen,
    Event,
    Glance,
    Glanced,
    GroupEmpty,
    HoldReleased,
    Launch,
    MessageRead,
    Probe,
    ProbeAnswered,
    Sampled,
    SlaveMoved,
    StartAsked,
    Step,
)
from hammerd.core.pair.latches import latch_cause
from hammerd.core.pair.probe_verdict import Go, Park
from hammerd.core.pair.states import (
    Memory,
    PairLife,
    Probing,
    Stopped,
    Stopping,
    Streaming,
    ThenLaunch,
    ThenPark,
    ThenStopped,
    Up,
    WaitingForBackoff,
)
from hammerd.core.tid import Tid

SLAVE_TID = Tid(9)


def check_step(before: PairLife, event: Event, done: Step, now_at: float) -> None:
    """Check a step by the rules; `done` is the result of step() for `before`."""
    after = done.life
    _check_wanted(after)
    _check_failures(before, event, after, now_at)
    _check_relaunch(before, after)
    _check_latch(before, event, after)
    if any(isinstance(effect, Launch) for effect in done.effects):
        _check_launch(before, event, after)
    if after.memory.hold is not None:
        looks = [effect for effect in done.effects if isinstance(effect, Launch | Probe | Glance)]
        assert not looks, "a held pair is looked at"


def is_saved_again(before: Memory, after: Memory) -> bool:
    """Return whether a step changed what must be saved over the end of the daemon."""
    names = [[one.name for one in memory.complaints] for memory in (before, after)]
    saved = [
        (
            *(one.wanted, one.is_diverged, one.promotion, one.latched_endpoints),
            *(one.is_far_unlocked, one.failures > 0),
        )
        for one in (before, after)
    ]
    return saved[0] != saved[1] or names[0] != names[1]


def _check_wanted(life: PairLife) -> None:
    is_down = isinstance(life.state, Stopped) or (
        isinstance(life.state, Stopping) and isinstance(life.state.then, ThenStopped)
    )
    is_held = life.memory.hold is not None
    assert is_down == (is_held or not isinstance(life.memory.wanted, Up)), life


def _check_failures(before: PairLife, event: Event, after: PairLife, now_at: float) -> None:
    was, now = before.memory.failures, after.memory.failures
    if now > was:
        assert now == was + 1
        assert isinstance(after.state, WaitingForBackoff)
    if now < was and not isinstance(event, StartAsked | HoldReleased):
        assert isinstance(before.state, Streaming), before.state
        assert isinstance(after.state, Stopping)
        assert before.state.has_progressed or event == MessageRead(WentIdle())
        assert now_at - before.state.launched_at >= before.pair.timing.healthy_after_s
    entered = isinstance(after.state, WaitingForBackoff) and after.state != before.state
    assert not entered or now == was + 1, "backed off without a failure"


def _check_relaunch(before: PairLife, after: PairLife) -> None:
    was, now = before.memory.relaunched_at, after.memory.relaunched_at
    if now != was:
        assert now is not None
        assert isinstance(before.state, Stopping)
        assert isinstance(before.state.then, ThenLaunch)
        assert before.memory.failures == 0
        assert was is None or now - was >= before.pair.timing.healthy_after_s


def _check_latch(before: PairLife, event: Event, after: PairLife) -> None:
    lifts = event in (StartAsked(), HoldReleased(lifts_latch=True))
    if before.memory.is_diverged and not after.memory.is_diverged:
        assert lifts
    if before.memory.promotion is not None and after.memory.promotion is None:
        assert lifts
    if after.memory.promotion is not None and before.memory.promotion is None:
        assert _shows_a_master(before, event), (before, event)
    if after.memory.is_diverged and not before.memory.is_diverged:
        ahead = ProbeAnswered(Go(ahead=True))
        assert event == DivergedSeen() or event == ahead


def _shows_a_master(before: PairLife, event: Event) -> bool:
    match event:
        case SlaveMoved() | ProbeAnswered(Park()) | Sampled(Park()):
            return True
        case GroupEmpty():
            return isinstance(before.state, Stopping) and isinstance(before.state.then, ThenPark)
        case _:
            return False


def _check_launch(before: PairLife, event: Event, after: PairLife) -> None:
    assert isinstance(after.memory.wanted, Up)
    assert after.memory.hold is None, "launched though a plan holds the pair"
    assert latch_cause(after.memory) is None
    if isinstance(event, ProbeAnswered):
        assert isinstance(event.verdict, Go)
        draining = before.memory.draining
        assert draining is None or draining.tid == SLAVE_TID, "launched onto a slave that moves"
    else:
        is_again = isinstance(before.state, Probing) and before.state.relaunch is not None
        assert is_again, before.state
        assert event == Glanced(are_as_read=True)
        assert before.memory.draining is None, "not probed after the drain"
