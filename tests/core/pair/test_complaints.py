"""Tests lasting complaints, stopped halves, and streams that park their own pair."""

from dataclasses import replace

from hammerd.core.hammer.diagnostics import TABLE
from hammerd.core.hammer.messages import Committed, Cure
from hammerd.core.pair.complaints import LASTING_COMPLAINTS, counts_of_all
from hammerd.core.pair.events import (
    Acknowledged,
    DeadlinePassed,
    GroupEmpty,
    HalfContinued,
    HalfDied,
    HalfStopped,
    Launch,
    MessageRead,
    Note,
    NoteName,
    Spawned,
    StartAsked,
    Terminate,
)
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import (
    CountedComplaint,
    LossCause,
    Memory,
    PairLife,
    Parked,
    Stopping,
    Streaming,
    ThenBackoff,
    Trouble,
)
from hammerd.core.pair.transitions import LONGEST_PROBE_S
from hammerd.core.pairs import Gear
from hammerd.core.tid import Tid
from tests.core.pair.pair_play import (
    BATCH,
    COPYING,
    DUE,
    GO,
    LAUNCHING,
    advance,
    complained,
    play,
)

DAMAGED = complained(Cure.NOTE, "data_damaged")
FULL = complained(Cure.RETRY, "slave_full")


def notes(*effects: object) -> list[Note]:
    return [effect for effect in effects if isinstance(effect, Note)]


def test_lasting_complaints_are_rows_of_the_table() -> None:
    assert {row.name for row in TABLE} >= LASTING_COMPLAINTS


def test_damage_is_counted_and_the_stream_goes_on() -> None:
    done = play(*COPYING, (10, DAMAGED), (11, DAMAGED))

    assert isinstance(done.life.state, Streaming)
    assert done.life.memory.complaints == (
        CountedComplaint("data_damaged", "what helps", "what it said", 2, 10, 11),
    )


def test_damage_is_written_down_the_first_the_tenth_the_hundredth_time() -> None:
    life = play(*COPYING).life
    written = []
    for number in range(1, 111):
        done = advance(life, (10 + number, DAMAGED))
        life = done.life
        if done.effects:
            written.append(number)

    assert written == [1, 10, 100]


def test_full_slave_ends_the_stream_and_is_logged_as_an_error() -> None:
    done = play(*COPYING, (10, FULL))

    trouble = Trouble("slave_full", "what helps")
    assert done.life.state == Stopping(10, 15, ThenBackoff(trouble))
    assert done.effects == (
        Terminate(),
        Note(NoteName.DAMAGED, trouble, "what it said (seen 1 times)"),
    )


def test_last_words_of_a_stream_that_is_being_ended_are_written_down_too() -> None:
    done = play(*COPYING, (10, HalfDied(8, "target")), (10, FULL))

    trouble = Trouble("slave_full", "what helps")
    assert notes(*done.effects) == [
        Note(NoteName.DAMAGED, trouble, "what it said (seen 1 times)"),
    ]
    assert isinstance(done.life.state, Stopping)
    assert done.life.state.then == ThenBackoff(trouble)


def test_complaint_of_hammer_outweighs_a_death_that_was_seen_first() -> None:
    done = play(*LAUNCHING, (10, HalfDied(8, "target")), (10, FULL))

    assert isinstance(done.life.state, Stopping)
    assert done.life.state.then == ThenBackoff(Trouble("slave_full", "what helps"))


def test_stall_remains_the_cause_whatever_its_stream_prints_while_it_ends() -> None:
    done = play(*COPYING, (10_000, DeadlinePassed()), (10_000, FULL))

    assert isinstance(done.life.state, Stopping)
    assert isinstance(done.life.state.then, ThenBackoff)
    assert done.life.state.then.trouble.because == LossCause.STALLED


def test_complaint_outlasts_its_stream_until_it_is_acknowledged() -> None:
    after = play(*COPYING, (10, FULL), (11, GroupEmpty()), DUE, (30, GO), (31, BATCH))
    acknowledged = advance(after.life, (32, Acknowledged()))

    assert [each.name for each in after.life.memory.complaints] == ["slave_full"]
    assert acknowledged.life.memory.complaints == ()
    assert acknowledged.life.state == after.life.state


def test_count_of_all_complaints_never_shrinks() -> None:
    after = play(*COPYING, (10, FULL), (11, FULL))
    acknowledged = advance(after.life, (12, Acknowledged()))
    more = advance(acknowledged.life, (13, FULL))
    again = advance(more.life, (14, Acknowledged()))

    counts = [counts_of_all(each.life.memory) for each in (after, acknowledged, more, again)]
    assert counts == [{"slave_full": 2}, {"slave_full": 2}, {"slave_full": 3}, {"slave_full": 3}]


def test_stopped_half_is_logged_and_shown_until_it_continues() -> None:
    stopped = play(*COPYING, (10, HalfStopped(8, "target")))
    continued = advance(stopped.life, (20, HalfContinued(8)))

    hint = 'the target half (pid 8) is stopped: "kill -CONT 8", or restart the pair'
    trouble = Trouble("half_stopped", hint)
    assert stopped.effects == (Note(NoteName.HALF_STOPPED, trouble),)
    assert isinstance(stopped.life.state, Streaming)
    assert stopped.life.state.stopped_half == trouble
    assert isinstance(continued.life.state, Streaming)
    assert continued.life.state.stopped_half is None


def refused_again(life: PairLife, at: float) -> PairLife:
    moments = ((at, GO), (at, Spawned(9)), (at + 1, complained(Cure.PARK)), (at + 2, GroupEmpty()))
    for moment in moments:
        life = advance(life, moment).life
    return life


def test_pair_that_its_own_streams_park_is_probed_less_and_less_often() -> None:
    life = play(*COPYING, (10, complained(Cure.PARK)), (11, GroupEmpty())).life
    spans = []
    for _ in range(9):
        assert isinstance(life.state, Parked)
        spans.append(life.state.probe_at - life.state.since_at)
        probing = advance(life, DUE).life
        life = refused_again(probing, probing.state.since_at + spans[-1] + 1)

    assert spans == [
        60,
        120,
        240,
        480,
        960,
        1920,
        LONGEST_PROBE_S,
        LONGEST_PROBE_S,
        LONGEST_PROBE_S,
    ]


def test_pair_that_is_refused_for_years_is_probed_once_an_hour() -> None:
    life = replace(play(*COPYING).life, memory=Memory(refusals=10**6))

    ended = advance(life, (10, complained(Cure.PARK))).life
    parked = advance(ended, (11, GroupEmpty())).life
    goes_on = advance(advance(parked, DUE).life, (parked.state.since_at + 3601, GO))

    assert isinstance(parked.state, Parked)
    assert deadline(parked) == 11 + LONGEST_PROBE_S
    assert goes_on.effects == (Launch(Gear.FOLLOWING),)


def test_stream_that_commits_or_a_person_ends_the_row_of_refusals() -> None:
    life = play(*COPYING, (10, complained(Cure.PARK)), (11, GroupEmpty())).life
    resumed = advance(life, (20, StartAsked())).life
    committed = play(
        *COPYING, (10, MessageRead(Committed(Tid(9)))), memory=replace(life.memory, refusals=3)
    ).life

    assert life.memory.refusals == 1
    assert resumed.memory.refusals == 0
    assert committed.memory.refusals == 0
