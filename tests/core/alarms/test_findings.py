"""A look at a pair is as bad as its health, but for a slave that catches up, and for wishes."""

from dataclasses import replace

import pytest

from hammerd.core.alarms.findings import (
    BAD,
    DAEMON,
    Finding,
    Look,
    Mark,
    daemon_finding,
    finding_of,
    mark_of,
)
from hammerd.core.api.health import Health, health_of
from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.states import (
    CountedComplaint,
    Down,
    InPrescan,
    PairLife,
    Parked,
    Paused,
    Phase,
    Streaming,
)
from hammerd.core.pairs import Endpoint
from hammerd.core.replication.transfer_progress import Transfer
from hammerd.core.tid import Tid
from tests.core.api.print_health_table import COLUMNS, NOW_AT, ROWS, report


def seen(row: str, column: str = "in sync") -> PairReport:
    return report(ROWS[row], COLUMNS[column])


def look_of(one: PairReport, before: Mark | None = None) -> Look:
    return finding_of(one, before or mark_of(one), NOW_AT).look


@pytest.mark.parametrize("column", COLUMNS)
def test_look_is_the_health_of_a_pair_that_stands_still(column: str) -> None:
    looks = {
        Health.OK: Look.GOOD,
        Health.UNKNOWN: Look.UNKNOWN,
        Health.WARNING: Look.WARNING,
        Health.CRITICAL: Look.CRITICAL,
    }

    for row in (name for name in ROWS if "idle" in name or "parked" in name or "backoff" in name):
        one = seen(row, column)
        assert look_of(one) is looks[health_of(one, NOW_AT)], row


def moved(one: PairReport, tid: int | None = None, sent_bytes: int = 0) -> PairReport:
    """Return a report of a stream with this TID and so many bytes sent."""
    state = one.life.state
    assert isinstance(state, Streaming)
    transfer = Transfer(sent_bytes=sent_bytes)
    life = replace(one.life, state=replace(state, transfer=transfer))
    return replace(one, life=life, slave_tid=None if tid is None else Tid(tid))


LATE, TOO_LATE = seen("streaming: idle", "300"), seen("streaming: idle", "1800")


@pytest.mark.parametrize(
    ("before", "now"),
    [((5, 0), (6, 0)), ((5, 10), (5, 11)), ((None, 10), (None, 11))],
)
def test_late_slave_that_moves_is_late_and_no_alarm(
    before: tuple[int | None, int], now: tuple[int | None, int]
) -> None:
    mark = mark_of(moved(LATE, *before))

    assert look_of(moved(LATE, *now), mark) is Look.LATE
    assert look_of(moved(LATE, *before), mark) is Look.WARNING, "it stands"
    assert look_of(moved(TOO_LATE, *now), mark) is Look.CRITICAL, "the hard limit always counts"


def test_first_look_at_a_late_slave_cannot_tell_whether_it_moves() -> None:
    assert finding_of(LATE, None, NOW_AT).look is Look.UNKNOWN
    assert finding_of(TOO_LATE, None, NOW_AT).look is Look.CRITICAL


def test_bytes_of_another_stream_prove_nothing() -> None:
    one = moved(LATE, 5, 11)
    mark = replace(mark_of(moved(LATE, 5, 10)), launched_at=1.0)

    assert look_of(one, mark) is Look.WARNING


def test_prescan_is_silent_and_no_standstill() -> None:
    state = LATE.life.state
    assert isinstance(state, Streaming)
    phase: Phase = InPrescan()
    one = replace(LATE, life=replace(LATE.life, state=replace(state, phase=phase)))

    assert look_of(one) is Look.LATE


def test_late_slave_with_another_fault_is_an_alarm_though_it_moves() -> None:
    one = with_extras(moved(LATE, 6), Extras(is_short_of_space=True))

    found = finding_of(one, mark_of(moved(LATE, 5)), NOW_AT)
    assert (found.look, found.because) == (Look.WARNING, "slave_short_of_room")


# --- wishes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [name for name in ROWS if name.startswith("stopped, ")])
def test_pair_that_a_person_wants_to_rest_is_silent(row: str) -> None:
    if not isinstance(ROWS[row].wanted, Down | Paused):
        return
    assert look_of(seen(row, "never 1800")) is Look.SILENT


