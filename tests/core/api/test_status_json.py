"""Tests the status JSON and the health of pairs."""

from dataclasses import replace

import pytest

from hammerd.core.api.pair_report import Extras
from hammerd.core.api.status_json import (
    SCHEMA_VERSION,
    Health,
    PairReport,
    Snapshot,
    daemon_health,
    health_of,
    pair_json,
    status_json,
    telling_word,
    worst_health,
)
from hammerd.core.hammer.messages import Batch, Complaint, Connecting, Cure, ParkCause, Progress
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.state_table import row_of
from hammerd.core.pair.states import (
    UNKILLABLE,
    Copying,
    Down,
    IdlePhase,
    InPrescan,
    Launching,
    LossCause,
    Memory,
    PairLife,
    Parked,
    Paused,
    Phase,
    Probing,
    State,
    Stopped,
    Stopping,
    Streaming,
    ThenStopped,
    Trouble,
    Up,
    WaitingForBackoff,
    WaitingForMount,
    WaitingForResource,
    Wanted,
)
from hammerd.core.pairs import Endpoint, Gear, Pair, Rotation
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.replication.transfer_progress import Transfer, update_transfer
from hammerd.core.rotation.rotating_slave import Moments, RotatingSlave
from hammerd.core.tid import Tid

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave", SshHost("h", "root")))
IN_SYNC = Lag(LagVerdict.IN_SYNC, tids=0, seconds=0.0, measured_at=90.0, safe_at=90.0)
AHEAD = Lag(LagVerdict.AHEAD, tids=-3)
TROUBLE = Trouble("why", "what helps")

HOLD = Hold("switchover", HoldStage.RUNNING, 70.0, step="downgrade")
PROBING = Probing(80.0, 100.0)
LAUNCHING = Launching(97.0, 157.0, Gear.BULK)
STREAMING = Streaming(80.0, 79.0, Gear.FOLLOWING, IdlePhase(), 80.0)
STOPPING = Stopping(80.0, 105.0, ThenStopped())
HUNG = replace(STOPPING, kills=2, is_unkillable=True)
BACKOFF = WaitingForBackoff(80.0, 110.0, TROUBLE)
MOUNT = WaitingForMount(80.0, 105.0, TROUBLE)
QUEUED = WaitingForResource(80.0, Resource.SLAVE, TROUBLE)
PARKED = Parked(80.0, 150.0, ParkCause.REFUSED, "ask a person")
DIVERGED = replace(PARKED, cause=ParkCause.DIVERGED)

NOW_AT = 100.0


def behind(seconds: float | None) -> Lag:
    return Lag(LagVerdict.BEHIND, 5, seconds, 90.0, 60.0, 50.0)


def report(state: State, lag: Lag = IN_SYNC, wanted: Wanted | None = None) -> PairReport:
    life = PairLife(PAIR, Memory(wanted=wanted or Up()), state)
    return PairReport(life, lag, Tid(0x30), Tid(0x20), None, ())


def to_time(at: float) -> str:
    return f"T{at:g}"


def json_of(state: State, lag: Lag = IN_SYNC, wanted: Wanted | None = None) -> dict[str, object]:
    return pair_json(report(state, lag, wanted), NOW_AT, to_time)


# --- health ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [PROBING, LAUNCHING, STREAMING, STOPPING])
@pytest.mark.parametrize(
    ("lag", "health"),
    [
        (IN_SYNC, Health.OK),
        (behind(299.9), Health.OK),
        (behind(300.0), Health.WARNING),
        (behind(1799.9), Health.WARNING),
        (behind(1800.0), Health.CRITICAL),
        (behind(None), Health.UNKNOWN),
        (UNKNOWN, Health.UNKNOWN),
        (AHEAD, Health.UNKNOWN),
    ],
)
def test_pair_under_way_is_judged_by_its_lag(state: State, lag: Lag, health: Health) -> None:
    assert health_of(report(state, lag), NOW_AT) == health


