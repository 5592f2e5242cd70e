"""Tests latches: a slave ahead of its master parks the pair until a person resumes it."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.messages import Complaint, Cure, LostLink, ParkCause
from hammerd.core.pair.events import (
    DivergedSeen,
    ForeignSeen,
    GroupEmpty,
    Launch,
    LeaveQueue,
    MessageRead,
    Probe,
    ProbeAnswered,
    ResourceBusy,
    RestartAsked,
    Sampled,
    SlaveMoved,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.latches import diverged_hint, fit_latches, is_probe_forbidden
from hammerd.core.pair.probe_verdict import AwaitMount, Park, Retry
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import (
    Down,
    Launching,
    Memory,
    Parked,
    Paused,
    Probing,
    Stopped,
)
from hammerd.core.pairs import Endpoint, Gear
from hammerd.core.replication.promotions import Promotion, PromotionSign
from hammerd.core.tid import Tid
from tests.core.pair.pair_play import (
    AHEAD,
    COPYING,
    DUE,
    GO,
    LAUNCHING,
    PAIR,
    PROBING,
    Moment,
    advance,
    emptied,
    play,
)

LATCHED = Memory(is_diverged=True)
DIVERGED = (*PROBING, (1, AHEAD), (2, AHEAD))


def diverged(at: float) -> Parked:
    return Parked(at, at + 60, ParkCause.DIVERGED, diverged_hint(PAIR))


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


def test_diverged_pair_is_not_probed_by_itself() -> None:
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


def test_divergence_seen_while_a_lost_stream_ends_stops_its_relaunch() -> None:
    moments = (*COPYING, (50, MessageRead(LostLink())), (51, DivergedSeen()), (52, GroupEmpty()))

    assert play(*moments).life.state == diverged(52)


def test_divergence_seen_while_stopping_is_remembered() -> None:
    moments = (*COPYING, (50, StopAsked(Down())), (51, DivergedSeen()), (52, GroupEmpty()))

    done = play(*moments)

    assert done.life.state == Stopped(52)
    assert done.life.memory.is_diverged


def test_latch_stays_in_every_state_without_a_group() -> None:
    for moments in (
        PROBING,
        DIVERGED,
        (*LAUNCHING[:2], (1, ResourceBusy(Resource.SLAVE, "other"))),
    ):
        assert play(*moments, (9, DivergedSeen())).life.memory.is_diverged


def test_divergence_seen_takes_a_pair_out_of_the_queue() -> None:
    done = play(*LAUNCHING[:2], (1, ResourceBusy(Resource.SLAVE, "other")), (9, DivergedSeen()))

    assert done.life.state == diverged(9)
    assert done.effects == (LeaveQueue(),)


# --- a slave that was a master -------------------------------------------------------------------

PROMOTED = Memory(promotion=Promotion(PromotionSign.ROLE_READ, 1))
SEEN = ProbeAnswered(Park(ParkCause.NOT_A_SLAVE, "it is a master"))
SAID = MessageRead(
    Complaint("said", "not_a_slave", Cure.PARK, "it is a master", ParkCause.NOT_A_SLAVE)
)
MOVED = SlaveMoved(Tid(3), Tid(9))
SEEN_BY = {
    "probe": (*PROBING, (1, SEEN)),
    "sample": (*COPYING, (5, Sampled(SEEN.verdict)), (6, GroupEmpty())),
    "hammer": (*COPYING, (5, SAID), (6, GroupEmpty())),
    "jump": (*COPYING, (5, MOVED), (6, GroupEmpty())),
    "jump in backoff": (*PROBING, (1, ProbeAnswered(Retry("late", "wait"))), (2, MOVED), DUE),
    "jump in a queue": (*PROBING, (1, MOVED), (2, GO)),
    "sample in a mount": (
        *PROBING,
        (1, ProbeAnswered(AwaitMount("gone", "mount it"))),
        (2, Sampled(SEEN.verdict)),
        DUE,
    ),
}


@pytest.mark.parametrize("moments", SEEN_BY.values(), ids=SEEN_BY)
def test_slave_that_was_a_master_is_held_whatever_a_probe_says_later(
    moments: tuple[Moment, ...],
) -> None:
    held = play(*moments).life
    later = advance(held, (500, GO)).life
    restarted = advance(later, (501, RestartAsked())).life
    started = advance(later, (502, StartAsked(lifts_latch=False))).life

    for life in (held, later, restarted, started):
        assert isinstance(life.state, Parked)
        assert life.state.cause is ParkCause.NOT_A_SLAVE
        assert deadline(life) is None
        assert is_probe_forbidden(life)
    assert advance(later, (503, StartAsked())).effects == (Probe(),)


def test_hint_of_a_held_pair_says_no_more_that_its_slave_is_a_master() -> None:
    held = play(*SEEN_BY["probe"]).life
    before = held.state
    after = advance(held, (500, GO)).life.state

    assert isinstance(before, Parked)
    assert before.hint == "it is a master"
    assert isinstance(after, Parked)
    assert "was seen as a master" in after.hint


def test_resumed_pair_whose_slave_is_a_slave_again_is_launched() -> None:
    done = play(*SEEN_BY["probe"], (9, StartAsked()), (10, GO))

    assert done.effects == (Launch(Gear.FOLLOWING),)
    assert done.life.memory == Memory()


def test_latch_set_while_a_pair_is_stopped_parks_it_later() -> None:
    moments = (*COPYING, (5, StopAsked(Paused(100))), (6, Sampled(SEEN.verdict)))
    done = play(*moments, (7, GroupEmpty()), DUE)

    assert isinstance(done.life.state, Parked)
    assert done.life.state.cause is ParkCause.NOT_A_SLAVE


@pytest.mark.parametrize(
    "moments",
    [
        (*PROBING, (1, ForeignSeen(9, "hammer mirror-copy")), (2, MOVED)),
        (*COPYING, (5, ForeignSeen(9, "hammer mirror-copy")), (6, MOVED)),
        (*LAUNCHING[:2], (1, ResourceBusy(Resource.SLAVE, "other")), (2, MOVED)),
    ],
)
def test_step_of_a_slave_that_others_are_known_to_write_to_is_explained(
    moments: tuple[Moment, ...],
) -> None:
    assert play(*moments).life.memory.promotion is None


OTHER = Endpoint("/other")


@pytest.mark.parametrize(
    ("endpoints", "is_diverged", "is_promoted"),
    [
        ({}, True, True),
        ({"master": OTHER}, False, True),
        ({"slave": OTHER}, False, False),
    ],
)
def test_latch_belongs_to_its_endpoints(
    endpoints: dict[str, Endpoint], is_diverged: bool, is_promoted: bool
) -> None:
    moments = (*SEEN_BY["probe"], (2, DivergedSeen()))
    memory = fit_latches(play(*moments).life.memory, replace(PAIR, **endpoints))

    assert (memory.is_diverged, memory.promotion is not None) == (is_diverged, is_promoted)


def test_latch_without_endpoints_fits_any() -> None:
    memory = replace(PROMOTED, is_diverged=True)

    assert fit_latches(memory, replace(PAIR, slave=OTHER)) == memory
