"""The end of a wait: by what a slave holds, by what a status tells, and by time."""

import time
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.wait import goals, waiting
from hammerd.cli.wait.ends import Ends, EndSeen, Flushed
from hammerd.cli.wait.obstacles import Obstacle, obstacle_of
from hammerd.cli.wait.supervision import Supervision
from hammerd.cli.wait.waiting import Order, Outcome, Parts, Waited, wait_for_all
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid

PAIR = Pair("home", Endpoint("/m"), Endpoint("/s"))
PULL = Pair("pull", Endpoint("/m", SshHost("office")), Endpoint("/s"))
STATUS = cast(
    PairStatus,
    {
        "pair": "home",
        "wanted": "up",
        "state": "streaming",
        "because": None,
        "hint": None,
        "paused_until_time": None,
        "hold": None,
        "slave_tid": None,
    },
)
NOW = "2026-03-04T16:00:00.000Z"


FLUSHED = Flushed(Tid(10))


@dataclass
class FakeEnds:
    """A master whose synctid prints 10, and a slave with these TIDs, one after another.

    `published` are the TIDs of the master, one after another.
    """

    slave: list[int]
    published: tuple[int, ...] = (9, 10)
    role: bool = True
    flushed: Flushed = FLUSHED
    slave_flushed: Flushed = FLUSHED
    is_promoted: bool = False
    calls: list[str] = field(default_factory=list)

    def read(self, _end: Endpoint) -> EndSeen:
        tid, *others = self.published
        self.published = tuple(others) or (tid,)
        return EndSeen(Tid(tid), self.role)

    def read_slave(self, _slave: Endpoint) -> EndSeen:
        tid = self.slave.pop(0) if len(self.slave) > 1 else self.slave[0]
        return EndSeen(None if self.is_promoted else Tid(tid), self.is_promoted)

    def flush_master(self, _master: Endpoint, _timeout_s: float) -> Flushed:
        self.calls.append("master")
        return self.flushed

    def flush_slave(self, _slave: Endpoint, _timeout_s: float) -> Flushed:
        self.calls.append("slave")
        return self.slave_flushed


@dataclass
class FakeSupervision:
    """A hammerd that streams, until its obstacle comes."""

    obstacles: list[Obstacle | None]

    def update(self) -> None:
        pass

    def with_present_slave(self, pair: Pair) -> Pair:
        return pair

    def status(self, _pair: Pair) -> None:
        return None

    def obstacle(self, _pair: Pair, _left_s: float) -> Obstacle | None:
        return self.obstacles.pop(0) if len(self.obstacles) > 1 else self.obstacles[0]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SHORTEST_S", 0.001)
    monkeypatch.setattr(waiting, "LONGEST_S", 0.001)
    monkeypatch.setattr(goals, "ROUNDS_S", 0.02)


def waited(
    ends: FakeEnds,
    *obstacles: Obstacle | None,
    pair: Pair = PAIR,
    timeout_s: float = 60.0,
    is_durable: bool = False,
) -> tuple[Waited, list[str]]:
    told: list[str] = []
    parts = Parts(
        cast(Ends, ends),
        cast(Supervision, FakeSupervision([*(obstacles or (None,))])),
        lambda _pair, text: told.append(text),
    )
    (found,) = wait_for_all([pair], parts, Order(time.monotonic() + timeout_s, is_durable))
    return found, told


def test_slave_that_reaches_the_tid_of_the_flush_holds_all() -> None:
    found, told = waited(FakeEnds([7, 7, 9, 10]))

    assert found == Waited(PAIR, Outcome.HELD, Tid(10), Tid(10))
    assert len(told) == 2, "a change is told, and no repetition"
    assert "1 TIDs to go" in told[-1]


def test_tid_that_is_printed_and_never_published_is_not_waited_for() -> None:
    ends = FakeEnds([7, 8], published=(7, 7, 8))

    assert waited(ends)[0] == Waited(PAIR, Outcome.HELD, Tid(8), Tid(8))
    assert ends.calls == ["master", "master"], "the second flush publishes what the first left"