@pytest.mark.parametrize("state", [BACKOFF, MOUNT, QUEUED])
def test_pair_that_waits_is_a_warning_at_least(state: State) -> None:
    assert health_of(report(state, IN_SYNC), NOW_AT) == Health.WARNING
    assert health_of(report(state, UNKNOWN), NOW_AT) == Health.WARNING
    assert health_of(report(state, behind(1800)), NOW_AT) == Health.CRITICAL


def test_mount_that_is_missing_for_long_is_critical() -> None:
    assert health_of(report(MOUNT), 679.9) == Health.WARNING
    assert health_of(report(MOUNT), 680.0) == Health.CRITICAL


@pytest.mark.parametrize("state", [PARKED, DIVERGED, HUNG])
def test_state_that_needs_a_person_is_critical_whatever_the_lag(state: State) -> None:
    assert health_of(report(state, IN_SYNC), NOW_AT) == Health.CRITICAL


@pytest.mark.parametrize("wanted", [Paused(), Paused(500.0), Down()])
def test_pair_that_is_stopped_as_asked_is_ok(wanted: Wanted) -> None:
    assert health_of(report(Stopped(80.0), behind(1799), wanted), NOW_AT) == Health.OK


@pytest.mark.parametrize("wanted", [Paused(), Paused(500.0)])
def test_pause_that_makes_a_slave_too_old_is_a_warning(wanted: Wanted) -> None:
    assert health_of(report(Stopped(80.0), behind(1800), wanted), NOW_AT) == Health.WARNING
    assert health_of(report(Stopped(80.0), IN_SYNC, wanted), NOW_AT) == Health.OK


def test_disabled_pair_is_well_however_old_its_slave_is() -> None:
    assert health_of(report(Stopped(80.0), behind(9999), Down()), NOW_AT) == Health.OK


def test_pair_that_is_stopped_though_it_is_wanted_is_a_warning() -> None:
    assert health_of(report(Stopped(80.0)), NOW_AT) == Health.WARNING


def test_all_pairs_are_as_well_as_the_worst() -> None:
    well, slow, parked = report(STREAMING), report(BACKOFF), report(PARKED)
    unknown = report(STREAMING, UNKNOWN)

    assert worst_health([], NOW_AT) == Health.OK
    assert worst_health([well], NOW_AT) == Health.OK
    assert worst_health([well, unknown], NOW_AT) == Health.UNKNOWN
    assert worst_health([unknown, slow, well], NOW_AT) == Health.WARNING
    assert worst_health([slow, parked, well], NOW_AT) == Health.CRITICAL


@pytest.mark.parametrize(
    ("daemon", "health"),
    [
        ({}, Health.OK),
        ({"state_unsaved_because": None, "clocks_unsaved_because": None}, Health.OK),
        ({"state_unsaved_because": "No space left on device"}, Health.WARNING),
        ({"clocks_unsaved_because": "Read-only file system"}, Health.WARNING),
        ({"status_unsaved_because": "Read-only file system"}, Health.WARNING),
    ],
)
def test_daemon_that_cannot_save_what_must_outlive_it_is_a_warning(
    daemon: dict[str, object], health: Health
) -> None:
    assert daemon_health(daemon) == health


# --- json ------------------------------------------------------------------------------------


