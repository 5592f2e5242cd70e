"""Of several slaves the oldest that is there has its turn; a disk that is away is no fault."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.messages import ParkCause
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import (
    SLAVE_AWAY,
    AwaitMount,
    Go,
    Park,
    ProbeFailed,
    ProbeResult,
    ProbeTrouble,
    Retry,
)
from hammerd.core.pairs import Endpoint, Pair, Rotation
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.rotation.choice import choose_turn, judge_turn, next_turn, with_turn
from hammerd.core.tid import Tid

A, B, C = (Endpoint(f"/{name}/pfs/t") for name in "abc")
M = Endpoint("/m/pfs/t")
PAIR = Pair("home", M, A, rotate=Rotation(takes_turns=True, paths=(A.path, B.path, C.path)))
MASTER = PfsStatus("/m", 1, Tid(0x200), "shared", "m", is_master=True)
OLD = replace(MASTER, unique_uuid="old", sync_end_tid=Tid(0x90), is_master=False)
NEW = replace(OLD, unique_uuid="new", sync_end_tid=Tid(0x100))
WRONG = replace(OLD, shared_uuid="other")
PROMOTED = replace(OLD, is_master=True)
HANGS = ProbeFailed(ProbeTrouble.PROBE_TIMEOUT)


def failed(text: str) -> ProbeFailed:
    complaint = diagnose(text)
    assert complaint is not None
    return ProbeFailed(complaint)


AWAY = failed("hammer: Failed to open /a/pfs/t: No such file or directory")


def seen(*slaves: ProbeResult, master: ProbeResult = MASTER) -> dict[Endpoint, ProbeResult]:
    return {M: master, **dict(zip((A, B, C), slaves, strict=False))}


@pytest.mark.parametrize(
    ("slaves", "failures", "turn"),
    [
        ((NEW, AWAY, AWAY), 0, A),
        ((AWAY, NEW, AWAY), 0, B),
        ((NEW, OLD, AWAY), 0, B),
        ((OLD, OLD, AWAY), 0, A),
        ((NEW, OLD, AWAY), 1, A),
        ((NEW, OLD, AWAY), 2, B),
        ((AWAY, OLD, AWAY), 7, B),
        ((WRONG, AWAY, NEW), 0, C),
        ((AWAY, PROMOTED, NEW), 0, C),
        ((AWAY, AWAY, AWAY), 0, A),
        ((AWAY, HANGS, AWAY), 0, B),
        ((AWAY, HANGS, WRONG), 0, C),
        ((HANGS, AWAY, WRONG), 0, A),
        ((), 0, A),
    ],
)
def test_turn_is_that_of_the_oldest_slave_that_is_there(
    slaves: tuple[ProbeResult, ...], failures: int, turn: Endpoint
) -> None:
    assert turn == choose_turn(PAIR, seen(*slaves), failures).slave


LIMITED = replace(PAIR, rotate=Rotation(takes_turns=True, unique_uuids=("new",)))
SINGLE = replace(PAIR, rotate=Rotation())


@pytest.mark.parametrize(
    ("pair", "master", "slave", "verdict", "cause"),
    [
        (PAIR, MASTER, NEW, Go, None),
        (PAIR, MASTER, AWAY, AwaitMount, SLAVE_AWAY),
        (PAIR, AWAY, NEW, AwaitMount, "path_missing"),
        (PAIR, AWAY, AWAY, AwaitMount, "path_missing"),
        (PAIR, MASTER, HANGS, Retry, "probe_timeout"),
        (PAIR, MASTER, WRONG, Park, ParkCause.UUID_MISMATCH),
        (PAIR, MASTER, PROMOTED, Park, ParkCause.NOT_A_SLAVE),
        (LIMITED, MASTER, NEW, Go, None),
        (LIMITED, MASTER, OLD, Park, ParkCause.UUID_MISMATCH),
        (SINGLE, MASTER, AWAY, AwaitMount, "path_missing"),
        (SINGLE, MASTER, OLD, Go, None),
    ],
)
def test_only_a_slave_that_is_away_is_no_fault(
    pair: Pair, master: ProbeResult, slave: ProbeResult, verdict: type, cause: str | None
) -> None:
    found = judge_turn(pair, master, slave)

    assert (verdict, cause) == (type(found), getattr(found, "cause", None))


def behind(seconds: float | None) -> Lag:
    return Lag(LagVerdict.BEHIND, tids=5, seconds=seconds)


FRESH = Lag(LagVerdict.IN_SYNC, tids=0, seconds=1.0)


@pytest.mark.parametrize(
    ("lag", "waiting", "turn"),
    [
        (FRESH, [(B, behind(151.0))], B),
        (FRESH, [(B, behind(149.0))], None),
        (FRESH, [(B, behind(200.0)), (C, behind(300.0))], C),
        (FRESH, [(B, behind(None))], B),
        (FRESH, [(B, UNKNOWN)], None),
        (FRESH, [], None),
        (behind(151.0), [(B, behind(900.0))], None),
        (UNKNOWN, [(B, behind(900.0))], None),
    ],
)
def test_turn_ends_when_its_slave_is_fresh_and_another_one_gets_old(
    lag: Lag, waiting: list[tuple[Endpoint, Lag]], turn: Endpoint | None
) -> None:
    assert turn == next_turn(PAIR, lag, waiting)


@pytest.mark.parametrize(
    ("pair", "turn"),
    [
        (PAIR, B),
        (replace(PAIR, rotate=Rotation(takes_turns=True, paths=(A.path, C.path))), A),
        (replace(PAIR, rotate=Rotation(takes_turns=True)), A),
        (SINGLE, A),
    ],
)
def test_slave_keeps_its_turn_in_a_new_config_that_has_it(pair: Pair, turn: Endpoint) -> None:
    assert turn == with_turn(pair, replace(PAIR, slave=B)).slave