@pytest.mark.parametrize(
    ("stage", "is_interrupted", "look", "because"),
    [
        (HoldStage.RUNNING, False, Look.SILENT, ""),
        (HoldStage.PROMOTED, False, Look.SILENT, ""),
        (HoldStage.RUNNING, True, Look.WARNING, "plan_interrupted"),
        (HoldStage.UNREADABLE, False, Look.WARNING, "plan_unreadable"),
    ],
)
def test_held_pair_is_silent_unless_nobody_carries_the_plan_on(
    stage: HoldStage, is_interrupted: bool, look: Look, because: str
) -> None:
    hold = Hold("switchover", stage, NOW_AT, "look", is_interrupted)
    one = report(
        replace(ROWS["stopped, paused"], hold=hold, wanted=LATE.life.memory.wanted),
        COLUMNS["1800"],
    )

    found = finding_of(one, None, NOW_AT)
    assert (found.look, found.because) == (look, because)
    assert found.for_person.keys() == ({because} if because else set())


# --- causes ------------------------------------------------------------------------------------


def with_extras(one: PairReport, extras: Extras) -> PairReport:
    return replace(one, extras=extras)


def with_complaint(one: PairReport) -> PairReport:
    complaint = CountedComplaint("data_damaged", "look at the disk", "CRC", 3, 0.0, 0.0)
    memory = replace(one.life.memory, complaints=(complaint,))
    return replace(one, life=replace(one.life, memory=memory))


GOOD = seen("streaming: idle")


@pytest.mark.parametrize(
    ("one", "because", "for_person"),
    [
        (GOOD, "", set()),
        (TOO_LATE, "lag", set()),
        (seen("streaming: idle", "blind 1800"), "lag_unknown", set()),
        (with_complaint(GOOD), "data_damaged", {"data_damaged"}),
        (with_complaint(TOO_LATE), "lag", {"data_damaged"}),
        (with_extras(GOOD, Extras(is_short_of_space=True)), "slave_short_of_room", set()),
        (
            with_extras(TOO_LATE, Extras(is_slave_read_only=True)),
            "slave_read_only",
            {"slave_read_only"},
        ),
    ],
)
def test_cause(one: PairReport, because: str, for_person: set[str]) -> None:
    found = finding_of(one, mark_of(one), NOW_AT)

    assert (found.because, found.for_person.keys()) == (because, for_person)


@pytest.mark.parametrize("column", COLUMNS)
def test_bad_look_has_a_cause(column: str) -> None:
    for row in ROWS:
        one = seen(row, column)
        found = finding_of(one, mark_of(one), NOW_AT)
        assert found.because or found.look not in BAD, row
        if isinstance(one.life.state, Parked) and found.look is not Look.SILENT:
            assert str(one.life.state.cause) in found.for_person, row


def test_host_is_the_other_one() -> None:
    far = SshHost("alpha", "root")
    for pair in (
        replace(GOOD.life.pair, slave=Endpoint("/s", far)),
        replace(GOOD.life.pair, master=Endpoint("/m", far)),
    ):
        life: PairLife = replace(GOOD.life, pair=pair)
        assert finding_of(replace(GOOD, life=life), None, NOW_AT).host == "alpha"
    assert finding_of(GOOD, None, NOW_AT).host == ""


# --- the daemon --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "because", "for_person"),
    [
        ("reload_refused_because", "reload_refused", {"reload_refused"}),
        ("state_unsaved_because", "state_unsaved", set()),
        ("alarms_unsaved_because", "alarms_unsaved", set()),
        ("history_unwritten_because", "history_unwritten", set()),
        ("run_dir_unusable_because", "run_dir_unusable", set()),
    ],
)
def test_fault_of_the_daemon(key: str, because: str, for_person: set[str]) -> None:
    found = daemon_finding({"state_unsaved_because": None, key: "no space"})

    hints = dict.fromkeys(for_person, "no space")
    assert found == Finding(DAEMON, Look.WARNING, because, "no space", for_person=hints)


def test_daemon_that_cannot_notify_raises_no_alarm_about_it() -> None:
    assert daemon_finding({"notify_failed_because": "exit 1"}).look is Look.GOOD
