"""Tests that each ending group is reported as empty once, also after errors."""

import asyncio
import os
import signal
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from hammerd.daemon.process import spawn
from hammerd.daemon.process.group_scan import GroupScan
from hammerd.daemon.process.process_table import Member, members_of
from hammerd.daemon.stream.group_reaper import GroupReaper
from hammerd.daemon.stream.live_stream import Stream
from tests.daemon.at_each_await import Unexpected, reached
from tests.daemon.stream.groups import RealStreams, play


@pytest.fixture(params=["shortcuts", "portable"], autouse=True)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setenv("HAMMERD_PORTABLE", "1")


@dataclass
class Table:
    """The process table; its first scans fail."""

    errors: list[Exception] = field(default_factory=list)

    def __call__(self, pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
        if self.errors:
            raise self.errors.pop()
        return members_of(pgids)


@dataclass
class Setup:
    """A reaper for the streams of a group, and its reports."""

    group: RealStreams
    table: Table = field(default_factory=Table)
    empty: list[str] = field(default_factory=list)
    lives: list[str] = field(default_factory=list)
    failing_pairs: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        group_scan = GroupScan(loop, self.table)
        self.reaper = GroupReaper(loop, group_scan, self.streams, self.on_empty, self.on_living)

    def streams(self) -> list[Stream]:
        return [one for one in self.group.streams if one.pair not in self.empty]

    def on_empty(self, stream: Stream) -> None:
        self.empty.append(stream.pair)
        if stream.pair in self.failing_pairs:
            raise Unexpected("no news today")

    def on_living(self, stream: Stream, _checked_at: float) -> None:
        self.lives.append(stream.pair)

    def end(self, *streams: Stream) -> None:
        for stream in streams:
            stream.is_ending = True
            self.reaper.sweep_soon()
            spawn.kill_group(stream.child)

    async def all_empty(self) -> None:
        await reached(lambda: len(self.empty) == len(self.group.streams), "all are empty")


def test_group_that_ends_is_empty_once_and_others_are_not_checked() -> None:
    async def scenario(group: RealStreams) -> None:
        setup = Setup(group)
        ending, other = group.launch("ending"), group.launch("other")
        setup.end(ending)
        await reached(lambda: setup.empty, "it is empty")
        setup.reaper.sweep_soon()
        await asyncio.sleep(0.01)

        assert setup.empty == ["ending"]
        assert "other" not in setup.lives
        assert spawn.notice_death(other.child) is None

    play(scenario)


def test_group_whose_half_outlives_its_parent_is_not_empty() -> None:
    async def scenario(group: RealStreams) -> None:
        setup = Setup(group)
        stream = group.launch("test", "sleep 4719 & :")
        stream.is_ending = True
        setup.reaper.sweep_soon()
        await reached(lambda: spawn.notice_death(stream.child), "the leader is dead")
        setup.lives.clear()
        await reached(lambda: len(setup.lives) > 1, "it is scanned again and again")
        assert setup.empty == []
        os.killpg(stream.pgid, signal.SIGKILL)
        await setup.all_empty()

    play(scenario)


@pytest.mark.parametrize(
    "error",
    [OSError(24, "Too many open files"), Unexpected("no table today")],
    ids=["no fd", "unexpected"],
)
def test_table_that_cannot_be_read_keeps_no_group_from_its_end(error: Exception) -> None:
    async def scenario(group: RealStreams) -> None:
        setup = Setup(group, Table([error]))
        setup.end(group.launch("one"), group.launch("two"))
        await setup.all_empty()
        assert sorted(setup.empty) == ["one", "two"]

    assert set(play(scenario).broken) <= {error}


class OddChild:
    """A child that cannot be checked at the first try."""

    def __init__(self, child: spawn.Child) -> None:
        self._child = child
        self._is_odd = True

    def __getattr__(self, name: str) -> object:
        if name == "status" and self.__dict__.pop("_is_odd", False):
            raise Unexpected("no look today")
        value: object = getattr(self._child, name)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            self.__dict__[name] = value
        else:
            setattr(self._child, name, value)


def test_check_of_a_group_that_fails_is_repeated() -> None:
    async def scenario(group: RealStreams) -> None:
        setup = Setup(group)
        odd, other = group.launch("odd"), group.launch("other")
        odd.child = cast(spawn.Child, OddChild(odd.child))
        setup.end(odd, other)
        await setup.all_empty()

    assert [type(error) for error in play(scenario).broken] == [Unexpected]


def test_error_of_one_callback_costs_no_other_pair_its_report() -> None:
    async def scenario(group: RealStreams) -> None:
        setup = Setup(group, failing_pairs={"one"})
        setup.end(*(group.launch(pair) for pair in ("one", "two", "three")))
        await setup.all_empty()
        assert sorted(setup.empty) == ["one", "three", "two"]

    assert [type(error) for error in play(scenario).broken] == [Unexpected]
