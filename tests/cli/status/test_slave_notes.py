"""Slaves that take turns have one line in the status of all pairs, and one each in that of one."""

from collections.abc import Callable

import pytest

from hammerd.cli.client.status_types import StatusReply
from hammerd.cli.output.spans import plain_text
from hammerd.cli.status.table import render_status
from hammerd.core.api.protocol import Answer

MakePair = Callable[..., dict[str, object]]
MakeStatus = Callable[..., StatusReply]

HERE = {
    "slave": "/Disk1/pfs/home",
    "unique_uuid": "4c1f0a2e-b3d9-11de-9bef-011617202aa6",
    "is_present": True,
    "has_turn": True,
    "since_time": "2026-03-04T12:00:00.000Z",
    "seen_time": "2026-03-04T16:00:00.000Z",
    "slave_tid": "0x0000000100580a8f",
    "lag_s": 3.0,
    "safe_until_time": "2026-03-04T15:59:00.000Z",
    "durable_until_time": None,
    "is_forked": False,
}
AWAY = {
    **HERE,
    "slave": "/Disk2/pfs/home",
    "unique_uuid": "9b07d3c5-b3d9-11de-9bef-011617202aa6",
    "is_present": False,
    "has_turn": False,
    "since_time": "2026-02-26T09:12:00.000Z",
    "slave_tid": "0x0000000000010058",
    "lag_s": 540_000.0,
    "safe_until_time": "2026-02-26T09:11:40.000Z",
}
UNKNOWN = {**AWAY, "lag_s": None, "slave_tid": None, "safe_until_time": None, "is_forked": True}


def notes(status: StatusReply, *, is_whole: bool) -> list[str]:
    lines = render_status(status, 200, is_whole=is_whole)
    return [plain_text(line).strip() for line in lines if "Disk" in plain_text(line)]


@pytest.mark.parametrize(
    ("slaves", "summary"),
    [
        ([HERE, AWAY], ["slave /Disk1/pfs/home (4c1f0a2e) has its turn, 1 of 2 is away"]),
        ([HERE], ["slave /Disk1/pfs/home (4c1f0a2e) has its turn"]),
        ([], []),
    ],
)
def test_one_line_tells_which_slave_has_its_turn(
    make_status: MakeStatus,
    make_pair: MakePair,
    slaves: list[dict[str, object]],
    summary: list[str],
) -> None:
    status = make_status(make_pair("home", slaves=slaves))

    assert summary == notes(status, is_whole=False)


def test_all_slaves_may_be_away(make_status: MakeStatus, make_pair: MakePair) -> None:
    lines = render_status(make_status(make_pair("home", slaves=[AWAY, UNKNOWN])), 200)

    assert "2 of 2 are away" in [plain_text(line).strip() for line in lines]


def test_each_slave_has_a_line_in_the_status_of_its_pair(
    make_status: MakeStatus, make_pair: MakePair
) -> None:
    status = make_status(make_pair("home", slaves=[HERE, AWAY, UNKNOWN]))

    assert notes(status, is_whole=True) == [
        "slave /Disk1/pfs/home (4c1f0a2e): there since 12:00 UTC, has its turn, 3s behind,"
        " TID 0x100580a8f, everything flushed by 15:59:00 UTC is on it",
        "slave /Disk2/pfs/home (9b07d3c5): away since 2026-02-26 09:12 UTC, 6d06h behind,"
        " TID 0x10058, everything flushed by 2026-02-26 09:11:40 UTC is on it",
        "slave /Disk2/pfs/home (9b07d3c5): away since 2026-02-26 09:12 UTC, lag unknown,"
        " TID unknown, its master went back since",
    ]


def test_monitor_gets_the_lag_of_each_slave(
    hammerd, run_dir, start_daemon, make_pair, make_status
):
    start_daemon(Answer(make_status(make_pair("home", slaves=[HERE, UNKNOWN]))))

    first, second = hammerd("status", "--nagios", "--run-dir", run_dir).out.splitlines()

    assert first.endswith("'home_lag_4c1f0a2e'=3.0s;;;0 'home_lag_9b07d3c5'=U;;;0")
    assert second.endswith("behind, slave /Disk1/pfs/home (4c1f0a2e) has its turn, 1 of 2 is away")


def test_named_pair_is_shown_whole(hammerd, run_dir, start_daemon, make_pair, make_status):
    start_daemon(Answer(make_status(make_pair("home", slaves=[HERE, AWAY]))))

    assert "away since" in hammerd("status", "home", "--run-dir", run_dir).out
    assert "away since" not in hammerd("status", "--run-dir", run_dir).out
