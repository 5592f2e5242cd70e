"""Tests the causes that park a pair, its probes while parked, and its way out."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.messages import Complaint, Cure, LostLink, ParkCause, Remark
from hammerd.core.pair.events import (
    Event,
    ForeignSeen,
    GroupEmpty,
    Launch,
    LeaveQueue,
    MessageRead,
    Probe,
    ProbeAnswered,
    ResourceBusy,
    ResourceFree,
    RestartAsked,
    Sampled,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Park, Retry
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import (
    Launching,
    Parked,
    Paused,
    Probing,
    Stopped,
    Stopping,
    Then,
    ThenBackoff,
    ThenPark,
    ThenProbe,
    ThenStopped,
    Trouble,
    WaitingForBackoff,
    WaitingForMount,
)
from hammerd.core.pairs import Gear
from tests.core.pair.pair_play import (
    COPYING,
    DUE,
    GO,
    IDLE,
    LAUNCHING,
    PROBING,
    Moment,
    complained,
    play,
)

PROMOTED = Park(ParkCause.NOT_A_SLAVE, "it is a master now")
MISMATCH = Park(ParkCause.UUID_MISMATCH, "uuids differ")
FOREIGN = ForeignSeen(9, "hammer mirror-copy /x /slave")
FOREIGN_HINT = (
    "pid 9 writes to the slave too (hammer mirror-copy /x /slave): end it, hammerd will not"
)

PARKED = (*PROBING, (1, ProbeAnswered(MISMATCH)))
PARKED_PROBING = (*PARKED, DUE)
QUEUED = (*LAUNCHING[:2], (1, ResourceBusy(Resource.SLAVE, "pair other")))


def test_probe_that_says_park_parks_the_pair_and_counts_no_failure() -> None:
    done = play(*PARKED)

    assert done.life.state == Parked(1, 61, ParkCause.UUID_MISMATCH, "uuids differ")
    assert done.life.memory.failures == 0


def test_parked_pair_is_probed_each_minute_without_leaving_the_state() -> None:
    probing = play(*PARKED_PROBING)
    answered = play(*PARKED_PROBING, (62, ProbeAnswered(MISMATCH)))

    assert probing.effects == (Probe(),)
    assert isinstance(probing.life.state, Parked)
    assert answered.life.state == Parked(1, 122, ParkCause.UUID_MISMATCH, "uuids differ")


def test_probe_in_parked_without_an_answer_is_repeated() -> None:
    done = play(*PARKED_PROBING, DUE)

    assert done.effects == (Probe(),)
    assert done.life.state.since_at == 1


def test_parked_pair_is_launched_when_its_cause_is_over() -> None:
    done = play(*PARKED_PROBING, (62, GO))

    assert done.effects == (Launch(Gear.FOLLOWING),)


def test_parked_pair_whose_endpoints_cannot_be_read_stays_parked() -> None:
    done = play(*PARKED_PROBING, (62, ProbeAnswered(Retry("late", "wait"))))

    assert done.life.state == Parked(1, 122, ParkCause.UUID_MISMATCH, "uuids differ")


def test_parked_pair_whose_mount_turns_out_missing_waits_for_it() -> None:
    done = play(*PARKED_PROBING, (62, ProbeAnswered(AwaitMount("null_mount_missing", "mount it"))))

    trouble = Trouble("null_mount_missing", "mount it")
    assert done.life.state == WaitingForMount(62, 72, trouble)


# --- uuids in a complaint of the stream ------------------------------------------------------

MISMATCH_SAID = MessageRead(
    Complaint("said", "uuid_mismatch", Cure.PARK, "compare", ParkCause.UUID_MISMATCH)
)
CHECKING = (*COPYING, (50, MISMATCH_SAID), (51, GroupEmpty()))


def test_uuids_that_a_stream_says_differ_are_probed_before_anything_is_advised() -> None:
    done = play(*CHECKING)

    unconfirmed = ThenPark(ParkCause.UUID_MISMATCH, "compare", is_from_stream=True)
    assert done.life.state == Probing(51, 71, unconfirmed=unconfirmed)
    assert done.effects == (Probe(),)


def test_null_mount_in_disguise_is_waited_for_and_comes_back() -> None:
    missing = ProbeAnswered(AwaitMount("null_mount_missing", "mount it"))
    waiting = play(*CHECKING, (52, missing))
    back = play(*CHECKING, (52, missing), DUE, (63, GO))

    assert waiting.life.state == WaitingForMount(52, 62, Trouble("null_mount_missing", "mount it"))
    assert waiting.life.memory.failures == 0
    assert isinstance(back.life.state, Launching)


def test_uuids_that_a_probe_sees_differ_park_with_what_the_probe_advises() -> None:
    done = play(*CHECKING, (52, ProbeAnswered(MISMATCH)))

    assert done.life.state == Parked(52, 112, ParkCause.UUID_MISMATCH, "uuids differ")


def test_uuids_that_no_probe_can_see_park_with_the_complaint_of_the_stream() -> None:
    done = play(*CHECKING, (52, GO))

    assert done.life.state == Parked(52, 112, ParkCause.UUID_MISMATCH, "compare")
    assert done.life.memory.refusals == 1


def test_endpoints_that_cannot_be_read_after_a_complaint_are_tried_again() -> None:
    done = play(*CHECKING, (52, ProbeAnswered(Retry("late", "wait"))))

    assert isinstance(done.life.state, WaitingForBackoff)


def test_parked_pair_with_another_cause_is_parked_again() -> None:
    done = play(*PARKED_PROBING, (62, ProbeAnswered(PROMOTED)))

    assert done.life.state == Parked(62, 122, ParkCause.NOT_A_SLAVE, "it is a master now")


def test_parked_pair_with_another_hint_is_parked_since_then() -> None:
    other = Park(ParkCause.UUID_MISMATCH, "and it is a master")

    done = play(*PARKED_PROBING, (62, ProbeAnswered(other)))

    assert done.life.state == Parked(1, 122, ParkCause.UUID_MISMATCH, "and it is a master")


@pytest.mark.parametrize("asked", [StartAsked(), RestartAsked()])
def test_parked_pair_that_is_asked_for_is_probed_at_once(asked: Event) -> None:
    done = play(*PARKED, (9, asked))

    assert done.life.state == Probing(9, 29)
    assert done.effects == (Probe(),)


def test_parked_pair_that_is_paused_is_stopped() -> None:
    assert play(*PARKED, (9, StopAsked(Paused()))).life.state == Stopped(9)


# --- foreign streams -------------------------------------------------------------------------


def foreign(since_at: float, at: float) -> Parked:
    return Parked(since_at, at + 60, ParkCause.FOREIGN_STREAM, FOREIGN_HINT)


@pytest.mark.parametrize(
    "moments",
    [
        PROBING,
        (*PROBING, (1, ProbeAnswered(AwaitMount("gone", "mount it"))), DUE),
        (*PROBING, (1, ProbeAnswered(Retry("late", "wait")))),
        (*PARKED, DUE),
    ],
    ids=["probing", "mount", "backoff", "parked"],
)
def test_foreign_stream_that_a_probe_finds_parks_the_pair(moments: tuple[Moment, ...]) -> None:
    assert play(*moments, (70, FOREIGN)).life.state == foreign(70, 70)


def test_foreign_stream_is_searched_for_each_minute() -> None:
    done = play(*PROBING, (1, FOREIGN), DUE, (62, FOREIGN))

    assert done.life.state == foreign(1, 62)


def test_pair_is_launched_when_the_foreign_stream_has_ended() -> None:
    assert isinstance(play(*PROBING, (1, FOREIGN), DUE, (62, GO)).life.state, Launching)


def hint_of(seen: ForeignSeen) -> str:
    state = play(*PROBING, (1, seen)).life.state
    assert isinstance(state, Parked)
    return state.hint


def test_hint_names_the_whole_group_of_a_foreign_stream() -> None:
    whole = replace(FOREIGN, pids=(9, 10, 11), pgid=9)

    assert "pid 9 with 10, 11 writes to the slave" in hint_of(whole)
    assert hint_of(whole).endswith("hammerd will not: kill -- -9")
    assert hint_of(replace(whole, pgid=None)).endswith("hammerd will not: kill 9 10 11")


def test_hint_names_the_line_that_starts_a_foreign_stream_again() -> None:
    line = "/etc/crontab: @reboot root hammer mirror-stream /x /slave"
    again = replace(FOREIGN, pids=(9,), pgid=9, started_by=line)

    assert hint_of(again).endswith(f"kill -- -9; then remove what starts it again: {line}")


def test_foreign_stream_beside_ours_ends_ours_and_parks() -> None:
    ended = play(*COPYING, (50, FOREIGN))
    done = play(*COPYING, (50, FOREIGN), (51, GroupEmpty()))

    assert ended.effects == (Terminate(),)
    assert done.life.state == foreign(51, 51)


def test_foreign_stream_takes_a_pair_out_of_the_queue() -> None:
    done = play(*QUEUED, (5, FOREIGN))

    assert done.life.state == foreign(5, 5)
    assert done.effects == (LeaveQueue(),)


# --- complaints of a stream -------------------------------------------------------------------


def test_promoted_slave_ends_the_stream_and_parks() -> None:
    done = play(*COPYING, (50, Sampled(PROMOTED)), (51, GroupEmpty()))

    assert done.life.state == Parked(51, 111, ParkCause.NOT_A_SLAVE, "it is a master now")


def test_promoted_slave_takes_a_pair_out_of_the_queue() -> None:
    done = play(*QUEUED, (5, Sampled(PROMOTED)))

    assert isinstance(done.life.state, Parked)
    assert done.effects == (LeaveQueue(),)


def test_samples_without_a_fault_leave_a_pair_in_the_queue() -> None:
    done = play(*QUEUED, (5, Sampled(Go())), (6, ResourceFree()))

    assert isinstance(done.life.state, Launching)


def test_complaint_that_parks_ends_the_stream_and_parks_with_its_hint() -> None:
    done = play(*COPYING, (50, complained(Cure.PARK)), (51, GroupEmpty()))

    assert done.life.state == Parked(51, 111, ParkCause.REFUSED, "what helps")


@pytest.mark.parametrize(
    ("first", "second", "then"),
    [
        (
            MessageRead(LostLink()),
            complained(Cure.RETRY),
            ThenBackoff(Trouble("name", "what helps")),
        ),
        (
            complained(Cure.RETRY),
            complained(Cure.PARK),
            ThenPark(ParkCause.REFUSED, "what helps", is_from_stream=True),
        ),
        (
            complained(Cure.RETRY),
            complained(Cure.ECHO),
            ThenBackoff(Trouble("name", "what helps")),
        ),
        (complained(Cure.PARK), StopAsked(Paused()), ThenStopped()),
        (complained(Cure.PARK), RestartAsked(), ThenProbe()),
        (StopAsked(Paused()), complained(Cure.PARK), ThenStopped()),
        (StopAsked(Paused()), Sampled(PROMOTED), ThenStopped()),
        (StopAsked(Paused()), StartAsked(), ThenProbe()),
        (RestartAsked(), StopAsked(Paused()), ThenStopped()),
        (Sampled(PROMOTED), FOREIGN, ThenPark(ParkCause.NOT_A_SLAVE, "it is a master now")),
    ],
)
def test_events_while_stopping_only_strengthen_the_state_that_follows(
    first: Event, second: Event, then: Then
) -> None:
    done = play(*COPYING, (50, first), (51, second))

    assert done.life.state == Stopping(50, 55, then)


def test_last_words_of_an_attempt_stay_while_it_stops_and_after() -> None:
    done = play(
        *LAUNCHING,
        (2, MessageRead(Remark("a motd"))),
        (3, complained(Cure.RETRY)),
        (4, complained(Cure.ECHO)),
        (5, GroupEmpty()),
    )

    assert isinstance(done.life.state, WaitingForBackoff)
    assert done.life.memory.last_words == ("a motd", "what it said", "what it said")


def test_only_the_last_eight_lines_are_kept() -> None:
    moments = [(2.0, MessageRead(Remark(f"line {number}"))) for number in range(20)]

    done = play(*LAUNCHING, *moments)

    assert done.life.memory.last_words == tuple(f"line {number}" for number in range(12, 20))


def test_new_attempt_begins_without_last_words() -> None:
    done = play(*LAUNCHING, (3, complained(Cure.RETRY)), (5, GroupEmpty()), DUE, (20, GO))

    assert done.life.memory.last_words == ()


# --- an endpoint that vanishes under a stream ----------------------------------------------------

MISSING = Sampled(AwaitMount("file_system_missing", "mount it"))


def test_missing_endpoint_ends_an_idle_stream_and_is_waited_for() -> None:
    ended = play(*COPYING, (4, IDLE), (50, MISSING))
    waiting = play(*COPYING, (4, IDLE), (50, MISSING), (51, GroupEmpty()))

    assert ended.effects == (Terminate(),)
    assert waiting.life.state == WaitingForMount(
        51, 61, Trouble("file_system_missing", "mount it")
    )
    assert waiting.life.memory.failures == 0


def test_missing_endpoint_does_not_end_a_stream_that_copies() -> None:
    assert play(*COPYING, (50, MISSING)).effects == ()
