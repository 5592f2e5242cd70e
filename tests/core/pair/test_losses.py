"""Tests lost streams: a relaunch at once, or a failure and a wait."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    Connecting,
    Cure,
    FarLocked,
    LostLink,
    NoWork,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
)
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.events import (
    Event,
    GroupEmpty,
    GroupLives,
    HalfDied,
    HalvesGone,
    HalvesWorked,
    Kill,
    Launch,
    MessageRead,
    Note,
    NoteName,
    ParentDied,
    Probe,
    ProbeAnswered,
    RestartAsked,
    Sampled,
    SpawnFailed,
    StartAsked,
    StopAsked,
    Terminate,
)
from hammerd.core.pair.probe_verdict import AwaitMount, Go, Retry
from hammerd.core.pair.state_table import deadline
from hammerd.core.pair.states import (
    UNKILLABLE,
    Down,
    Launching,
    LossCause,
    Memory,
    Paused,
    Probing,
    Stopping,
    Streaming,
    ThenBackoff,
    ThenLaunch,
    ThenStopped,
    Trouble,
    WaitingForBackoff,
)
from hammerd.core.pairs import Endpoint, Gear, GearChoice
from hammerd.core.replication.lag import UNKNOWN, Lag
from hammerd.core.tid import Tid
from tests.core.pair.pair_play import (
    BATCH,
    COPYING,
    DUE,
    GO,
    IDLE,
    IN_SYNC,
    LAUNCHING,
    PAIR,
    PROBING,
    PROGRESS,
    Defaults,
    Moment,
    advance,
    complained,
    play,
)

LOST = MessageRead(LostLink())


def lost_at(at: float, event: Event = LOST) -> tuple[Moment, ...]:
    return ((at, event), (at + 1, GroupEmpty()))


# --- the loss of a stream --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "trouble"),
    [
        (LOST, Trouble(LossCause.LINK_LOST)),
        (
            HalfDied(8, "target"),
            Trouble(LossCause.HALF_DIED, "the target half (pid 8) ended or was killed"),
        ),
        (
            ParentDied("signal 9"),
            Trouble(LossCause.PARENT_DIED, "mirror-stream itself ended: signal 9"),
        ),
    ],
)
def test_lost_stream_is_ended_and_launched_again_without_a_probe(
    event: Event, trouble: Trouble
) -> None:
    ended = play(*COPYING, (100, event))
    done = play(*COPYING, *lost_at(100, event))

    assert ended.effects == (Terminate(),)
    assert ended.life.state == Stopping(100, 105, ThenLaunch(Gear.FOLLOWING, trouble))
    assert done.effects == (Launch(Gear.FOLLOWING),)
    assert done.life.memory == Memory(relaunched_at=101, restarts=1)


def test_stream_lost_again_within_healthy_after_backs_off_and_probes() -> None:
    again = (*COPYING, *lost_at(100), (102, BATCH), (103, PROGRESS), *lost_at(160))
    done = play(*again)
    probed = play(*again, DUE)

    assert done.life.state == WaitingForBackoff(161, 171, Trouble(LossCause.LINK_LOST))
    assert done.life.memory == Memory(failures=1, relaunched_at=101, restarts=2)
    assert probed.effects == (Probe(),)


def test_stream_lost_again_after_healthy_after_is_launched_at_once_again() -> None:
    done = play(*COPYING, *lost_at(100), (102, BATCH), (103, PROGRESS), *lost_at(161))

    assert done.effects == (Launch(Gear.FOLLOWING),)
    assert done.life.memory == Memory(relaunched_at=162, restarts=2)


def test_stream_that_dies_young_twice_backs_off() -> None:
    first = play(*COPYING, *lost_at(5))
    second = play(*COPYING, *lost_at(5), (7, BATCH), *lost_at(8))

    assert first.effects == (Launch(Gear.FOLLOWING),)
    assert isinstance(second.life.state, WaitingForBackoff)


def test_each_failure_in_a_row_waits_longer() -> None:
    moments: tuple[Moment, ...] = PROBING
    waits = []
    for _ in range(4):
        moments = (*moments, DUE)
        state = play(*moments).life.state
        assert isinstance(state, WaitingForBackoff)
        waits.append(state.retry_at - state.since_at)
        moments = (*moments, DUE)

    assert waits == [10, 20, 30, 40]


# --- forgiveness -----------------------------------------------------------------------------


FAILED_ONCE = (*PROBING, DUE, DUE, (31, GO))
"""A probe was late at 20, the next one led to a launch at 31."""


@pytest.mark.parametrize(
    "proof", [PROGRESS, MessageRead(Committed(Tid(9))), MessageRead(SliceWritten()), IDLE]
)
def test_failure_is_forgiven_to_a_healthy_stream(proof: Event) -> None:
    done = play(*FAILED_ONCE, (32, BATCH), (33, proof), *lost_at(91))

    assert done.effects == (Launch(Gear.FOLLOWING),)
    assert done.life.memory == Memory(relaunched_at=92, restarts=1)


def test_failure_is_not_forgiven_to_a_stream_that_lived_too_short() -> None:
    done = play(*FAILED_ONCE, (32, BATCH), (33, PROGRESS), *lost_at(90.5))

    assert done.life.memory.failures == 2


@pytest.mark.parametrize(
    "message",
    [
        Prescan(),
        PrescanDone(1, 9),
        NoWork(),
        Batch(Tid(9), Tid(0), 0),
        Progress(Tid(2), Tid(9), 0),
    ],
)
def test_failure_is_not_forgiven_to_a_stream_that_moved_nothing(
    message: Prescan | PrescanDone | NoWork | Batch | Progress,
) -> None:
    done = play(*FAILED_ONCE, (32, MessageRead(message)), *lost_at(500))

    assert done.life.memory.failures == 2


def test_only_a_start_by_a_person_forgives_failures() -> None:
    failed = Memory(failures=1, failed_by=Trouble("connection_timed_out"))

    starts = [play((0, StartAsked(lifts_latch=by)), memory=failed).life for by in (True, False)]

    assert [life.memory.failures for life in starts] == [0, 1]


def test_stop_of_a_healthy_stream_forgives_its_failures() -> None:
    done = play(*FAILED_ONCE, (32, BATCH), (33, PROGRESS), (99, StopAsked(Paused())))

    assert done.life.memory.failures == 0


def test_resume_forgives_failures() -> None:
    assert play(*PROBING, DUE, (21, StartAsked())).life.memory.failures == 0


def test_restart_forgives_nothing() -> None:
    assert play(*PROBING, DUE, (21, RestartAsked())).life.memory.failures == 1


# --- complaints ------------------------------------------------------------------------------


def test_complaint_that_a_retry_may_cure_backs_off_even_a_healthy_stream() -> None:
    done = play(*COPYING, *lost_at(500, complained(Cure.RETRY)))

    assert done.life.state == WaitingForBackoff(501, 511, Trouble("name", "what helps"))
    assert done.life.memory.failures == 1


def test_complaint_before_any_sign_of_life_backs_off() -> None:
    done = play(*LAUNCHING, *lost_at(2, complained(Cure.RETRY)))

    assert done.life.state == WaitingForBackoff(3, 13, Trouble("name", "what helps"))


def test_complaint_after_a_lost_link_takes_the_immediate_relaunch_away() -> None:
    done = play(*COPYING, (100, LOST), (100, complained(Cure.RETRY)), (101, GroupEmpty()))

    assert done.life.state == WaitingForBackoff(101, 111, Trouble("name", "what helps"))
    cause = Complaint("what it said", "name", Cure.RETRY, "what helps")
    assert done.life.memory == Memory(
        failures=1, restarts=1, last_words=("what it said",), likely_cause=cause
    )


def test_echo_of_a_death_does_not_take_the_immediate_relaunch_away() -> None:
    done = play(*COPYING, (100, complained(Cure.ECHO)), *lost_at(100))

    assert done.effects == (Launch(Gear.FOLLOWING),)


def test_note_is_written_down_and_nothing_else() -> None:
    done = play(*COPYING, (100, complained(Cure.NOTE)))

    note = Note(NoteName.COMPLAINED, Trouble("name", "what helps"), "what it said")
    assert done.effects == (note,)
    assert done.life.state == play(*COPYING).life.state


# --- what is counted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moments",
    [
        (*LAUNCHING, *lost_at(2)),
        (*LAUNCHING, *lost_at(2, complained(Cure.RETRY))),
        (*LAUNCHING, *lost_at(2, ParentDied("exit 1"))),
        (*LAUNCHING, DUE),
    ],
)
def test_attempt_without_a_sign_of_life_is_a_failure_and_no_lost_stream(
    moments: tuple[Moment, ...],
) -> None:
    life = play(*moments).life
    if isinstance(life.state, Stopping):
        life = advance(life, (99, GroupEmpty())).life

    assert (life.memory.failures, life.memory.restarts) == (1, 0)


@pytest.mark.parametrize("cure", [Cure.RETRY, Cure.MOUNT, Cure.PARK])
def test_stream_that_ends_by_a_complaint_is_a_lost_stream(cure: Cure) -> None:
    assert play(*COPYING, *lost_at(100, complained(cure))).life.memory.restarts == 1


@pytest.mark.parametrize("event", [RestartAsked(), StopAsked(Paused()), StopAsked(Down())])
def test_stream_that_is_asked_to_end_is_no_lost_stream(event: Event) -> None:
    assert (
        play(*COPYING, *lost_at(100, event)).life.memory
        == play((0, StartAsked()), (0, event)).life.memory
    )


# --- launching -------------------------------------------------------------------------------


def test_remark_is_no_sign_of_life() -> None:
    done = play(*LAUNCHING, (2, MessageRead(Remark("a motd"))))

    assert done.life.state == Launching(1, 61, Gear.FOLLOWING)


def test_launch_without_a_sign_of_life_backs_off() -> None:
    ended = play(*LAUNCHING, DUE)

    hint = (
        "the stream said nothing since it was started: where pfs-status answers it could not fork"
        " and spins: is the host short of processes or memory (top, limits(1))?"
    )
    assert ended.life.state == Stopping(
        61, 66, ThenBackoff(Trouble(LossCause.LAUNCH_TIMEOUT, hint))
    )
    assert ended.effects == (Terminate(),)


def test_spawn_that_fails_backs_off_and_never_parks() -> None:
    done = play(*PROBING, (1, GO), (1, SpawnFailed(2, "no such file")))

    assert done.life.state == WaitingForBackoff(
        1, 11, Trouble(LossCause.SPAWN_FAILED, "no such file")
    )


@pytest.mark.parametrize("message", [Prescan(), NoWork(), Batch(Tid(2), Tid(9), 9)])
def test_first_known_line_is_a_sign_of_life(message: Prescan | NoWork | Batch) -> None:
    state = play(*LAUNCHING, (2, MessageRead(message))).life.state

    assert isinstance(state, Streaming)
    assert (state.since_at, state.launched_at) == (2, 1)


# --- stalls ----------------------------------------------------------------------------------

BEHIND = (*COPYING, (4, Sampled(Go())))


def test_stream_without_progress_behind_a_moving_master_is_stalled() -> None:
    done = play(*BEHIND, DUE)

    hint = (
        "the master moves on, the stream does not: a read of the master's disk, a write of the"
        " slave's or the link hangs; see dmesg of both hosts"
    )
    assert done.life.state == Stopping(604, 609, ThenBackoff(Trouble(LossCause.STALLED, hint)))


def test_stalled_stream_is_a_failure_and_probed_first() -> None:
    done = play(*BEHIND, DUE, (605, GroupEmpty()))

    assert isinstance(done.life.state, WaitingForBackoff)
    assert done.life.memory == Memory(failures=1, restarts=1)


def test_idle_master_is_no_stall() -> None:
    assert deadline(play(*COPYING, (4, IDLE), (5, Sampled(Go()), IN_SYNC)).life) is None


def test_unknown_lag_is_no_stall() -> None:
    life = play(*BEHIND, (5, Sampled(Retry("late", "wait")), UNKNOWN)).life

    assert deadline(life) is None


def test_launch_timeout_names_the_hosts_it_was_connecting_to() -> None:
    pair = replace(
        PAIR, master=Endpoint("/m", SshHost("office")), slave=Endpoint("/s", SshHost("backup"))
    )
    halves = (
        (1, MessageRead(Connecting("office", "master"))),
        (1.5, MessageRead(Connecting("root@backup", "slave"))),
    )

    connecting = play(*LAUNCHING, *halves, pair=pair).life
    logged_in = advance(connecting, (2, MessageRead(FarLocked()))).life
    hints = [advance(life, DUE).life.state for life in (connecting, logged_in)]

    assert isinstance(connecting.state, Launching)
    assert connecting.state.connecting_at == 1
    assert [str(state).count("root@backup") for state in hints] == [1, 0]
    assert [str(state).count("office") for state in hints] == [1, 1]


@pytest.mark.parametrize("event", [HalfDied(8, "target"), HalvesGone()])
def test_half_that_died_before_hammerd_rsh_spoke_is_told_with_its_name(event: Event) -> None:
    push = replace(PAIR, slave=Endpoint("/slave", SshHost("backup")))
    spoke = (1, MessageRead(Connecting("backup", "slave")))

    ended = [play(*LAUNCHING, *one, (2, event), pair=push).life.state for one in ((), (spoke,))]

    assert [str(state).count("hammerd-rsh") for state in ended] == [1, 0]


@pytest.mark.parametrize(
    ("half", "hint"),
    [
        ("source", "the source half (pid 8) ended or was killed"),
        (
            "target",
            "the target half on backup, or its ssh here (pid 8), ended or was killed; does",
        ),
    ],
)
def test_death_of_a_half_on_another_host_names_that_host(half: str, hint: str) -> None:
    push = replace(PAIR, slave=Endpoint("/slave", SshHost("backup")))

    ended = play(*COPYING, (100, HalfDied(8, half)), pair=push).life.state

    assert hint in str(ended)


def test_slice_that_a_login_may_have_feigned_stalls_though_no_lag_is_known() -> None:
    push = replace(PAIR, slave=Endpoint("/slave", SshHost("backup")))
    moments = (*LAUNCHING, (2, BATCH, UNKNOWN), (100, Sampled(Retry("late", "wait")), UNKNOWN))
    life = play(*moments, pair=push).life

    assert deadline(life) == 2 + PAIR.timing.stall_timeout_s
    assert deadline(play(*moments, (3, IDLE, UNKNOWN), pair=push).life) is None


@pytest.mark.parametrize(("lag", "stalls_at"), [(IN_SYNC, 1550), (UNKNOWN, 1500)])
def test_slice_over_a_login_that_was_behind_stalls_no_sooner_for_another_lag(
    lag: Lag, stalls_at: float
) -> None:
    push = replace(PAIR, slave=Endpoint("/slave", SshHost("backup")))
    behind = (900, Sampled(Go()))
    life = play(*LAUNCHING, (2, BATCH), behind, (950, Sampled(Go()), lag), pair=push).life

    assert deadline(life) == stalls_at


def test_unmounted_endpoint_of_a_living_stream_is_no_stall() -> None:
    life = play(*BEHIND, (5, Sampled(AwaitMount("gone", "mount it")), UNKNOWN)).life

    assert deadline(life) is None


@pytest.mark.parametrize(
    "message", [Progress(Tid(2), Tid(9), 0), Progress(Tid(2), Tid(9), 9), Committed(Tid(9))]
)
def test_progress_of_any_kind_puts_the_stall_off(message: Progress | Committed) -> None:
    assert deadline(play(*BEHIND, (500, MessageRead(message))).life) == 1100


def test_slave_that_moves_is_no_stall_even_if_no_message_is_understood() -> None:
    life = play(*BEHIND).life
    for at in range(30, 3000, 30):
        life = advance(life, (at, MessageRead(Remark("?")))).life
        life = advance(life, (at, Sampled(Go())), Defaults(slave_tid=Tid(at))).life

    assert deadline(life) == 2970 + 600


def test_stall_is_never_sooner_than_four_reads_at_the_bandwidth() -> None:
    slow = replace(PAIR, options=replace(PAIR.options, bandwidth_bytes=1024))

    assert deadline(play(*BEHIND, pair=slow).life) == 4 + 2048


def test_stream_that_waits_for_its_delay_is_no_stall() -> None:
    slow = replace(PAIR, options=replace(PAIR.options, delay_s=1800))
    done = play(*COPYING, (4, IDLE), (5, Sampled(Go())), pair=slow)

    assert deadline(done.life) == 5 + 4 * 1800


def test_silent_prescan_of_a_stream_kept_in_bulk_gear_is_no_stall_while_it_uses_cpu() -> None:
    bulk = replace(PAIR, options=replace(PAIR.options, gear=GearChoice.BULK))
    done = play(*COPYING, (4, IDLE), (5, Sampled(Go())), (500, HalvesWorked()), pair=bulk)

    assert deadline(done.life) == 500 + PAIR.timing.stall_timeout_s


def test_prescan_that_uses_cpu_is_not_stuck() -> None:
    prescan = (*LAUNCHING, (2, MessageRead(Prescan())))
    working = play(*prescan, (1000, HalvesWorked()), (3000, Sampled(Go())))
    silent = play(*prescan, DUE)

    assert deadline(play(*prescan).life) == 3602
    assert deadline(working.life) == 4600
    hint = "the prescan is silent and uses no CPU: look at the master's disk"
    assert silent.life.state == Stopping(
        3602, 3607, ThenBackoff(Trouble(LossCause.PRESCAN_STUCK, hint))
    )


def test_prescan_that_took_longer_than_a_stall_is_not_held_against_what_follows() -> None:
    life = play(
        *LAUNCHING, (2, MessageRead(Prescan())), (4, Sampled(Go())), (1000, MessageRead(NoWork()))
    ).life

    assert deadline(life) == 1600


def test_cpu_that_is_used_while_copying_is_no_progress() -> None:
    assert deadline(play(*BEHIND, (500, HalvesWorked())).life) == 604


# --- the end of a group ----------------------------------------------------------------------

STOPPING = (*COPYING, (100, StopAsked(Paused())))


def test_group_that_outlives_its_grace_is_killed() -> None:
    done = play(*STOPPING, DUE)

    assert done.effects == (Kill(),)
    assert done.life.state == Stopping(100, 110, ThenStopped(), kills=1)


def test_group_that_survives_its_kill_is_logged_once_as_unkillable() -> None:
    outlived = play(*STOPPING, DUE, (110, GroupLives(110)))
    again = play(*STOPPING, DUE, (110, GroupLives(110)), (111, GroupLives(111)))
    killed_again = advance(outlived.life, DUE)

    assert outlived.effects == (Note(NoteName.UNKILLABLE, UNKILLABLE),)
    assert outlived.life.state == Stopping(100, 110, ThenStopped(), kills=1, is_unkillable=True)
    assert again.effects == ()
    assert killed_again.effects == (Kill(),)
    assert deadline(killed_again.life) == 115


@pytest.mark.parametrize(
    "moments",
    [
        STOPPING,
        (*STOPPING, (104, GroupLives(104))),
        (*STOPPING, DUE, (109, GroupLives(109))),
        # The deadlines pass while the daemon is too slow to scan.
        (*STOPPING, DUE, DUE, DUE, DUE),
        (*STOPPING, DUE, DUE, (112, GroupLives(109))),
    ],
)
def test_only_a_scan_after_the_grace_of_a_kill_proves_a_group_unkillable(
    moments: tuple[Moment, ...],
) -> None:
    state = play(*moments).life.state

    assert isinstance(state, Stopping)
    assert not state.is_unkillable


def test_scan_after_a_late_deadline_proves_a_group_unkillable() -> None:
    state = play(*STOPPING, DUE, DUE, (113, GroupLives(111))).life.state

    assert isinstance(state, Stopping)
    assert state.is_unkillable


def test_unkillable_group_that_ends_after_all_leaves_stopping() -> None:
    done = play(*COPYING, (100, LOST), DUE, DUE, DUE, (500, GroupEmpty()))

    assert done.effects == (Launch(Gear.FOLLOWING),)


def test_probe_that_does_not_answer_backs_off() -> None:
    done = play(*PROBING, DUE)

    hint = "pfs-status of an end does not come back: look at the disk or the host"
    assert done.life.state == WaitingForBackoff(20, 30, Trouble(LossCause.PROBE_TIMEOUT, hint))


def test_answer_of_a_probe_after_its_deadline_is_ignored() -> None:
    late = play(*PROBING, DUE, (25, GO))

    assert late.life.state == play(*PROBING, DUE).life.state
    assert late.effects == ()


def test_answer_of_the_probe_before_serves_the_pair_that_is_asked_up_again() -> None:
    done = play(*PROBING, (5, StopAsked(Paused())), (6, StartAsked()), (7, GO))

    assert play(*PROBING, (5, StopAsked(Paused())), (6, StartAsked())).life.state == Probing(6, 26)
    assert done.effects == (Launch(Gear.FOLLOWING),)


def test_probe_that_says_retry_backs_off_with_its_hint() -> None:
    done = play(*PROBING, (1, ProbeAnswered(Retry("probe_timeout", "look at the disk"))))

    assert done.life.state == WaitingForBackoff(
        1, 11, Trouble("probe_timeout", "look at the disk")
    )
