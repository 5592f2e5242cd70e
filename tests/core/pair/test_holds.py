"""Tests a pair that a plan holds: it comes to rest, and goes back to what is wanted."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.holds import Hold, HoldFault, HoldStage, hold_fault
from hammerd.core.pair.events import (
    DivergedSeen,
    Event,
    GroupEmpty,
    HoldAsked,
    HoldReleased,
    Launch,
    NoteName,
    Probe,
    ProbeAnswered,
    RestartAsked,
    Sampled,
    SlaveMoved,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.latches import active_latch
from hammerd.core.pair.probe_verdict import Park
from hammerd.core.pair.state_table import row_of
from hammerd.core.pair.states import (
    Down,
    DownCause,
    Memory,
    Paused,
    Probing,
    Stopped,
    Stopping,
    ThenProbe,
    ThenStopped,
    Up,
)
from hammerd.core.tid import Tid
from tests.core.pair.pair_play import COPYING, DUE, PAIR, Moment, advance, play

PLAN = Hold("switchover", HoldStage.RUNNING, 10.0)
HOLD = HoldAsked(PLAN)
ENDED: tuple[Moment, ...] = (*COPYING, (10, HOLD), (11, GroupEmpty()))
MASTER = Park(ParkCause.NOT_A_SLAVE, "promoted")


def test_hold_ends_the_stream_and_names_the_plan() -> None:
    done = play(*COPYING, (10, HOLD))

    assert isinstance(done.life.state, Stopping)
    assert done.life.state.then == ThenStopped()
    assert row_of(done.life).because == "switchover"
    terminate, note = done.effects
    assert terminate == Terminate()
    assert (note.name, note.hold) == (NoteName.HELD, PLAN)
    assert isinstance(play(*ENDED).life.state, Stopped)


@pytest.mark.parametrize(
    "event",
    [
        *(StartAsked(), StartAsked(lifts_latch=False), RestartAsked(), ProbeAnswered(MASTER)),
        *(Sampled(MASTER), DivergedSeen(), SlaveMoved(Tid(3), Tid(9)), HOLD),
    ],
)
def test_nothing_but_the_release_starts_a_held_pair(event: Event) -> None:
    done = play(*ENDED, (20, event))

    assert done.effects == ()
    assert isinstance(done.life.state, Stopped)
    assert (done.life.memory.hold, done.life.memory.promotion) == (PLAN, None)
    assert not done.life.memory.is_diverged
    released = advance(done.life, (30, HoldReleased()))
    assert isinstance(released.life.state, Probing)
    assert released.effects[0] == Probe()


def test_release_before_the_group_is_empty_waits_for_it() -> None:
    done = play(*COPYING, (10, HOLD), (11, HoldReleased()))

    assert isinstance(done.life.state, Stopping)
    assert done.life.state.then == ThenProbe()
    assert advance(done.life, (12, GroupEmpty())).effects == (Probe(),)


def test_restart_of_a_pair_that_is_being_held_is_not_its_next_state() -> None:
    done = play(
        *COPYING, (10, RestartAsked()), (11, HOLD), (12, RestartAsked()), (13, StartAsked())
    )

    assert isinstance(advance(done.life, (14, GroupEmpty())).life.state, Stopped)


def test_release_goes_back_to_a_pause_that_was_asked_for_meanwhile() -> None:
    done = play(*ENDED, (20, StopAsked(Paused())), (30, HoldReleased()))

    assert isinstance(done.life.state, Stopped)
    assert done.life.memory == replace(done.life.memory, wanted=Paused(), hold=None)
    assert not any(isinstance(effect, Probe | Launch) for effect in done.effects)


def test_pause_that_ends_in_a_hold_starts_nothing() -> None:
    held = play((0, StopAsked(Paused(50))), (10, HOLD), DUE)

    assert (held.life.state, held.life.memory.wanted) == (Stopped(0), Up())
    assert isinstance(advance(held.life, (60, HoldReleased())).life.state, Probing)


def test_held_pair_is_logged_again_only_if_it_needs_a_person() -> None:
    step = HoldAsked(replace(PLAN, step="downgrade"))
    interrupted = HoldAsked(replace(PLAN, step="downgrade", is_interrupted=True))

    assert play(*ENDED, (20, step)).effects == ()
    (note,) = play(*ENDED, (20, step), (21, interrupted)).effects
    assert note.trouble.because == HoldFault.PLAN_INTERRUPTED
    assert '"hammerd switchover home"' in note.trouble.hint


def test_unheld_pair_is_not_released() -> None:
    done = play((0, StopAsked(Paused())), (1, HoldReleased()))

    assert done.effects == ()
    assert play(*COPYING, (10, HoldReleased())).effects == ()


@pytest.mark.parametrize("stage", HoldStage)
def test_only_a_plan_that_runs_needs_no_person(stage: HoldStage) -> None:
    hold = replace(PLAN, stage=stage)
    life = replace(play(*ENDED).life, memory=Memory(hold=hold))

    assert (hold_fault(hold, PAIR) is None) == (stage is HoldStage.RUNNING)
    latch = active_latch(life)
    assert latch is not None
    assert latch.keeps_safe == (stage is not HoldStage.PROMOTED)


@pytest.mark.parametrize("cause", DownCause)
def test_end_of_a_stream_tells_why_the_pair_is_not_to_run(cause: DownCause) -> None:
    done = play(*COPYING, (10, StopAsked(Down(cause))))

    assert row_of(done.life).because == cause
