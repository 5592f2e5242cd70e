"""Tests waits for a mount, a slave, the end of a pause; and the gear after them."""

from dataclasses import replace

import pytest

from hammerd.core.config.model import LogLevel
from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Cure,
    LostLink,
    Message,
    NoWork,
    Prescan,
    PrescanDone,
    Progress,
)
from hammerd.core.pair.events import (
    Event,
    GroupEmpty,
    Launch,
    LeaveQueue,
    MessageRead,
    Misdirected,
    Probe,
    ProbeAnswered,
    ResourceBusy,
    ResourceFree,
    RestartAsked,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.probe_verdict import SLAVE_AWAY, AwaitMount, Retry
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.state_table import AT_ONCE, NEVER, deadline, row_of
from hammerd.core.pair.states import (
    Copying,
    Down,
    IdlePhase,
    InPrescan,
    Memory,
    MisdirectedCause,
    Paused,
    Phase,
    Probing,
    Stopped,
    Stopping,
    Streaming,
    ThenLaunch,
    Trouble,
    Up,
    WaitingForMount,
    WaitingForResource,
)
from hammerd.core.pairs import Gear, GearChoice, Rotation
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.tid import NEVER_MIRRORED, Tid
from tests.core.pair.pair_play import (
    A_LITTLE_BEHIND,
    BATCH,
    COPYING,
    DUE,
    FAR_BEHIND,
    GO,
    IDLE,
    IN_SYNC,
    LAUNCHING,
    PAIR,
    PROBING,
    Defaults,
    Moment,
    complained,
    emptied,
    play,
)

# --- waiting: mount --------------------------------------------------------------------------

NO_MOUNT = ProbeAnswered(AwaitMount("file_system_missing", "mount -a"))
MISSING = Trouble("file_system_missing", "mount -a")
UNMOUNTED = (*PROBING, (1, NO_MOUNT))


def test_missing_mount_is_waited_for_without_a_failure() -> None:
    done = play(*UNMOUNTED)

    assert done.life.state == WaitingForMount(1, 11, MISSING)
    assert done.life.memory.failures == 0


def test_missing_mount_is_probed_every_ten_seconds() -> None:
    probing = play(*UNMOUNTED, DUE)
    answered = play(*UNMOUNTED, DUE, (12, NO_MOUNT))

    assert probing.effects == (Probe(),)
    assert probing.life.state == WaitingForMount(1, 41, MISSING, is_probing=True)
    assert answered.life.state == WaitingForMount(1, 22, MISSING)
    assert answered.life.memory.failures == 0


def test_probe_of_a_mount_without_an_answer_is_repeated() -> None:
    done = play(*UNMOUNTED, DUE, DUE)

    assert done.effects == (Probe(),)
    assert done.life.state == WaitingForMount(1, 71, MISSING, is_probing=True)


def test_mount_that_appears_launches_the_pair() -> None:
    assert play(*UNMOUNTED, DUE, (12, GO)).effects == (Launch(Gear.FOLLOWING),)


def test_probe_of_a_mount_that_fails_otherwise_is_a_failure() -> None:
    done = play(*UNMOUNTED, DUE, (12, ProbeAnswered(Retry("probe_timeout", ""))))

    assert done.life.memory.failures == 1


ROTATING = replace(PAIR, rotate=Rotation(takes_turns=True))
AWAY = ProbeAnswered(AwaitMount(SLAVE_AWAY, "mount -a"))


@pytest.mark.parametrize(
    "moments",
    [
        ((0, StartAsked()), (1, AWAY)),
        emptied(*COPYING, (4, complained(Cure.MOUNT, "slave_missing")), at=5),
    ],
    ids=["probe", "stream"],
)
def test_slave_that_is_away_is_no_fault_if_others_take_turns(moments: tuple[Moment, ...]) -> None:
    life = play(*moments, pair=ROTATING).life
    row = row_of(life)

    assert isinstance(life.state, WaitingForMount)
    assert (row.warning_at, row.critical_at, row.level) == (NEVER, NEVER, LogLevel.INFO)
    single = row_of(play(*moments).life)
    assert (single.warning_at, single.level) == (AT_ONCE, LogLevel.WARNING)


def test_slave_that_is_away_is_away_since_the_first_probe() -> None:
    life = play((0, StartAsked()), (1, AWAY), DUE, (12, AWAY), pair=ROTATING).life

    assert (life.state.since_at, deadline(life)) == (1.0, 22.0)
    assert life.memory.unmounted_since_at is None


def test_stream_that_ends_for_a_turn_is_no_fault() -> None:
    turn = Misdirected(Trouble(MisdirectedCause.SLAVE_TURN, "another one"))
    row = row_of(play(*COPYING, (4, turn)).life)

    assert (row.trouble, row.because, row.level) == (None, "slave_turn", LogLevel.INFO)
    other = Misdirected(Trouble(MisdirectedCause.SLAVE_IS_ANOTHER, "another one"))
    assert row_of(play(*COPYING, (4, other)).life).level is LogLevel.WARNING


def test_complaint_of_a_missing_mount_ends_the_stream_and_waits() -> None:
    done = play(*COPYING, (50, complained(Cure.MOUNT)), (51, GroupEmpty()))

    assert done.life.state == WaitingForMount(51, 61, Trouble("name", "what helps"))
    assert done.life.memory.failures == 0


def test_mount_that_only_a_stream_can_miss_is_missing_since_the_first_time() -> None:
    """The master of a pull pair: no probe reads it, so every verdict is go."""
    moments = LAUNCHING
    for at in (2, 13, 24):
        moments = (*moments, (at, complained(Cure.MOUNT)), (at + 1, GroupEmpty()), DUE)
        moments = (*moments, (at + 11, GO))

    waiting = play(*moments[:-2]).life.state

    assert waiting == WaitingForMount(3, 35, Trouble("name", "what helps"))


@pytest.mark.parametrize("between", [MessageRead(Prescan()), StopAsked(Paused())])
def test_stream_that_lived_or_a_pause_makes_a_missing_mount_a_new_one(between: Event) -> None:
    back = (
        ((13, between), (50, complained(Cure.MOUNT)), (51, GroupEmpty()))
        if isinstance(between, MessageRead)
        else ((13, between), (14, GroupEmpty()), (15, StartAsked()), (51, NO_MOUNT))
    )

    state = play(*UNMOUNTED, DUE, (12, GO), *back).life.state

    assert isinstance(state, WaitingForMount)
    assert state.since_at == 51


# --- waiting: slave --------------------------------------------------------------------------

QUEUED = (*PROBING, (1, GO), (1, ResourceBusy(Resource.SLAVE, "pair other")))


def test_busy_slave_is_waited_for_and_its_owner_named() -> None:
    done = play(*QUEUED)

    trouble = Trouble("slave_busy", "pair other still holds the slave")
    assert done.life.state == WaitingForResource(1, Resource.SLAVE, trouble)
    assert done.life.memory.failures == 0


def test_free_slave_is_launched_onto() -> None:
    assert play(*QUEUED, (9, ResourceFree())).effects == (LeaveQueue(), Launch(Gear.FOLLOWING))


def test_gear_of_a_queued_pair_is_chosen_when_its_slave_is_free() -> None:
    done = play(*QUEUED, (9999, ResourceFree(), FAR_BEHIND))

    assert done.effects == (LeaveQueue(), Launch(Gear.BULK))


def test_queued_pair_that_is_paused_leaves_the_queue() -> None:
    done = play(*QUEUED, (5, StopAsked(Paused())))

    assert done.life.state == Stopped(5)
    assert done.effects == (LeaveQueue(),)


@pytest.mark.parametrize("asked", [StartAsked(), RestartAsked()])
def test_queued_pair_that_is_asked_for_keeps_its_place(asked: Event) -> None:
    assert play(*QUEUED, (5, asked)).life.state == play(*QUEUED).life.state


# --- pauses ----------------------------------------------------------------------------------


def test_paused_pair_stays_stopped_until_it_is_resumed() -> None:
    done = play(*COPYING, (50, StopAsked(Paused())), (51, GroupEmpty()))

    assert done.life.state == Stopped(51)
    assert deadline(done.life) is None


def test_pause_for_a_time_ends_by_itself() -> None:
    paused = play(*COPYING, (50, StopAsked(Paused(90))), (51, GroupEmpty()))
    resumed = play(*COPYING, (50, StopAsked(Paused(90))), (51, GroupEmpty()), DUE)

    assert paused.life.state == Stopped(51, resume_at=90)
    assert resumed.life.state == Probing(90, 110)
    assert resumed.life.memory.wanted == Up()


def test_pause_that_ends_while_the_group_is_stopping_ends_when_it_is_empty() -> None:
    moments = (*COPYING, (50, StopAsked(Paused(52))), (53, GroupEmpty()))

    assert play(*moments).life.state == Stopped(53, resume_at=53)
    assert play(*moments, DUE).effects == (Probe(),)


def test_pause_that_ended_while_the_daemon_was_down_ends_at_once() -> None:
    life = new_life(PAIR, Memory(wanted=Paused(-100.0)), 7)

    assert life.state == Stopped(7, resume_at=7)


def test_later_pause_replaces_the_one_before() -> None:
    for_ever = play(*PROBING, (1, StopAsked(Paused(90))), (2, StopAsked(Paused())))
    shorter = play(*PROBING, (1, StopAsked(Paused(90))), (2, StopAsked(Paused(30))))

    assert for_ever.life.state == Stopped(1)
    assert shorter.life.state == Stopped(1, resume_at=30)


def test_resume_of_a_pause_for_a_time_leaves_no_deadline_behind() -> None:
    done = play(*PROBING, (1, StopAsked(Paused(90))), (2, StartAsked()))

    assert done.life.state == Probing(2, 22)
    assert done.life.memory == Memory()


def test_start_asked_while_stopping_probes_when_the_group_is_empty() -> None:
    moments = (*COPYING, (50, StopAsked(Paused(90))), (51, StartAsked()), (52, GroupEmpty()))

    assert play(*moments).life.state == Probing(52, 72)
    assert play(*moments).life.memory == Memory()


def test_stop_asked_in_a_backoff_is_immediate() -> None:
    done = play(*PROBING, DUE, (21, StopAsked(Down())))

    assert done.life.state == Stopped(21)


def test_answer_to_a_pair_that_was_stopped_meanwhile_is_ignored() -> None:
    done = play(*PROBING, (1, StopAsked(Paused())), (2, GO))

    assert done.life.state == Stopped(1)
    assert done.effects == ()


def test_restart_ends_the_stream_and_probes() -> None:
    ended = play(*COPYING, (50, RestartAsked()))
    done = play(*COPYING, (50, RestartAsked()), (51, GroupEmpty()))

    assert ended.effects == (Terminate(),)
    assert done.effects == (Probe(),)


# --- gears -----------------------------------------------------------------------------------

AHEAD = Lag(LagVerdict.AHEAD, tids=-3)


@pytest.mark.parametrize(
    ("lag", "slave_tid", "gear"),
    [
        (IN_SYNC, Tid(9), Gear.FOLLOWING),
        (A_LITTLE_BEHIND, Tid(9), Gear.FOLLOWING),
        (Lag(LagVerdict.BEHIND, 5, 600.0), Tid(9), Gear.FOLLOWING),
        (Lag(LagVerdict.BEHIND, 5, 600.1), Tid(9), Gear.BULK),
        (FAR_BEHIND, Tid(9), Gear.BULK),
        (UNKNOWN, Tid(9), Gear.BULK),
        (UNKNOWN, None, Gear.BULK),
        (AHEAD, Tid(9), Gear.BULK),
        (A_LITTLE_BEHIND, NEVER_MIRRORED, Gear.BULK),
        (IN_SYNC, NEVER_MIRRORED, Gear.BULK),
    ],
)
def test_bulk_is_for_a_slave_that_never_mirrored_or_is_far_behind(
    lag: Lag, slave_tid: Tid | None, gear: Gear
) -> None:
    assert play(*PROBING, (1, GO), defaults=Defaults(lag, slave_tid)).effects == (Launch(gear),)


IN_BULK = (*PROBING, (1, GO, FAR_BEHIND), (2, BATCH, FAR_BEHIND))


@pytest.mark.parametrize("lag", [IN_SYNC, A_LITTLE_BEHIND])
def test_bulk_that_has_caught_up_changes_gear_at_rest(lag: Lag) -> None:
    ended = play(*IN_BULK, (30, IDLE, lag))
    done = play(*IN_BULK, (30, IDLE, lag), (31, GroupEmpty()))

    assert ended.effects == (Terminate(),)
    assert ended.life.state == Stopping(30, 35, ThenLaunch(Gear.FOLLOWING))
    assert done.effects == (Launch(Gear.FOLLOWING),)
    assert done.life.memory == Memory()


@pytest.mark.parametrize("lag", [FAR_BEHIND, UNKNOWN])
def test_bulk_that_is_not_known_to_have_caught_up_keeps_its_gear(lag: Lag) -> None:
    done = play(*IN_BULK, (30, IDLE, lag))

    assert isinstance(done.life.state, Streaming)
    assert done.effects == ()


def test_bulk_that_has_caught_up_keeps_its_gear_until_it_is_idle() -> None:
    done = play(
        *IN_BULK,
        (30, MessageRead(Committed(Tid(9))), IN_SYNC),
        (31, MessageRead(NoWork()), IN_SYNC),
    )

    assert isinstance(done.life.state, Streaming)


def test_idle_stream_in_following_gear_continues() -> None:
    done = play(*COPYING, (30, IDLE, IN_SYNC))

    assert done.effects == ()
    assert isinstance(done.life.state, Streaming)


def test_following_stream_that_falls_far_behind_keeps_its_gear() -> None:
    assert play(*COPYING, (30, IDLE, FAR_BEHIND)).effects == ()


def test_gear_that_is_pinned_to_bulk_stays() -> None:
    pinned = replace(PAIR, options=replace(PAIR.options, gear=GearChoice.BULK))

    launched = play(*PROBING, (1, GO, IN_SYNC), pair=pinned)
    idle = play(*PROBING, (1, GO, IN_SYNC), (2, BATCH), (3, IDLE, IN_SYNC), pair=pinned)

    assert launched.effects == (Launch(Gear.BULK),)
    assert isinstance(idle.life.state, Streaming)


def test_lost_stream_is_launched_again_in_the_gear_of_its_lag() -> None:
    done = play(*COPYING, (100, MessageRead(LostLink()), FAR_BEHIND), (101, GroupEmpty()))

    assert done.effects == (Launch(Gear.BULK),)


# --- phases ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "phase"),
    [
        ((Prescan(),), InPrescan()),
        ((Prescan(), PrescanDone(2, 90)), InPrescan()),
        ((Batch(Tid(2), Tid(9), 90),), Copying(0, 90)),
        ((Batch(Tid(2), Tid(9), None),), Copying(0, None)),
        ((Batch(Tid(2), Tid(9), 90), Progress(Tid(2), Tid(9), 40)), Copying(40, 90)),
        ((Progress(Tid(2), Tid(9), 40), Committed(Tid(9))), Copying(40)),
        ((Batch(Tid(9), Tid(0), 2**64 - 1), NoWork()), IdlePhase()),
    ],
)
def test_phase_follows_the_last_message(messages: tuple[Message, ...], phase: Phase) -> None:
    moments = [(2.0 + index, MessageRead(message)) for index, message in enumerate(messages)]

    state = play(*LAUNCHING, *moments).life.state

    assert isinstance(state, Streaming)
    assert state.phase == phase


def test_batch_of_nothing_leaves_a_stream_at_rest() -> None:
    state = play(*COPYING, (9, IDLE), (10, MessageRead(Batch(Tid(9), Tid(0), 0)))).life.state

    assert isinstance(state, Streaming)
    assert state.phase == IdlePhase()