def test_status_of_a_pair_has_all_its_values() -> None:
    transfer = update_transfer(Transfer(), Batch(Tid(1), Tid(9), 100), NOW_AT - 10)
    transfer = update_transfer(transfer, Progress(Tid(1), Tid(9), 50), NOW_AT)
    state = replace(STREAMING, phase=Copying(50, 100), transfer=transfer)
    memory = Memory(failures=2, restarts=3, last_words=("one", "two"))
    life = PairLife(PAIR, memory, state)

    assert pair_json(
        PairReport(life, behind(40.12345), Tid(0x30), None, 7, (8, 9)), NOW_AT, to_time
    ) == {
        "pair": "home",
        "master": "/master",
        "slave": "root@h:/slave",
        "wanted": "up",
        "paused_until_time": None,
        "state": "streaming",
        "waiting_for": None,
        "because": None,
        "hint": None,
        "since_time": "T80",
        "up_s": 21.0,
        "retry_in_s": None,
        "hold": None,
        "failures": 2,
        "restarts": 3,
        "pid": 7,
        "half_pids": [8, 9],
        "gear": "following",
        "phase": "copying",
        "connecting_to": None,
        "slave_locked": False,
        "slice_bytes": 50,
        "bulk_bytes": 100,
        "rate_bytes_per_s": 5.0,
        "bulk_done_bytes": 50,
        "bulk_total_bytes": 100,
        "bulk_eta_s": 10.0,
        "lag_warning_s": 300.0,
        "lag_critical_s": 1800.0,
        "lag_s": 40.123,
        "lag_tids": 5,
        "lag_verdict": "behind",
        "lag_unknown_because": None,
        "lag_approximate": False,
        "lag_measured_time": "T90",
        "safe_until_time": "T60",
        "durable_until_time": "T50",
        "safe_unknown_because": None,
        "master_tid": "0x0000000000000030",
        "slave_tid": None,
        "health": "ok",
        "origin": None,
        "origin_lag_s": None,
        "slave_free_bytes": None,
        "slave_total_bytes": None,
        "slave_is_short_of_room": False,
        "slave_is_read_only": False,
        "verified": None,
        "flush_every_s": None,
        "master_flushed_time": None,
        "slave_flushed_time": None,
        "flush_failed_because": None,
        "host_unread_because": None,
        "slaves": [],
        "anomalies": [],
        "complaints": [],
        "complaints_total": {},
        "last_words": ["one", "two"],
        "telling_word": "two",
    }


def test_every_state_has_the_same_keys() -> None:
    states = (PROBING, LAUNCHING, STREAMING, STOPPING, BACKOFF, MOUNT, QUEUED, PARKED)

    assert {tuple(json_of(state)) for state in states} == {tuple(json_of(Stopped(80.0)))}


@pytest.mark.parametrize(
    ("hold", "because", "health"),
    [
        (HOLD, None, "ok"),
        (replace(HOLD, is_interrupted=True), "plan_interrupted", "warning"),
        (replace(HOLD, stage=HoldStage.PROMOTED), "promoted", "warning"),
        (replace(HOLD, stage=HoldStage.UNREADABLE), "plan_unreadable", "warning"),
    ],
)
def test_held_pair_names_its_plan_whatever_its_age(
    hold: Hold, because: str | None, health: str
) -> None:
    life = PairLife(PAIR, Memory(hold=hold), Stopped(80.0), wanted_at=0.0)
    report = PairReport(life, behind(99_999), None, None, None, ())

    shown = pair_json(report, NOW_AT, to_time)

    assert (shown["state"], shown["because"], shown["health"]) == ("stopped", because, health)
    assert shown["hold"] == {
        "plan": "switchover",
        "stage": hold.stage,
        "since_time": "T70",
        "step": "downgrade",
        "is_interrupted": hold.is_interrupted,
    }


@pytest.mark.parametrize(
    ("state", "word", "waiting_for"),
    [
        (Stopped(80.0), "stopped", None),
        (PROBING, "probing", None),
        (LAUNCHING, "launching", None),
        (STREAMING, "streaming", None),
        (STOPPING, "stopping", None),
        (BACKOFF, "waiting", "backoff"),
        (MOUNT, "waiting", "mount"),
        (QUEUED, "waiting", "slave"),
        (PARKED, "parked", None),
    ],
)
def test_state_has_one_word(state: State, word: str, waiting_for: str | None) -> None:
    assert (json_of(state)["state"], json_of(state)["waiting_for"]) == (word, waiting_for)


@pytest.mark.parametrize(
    ("phase", "word"), [(InPrescan(), "prescan"), (Copying(), "copying"), (IdlePhase(), "idle")]
)
def test_phase_has_one_word(phase: Phase, word: str) -> None:
    assert json_of(replace(STREAMING, phase=phase))["phase"] == word