def test_tid_that_is_published_above_the_printed_one_is_waited_for() -> None:
    found, _ = waited(FakeEnds([10, 12], published=(9, 12)))

    assert found == Waited(PAIR, Outcome.HELD, Tid(12), Tid(12))


def test_time_that_is_over_is_late() -> None:
    found, _ = waited(FakeEnds([9]), timeout_s=0.05)

    assert (found.outcome, found.goal, found.seen) == (Outcome.LATE, Tid(10), Tid(9))


@pytest.mark.parametrize(
    ("ends", "because"),
    [
        (FakeEnds([9]), "the pair is paused"),
        (FakeEnds([9], is_promoted=True), "slave /s is a master"),
        (FakeEnds([99]), "slave /s is ahead of its master"),
        (FakeEnds([9], flushed=Flushed(trouble="no")), "master /m cannot be flushed: no"),
    ],
)
def test_pair_that_cannot_catch_up_is_given_up(ends: FakeEnds, because: str) -> None:
    found, _ = waited(ends, None, Obstacle("the pair is paused"))

    assert found.outcome is Outcome.GIVEN_UP
    assert found.obstacle is not None
    assert found.obstacle.because == because


def test_pair_that_holds_all_is_done_though_it_is_paused() -> None:
    assert waited(FakeEnds([10]), Obstacle("paused"))[0].outcome is Outcome.HELD


def test_middle_of_a_cascade_is_not_flushed() -> None:
    ends = FakeEnds([7, 9], role=False)

    assert waited(ends)[0] == Waited(PAIR, Outcome.HELD, Tid(9), Tid(9))
    assert ends.calls == []


def test_far_master_that_refuses_to_flush_is_waited_for_two_rounds_of_its_syncer() -> None:
    ends = FakeEnds([9], (9,), flushed=Flushed(trouble="restricted key"))
    begun_at = time.monotonic()
    found, told = waited(ends, pair=PULL)

    assert time.monotonic() - begun_at >= goals.ROUNDS_S
    assert (found.outcome, found.goal) == (Outcome.HELD, Tid(9))
    assert "restricted key" in told[0]


def test_durable_needs_a_flush_of_the_slave_and_its_tid_after_that() -> None:
    ends = FakeEnds([10])
    assert waited(ends, is_durable=True)[0].is_durable
    assert ends.calls == ["master", "slave"]

    back, _ = waited(FakeEnds([7, 10, 9]), is_durable=True)
    failed, _ = waited(FakeEnds([10], slave_flushed=Flushed(trouble="no")), is_durable=True)
    assert {back.outcome, failed.outcome} == {Outcome.GIVEN_UP}
    assert not back.is_durable


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({}, None),
        ({"state": "waiting"}, None),
        ({"state": "parked", "because": "diverged"}, "the pair is parked: diverged"),
        ({"wanted": "down", "because": "disabled"}, "the config disables the pair"),
        ({"wanted": "down"}, "hammerd is stopping"),
        ({"wanted": "paused"}, "the pair is paused"),
        ({"wanted": "paused", "paused_until_time": "2026-03-04T16:00:59.000Z"}, None),
        (
            {"wanted": "paused", "paused_until_time": "2026-03-04T16:01:01.000Z"},
            "the pair is paused",
        ),
        (
            {"hold": {"plan": "switchover", "stage": "running"}},
            "the pair is held by switchover",
        ),
        (
            {"hold": {"plan": "promote", "stage": "promoted"}},
            "the pair is held: its slave was promoted",
        ),
    ],
)
def test_status_tells_what_only_a_person_ends(
    changes: dict[str, Any], because: str | None
) -> None:
    found = obstacle_of(cast(PairStatus, {**STATUS, **changes}), 60.0, NOW)

    assert (found.because if found else None) == because
