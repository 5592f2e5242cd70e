"""A slave ahead of its master parks the pair until a person resumes it."""

from hammerd.core.pair_deadlines import deadline
from hammerd.core.pair_events import (
    DivergedSeen,
    GroupEmpty,
    Launch,
    LeaveQueue,
    Probe,
    RestartAsked,
    Said,
    SlaveBusy,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair_moves import DIVERGED_HINT
from hammerd.core.pair_states import (
    Down,
    Launching,
    Memory,
    Parked,
    Paused,
    Probing,
    Stopped,
)
from hammerd.core.pairs import Gear
from hammerd.core.stream_sayings import LostLink, ParkCause
from tests.core.pair_play import AHEAD, COPYING, DUE, GO, LAUNCHING, PROBING, emptied, play

LATCHED = Memory(is_diverged=True)
DIVERGED = (*PROBING, (1, AHEAD), (2, AHEAD))


def diverged(at: float) -> Parked:
    return Parked(at, at + 60, ParkCause.DIVERGED, DIVERGED_HINT)


def test_slave_ahead_in_one_probe_is_probed_again() -> None:
    done = play(*PROBING, (1, AHEAD))

    assert done.life.state == Probing(1, 21, is_confirming=True)
    assert done.effects == (Probe(),)


def test_slave_ahead_in_two_probes_parks_the_pair() -> None:
    done = play(*DIVERGED)

    assert done.life.state == diverged(2)
    assert done.life.memory == LATCHED


def test_slave_ahead_in_one_probe_only_is_launched() -> None:
    done = play(*PROBING, (1, AHEAD), (2, GO))

    assert isinstance(done.life.state, Launching)
    assert done.life.memory == Memory()


def test_stop_during_the_confirming_probe_forgets_that_it_was_one() -> None:
    done = play(*PROBING, (1, AHEAD), (2, StopAsked(Paused())), (3, AHEAD), (4, StartAsked()))

    assert done.life.state == Probing(4, 24)
    assert play(*PROBING, (1, AHEAD), (2, StopAsked(Paused())), (3, AHEAD)).effects == ()


def test_diverged_pair_is_not_looked_at_by_itself() -> None:
    assert deadline(play(*DIVERGED).life) is None


def test_slave_seen_ahead_twice_ends_its_stream_and_parks() -> None:
    ended = play(*COPYING, (50, DivergedSeen()))
    done = play(*emptied(*COPYING, (50, DivergedSeen()), at=51))

    assert ended.effects == (Terminate(),)
    assert done.life.state == diverged(51)


def test_restart_does_not_lift_the_latch() -> None:
    done = play(*DIVERGED, (3, RestartAsked()), (4, GO))

    assert done.life.state == diverged(4)


def test_start_of_the_daemon_does_not_lift_the_latch() -> None:
    done = play((0, StartAsked(lifts_latch=False)), (1, GO), memory=LATCHED)

    assert done.life.state == diverged(1)


def test_resume_lifts_the_latch() -> None:
    done = play(*DIVERGED, (3, StartAsked()), (4, GO))

    assert done.effects == (Launch(Gear.FOLLOWING),)


def test_resumed_pair_that_is_still_ahead_parks_again() -> None:
    done = play(*DIVERGED, (3, StartAsked()), (4, AHEAD), (5, AHEAD))

    assert done.life.state == diverged(5)


def test_end_of_a_pause_does_not_lift_the_latch() -> None:
    done = play(*DIVERGED, (3, StopAsked(Paused(100))), DUE, (101, GO))

    assert done.life.state == diverged(101)


def test_divergence_heard_while_a_lost_stream_ends_stops_its_relaunch() -> None:
    moments = (*COPYING, (50, Said(LostLink())), (51, DivergedSeen()), (52, GroupEmpty()))

    assert play(*moments).life.state == diverged(52)


def test_divergence_heard_while_stopping_is_remembered() -> None:
    moments = (*COPYING, (50, StopAsked(Down())), (51, DivergedSeen()), (52, GroupEmpty()))

    done = play(*moments)

    assert done.life.state == Stopped(52)
    assert done.life.memory.is_diverged


def test_latch_is_kept_through_every_state_without_a_group() -> None:
    for moments in (PROBING, DIVERGED, (*LAUNCHING[:2], (1, SlaveBusy("other")))):
        assert play(*moments, (9, DivergedSeen())).life.memory.is_diverged


def test_divergence_seen_takes_a_pair_out_of_the_queue() -> None:
    done = play(*LAUNCHING[:2], (1, SlaveBusy("other")), (9, DivergedSeen()))

    assert done.life.state == diverged(9)
    assert done.effects == (LeaveQueue(),)