@pytest.mark.parametrize(
    ("state", "retry_in_s"),
    [
        (BACKOFF, 10.0),
        (MOUNT, 5.0),
        (PARKED, 50.0),
        (DIVERGED, None),
        (QUEUED, None),
        (STREAMING, None),
        (replace(BACKOFF, retry_at=99.0), 0.0),
    ],
)
def test_retry_is_shown_if_there_will_be_one(state: State, retry_in_s: float | None) -> None:
    assert json_of(state)["retry_in_s"] == retry_in_s


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        (BACKOFF, TROUBLE),
        (MOUNT, TROUBLE),
        (QUEUED, TROUBLE),
        (PARKED, Trouble("refused", "ask a person")),
        (HUNG, UNKILLABLE),
        (STOPPING, None),
        (STREAMING, None),
    ],
)
def test_trouble_has_its_hint(state: State, trouble: Trouble | None) -> None:
    assert row_of(report(state).life).trouble == trouble
    assert json_of(state)["because"] == (trouble.because if trouble else None)
    assert json_of(state)["hint"] == (trouble.hint if trouble else None)


def test_link_that_is_lost_without_a_word_has_a_hint_all_the_same() -> None:
    pair = json_of(replace(BACKOFF, trouble=Trouble(LossCause.LINK_LOST)))

    assert pair["because"] == "link_lost"
    assert "was one killed" in str(pair["hint"])


def test_most_telling_line_is_no_echo() -> None:
    words = ("a motd", "hammer: validate_mrec_header: short read")

    assert telling_word(Memory(last_words=words)) == "a motd"
    assert telling_word(Memory(last_words=words[1:])) == words[1]
    assert telling_word(Memory()) is None
    full = Complaint("hammer: Mirror-write /x fatal error 28", "slave_full", Cure.RETRY, "rm")
    assert telling_word(Memory(last_words=words, likely_cause=full)) == full.text


def test_writer_on_another_host_tells_whether_it_holds_the_lock() -> None:
    assert json_of(STREAMING)["slave_locked"] is False
    assert json_of(replace(STREAMING, is_far_locked=True))["slave_locked"] is True
    assert json_of(LAUNCHING)["slave_locked"] is None

    here = PairLife(replace(PAIR, slave=Endpoint("/slave")), Memory(), STREAMING)
    known = replace(report(STREAMING), life=here)
    assert pair_json(known, NOW_AT, to_time)["slave_locked"] is None


CONNECTING = replace(
    LAUNCHING,
    since_at=87.0,
    connecting=(Connecting("root@office", "master"), Connecting("b", "slave")),
    connecting_at=88.0,
)


def test_launch_that_waits_for_another_host_names_it_at_once_and_is_a_warning_soon() -> None:
    at_first = json_of(replace(CONNECTING, since_at=95.1, connecting_at=95.2))
    later = json_of(CONNECTING)

    assert (at_first["connecting_to"], at_first["because"]) == ("root@office and b", None)
    assert at_first["health"] == Health.OK
    assert (later["state"], later["because"]) == ("launching", "connecting")
    assert later["hint"] == "connecting to root@office and b for 12 s"
    assert later["health"] == Health.WARNING


def test_last_failure_is_the_cause_until_a_launch_is_silent_itself() -> None:
    failed = Trouble("connection_refused", "no sshd answers")
    life = PairLife(PAIR, Memory(failures=3, failed_by=failed), CONNECTING)
    early = replace(life, state=replace(CONNECTING, since_at=98.0, connecting_at=98.0))

    told = [
        pair_json(PairReport(one, IN_SYNC, None, None, None, ()), NOW_AT, to_time)
        for one in (early, life)
    ]

    assert [one["because"] for one in told] == ["connection_refused", "connecting"]
    assert [one["health"] for one in told] == [Health.WARNING, Health.WARNING]


def test_trouble_without_a_hint_has_none() -> None:
    assert json_of(replace(BACKOFF, trouble=Trouble("why")))["hint"] is None


@pytest.mark.parametrize(
    ("wanted", "word", "until"),
    [(Up(), "up", None), (Down(), "down", None), (Paused(), "paused", None)],
)
def test_wish_has_one_word(wanted: Wanted, word: str, until: str | None) -> None:
    pair = json_of(Stopped(80.0), wanted=wanted)

    assert (pair["wanted"], pair["paused_until_time"]) == (word, until)


def test_end_of_a_pause_is_shown() -> None:
    pair = json_of(Stopped(80.0, 500.0), wanted=Paused(500.0))

    assert (pair["wanted"], pair["paused_until_time"]) == ("paused", "T500")


def test_unknown_lag_is_null_and_never_zero() -> None:
    pair = json_of(STREAMING, UNKNOWN)

    assert [
        pair[key] for key in ("lag_s", "lag_tids", "lag_measured_time", "safe_until_time")
    ] == [None] * 4


AWAY = RotatingSlave(
    "uuid", "/slave", Tid(0x18), 60.0, 70.0, is_present=False, moments=Moments(50.0, 40.0)
)
NOT_THERE = WaitingForMount(80.0, 105.0, Trouble("slave_away", "mount one"))
ROTATING = replace(PAIR, slave=Endpoint("/slave"), rotate=Rotation(takes_turns=True))


def rotating(state: State, lag: Lag, *slaves: RotatingSlave) -> PairReport:
    life = PairLife(ROTATING, Memory(), state, wanted_at=0.0)
    return PairReport(life, lag, None, None, None, (), extras=Extras(slaves=slaves))


@pytest.mark.parametrize(
    ("state", "lag", "slaves", "now_at", "health"),
    [
        (NOT_THERE, UNKNOWN, (AWAY,), 100.0, Health.OK),
        (NOT_THERE, UNKNOWN, (AWAY,), 349.0, Health.OK),
        (NOT_THERE, UNKNOWN, (AWAY,), 351.0, Health.WARNING),
        (NOT_THERE, UNKNOWN, (AWAY,), 1851.0, Health.CRITICAL),
        (NOT_THERE, UNKNOWN, (), 100.0, Health.UNKNOWN),
        (NOT_THERE, UNKNOWN, (replace(AWAY, moments=Moments()),), 100.0, Health.UNKNOWN),
        (STREAMING, Lag(LagVerdict.BEHIND, 9, 9000.0), (AWAY,), 100.0, Health.OK),
        (STREAMING, Lag(LagVerdict.BEHIND, 9, 9000.0), (), 100.0, Health.CRITICAL),
    ],
)
def test_health_of_slaves_that_take_turns_is_that_of_the_newest(
    state: State, lag: Lag, slaves: tuple[RotatingSlave, ...], now_at: float, health: Health
) -> None:
    assert health == health_of(rotating(state, lag, *slaves), now_at)


def test_each_slave_that_takes_turns_has_its_lag_and_safe_time() -> None:
    here = replace(AWAY, unique_uuid="here", is_present=True, forked_tid=Tid(1), tid=None)
    away, now = pair_json(rotating(NOT_THERE, UNKNOWN, AWAY, here), NOW_AT, to_time)["slaves"]

    assert away == {
        "slave": "/slave",
        "unique_uuid": "uuid",
        "is_present": False,
        "has_turn": False,
        "since_time": "T70",
        "seen_time": "T60",
        "slave_tid": "0x0000000000000018",
        "lag_s": 50.0,
        "safe_until_time": "T40",
        "durable_until_time": None,
        "is_forked": False,
    }
    assert now == {
        **away,
        "unique_uuid": "here",
        "is_present": True,
        "has_turn": True,
        "slave_tid": None,
        "is_forked": True,
    }


def test_status_names_its_version_and_is_as_well_as_its_worst_part() -> None:
    snapshot = Snapshot({"pid": 7}, (report(STREAMING), report(PARKED)), NOW_AT)

    assert status_json(snapshot, [{"pair": "home"}], to_time) == {
        "schema_version": SCHEMA_VERSION,
        "hammerd": {"pid": 7, "health": "ok"},
        "health": "critical",
        "pairs": [{"pair": "home"}],
        "measured_time": "T100",
    }
