"""Tests the search, the watch and the checks of halves; an error of one affects no other."""

import asyncio
import os
import signal
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest

from hammerd.core.pair.events import (
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesGone,
    HalvesWorked,
)
from hammerd.daemon.process.exit_watch import OnDeath
from hammerd.daemon.process.group_scan import GroupScan
from hammerd.daemon.process.process_table import Member, members_of, read_member
from hammerd.daemon.stream.halves import CHECKS_PER_TURN, SEARCH_AGAIN_S, StreamHalves
from hammerd.daemon.stream.live_stream import Stream
from tests.daemon.at_each_await import Unexpected, reached
from tests.daemon.stream.groups import RealStreams, halves_of, play


@dataclass
class Watch:
    """Records the watched halves; a test lets them die. It cannot watch those in `broken`."""

    watched: dict[int, OnDeath] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)

    def watch(self, half: Member, on_death: OnDeath) -> None:
        if half.pid in self.broken:
            raise Unexpected("no watch today")
        self.watched[half.pid] = on_death

    def forget(self, pid: int) -> None:
        self.watched.pop(pid, None)


@dataclass
class Table:
    """The process table; it shows at most `shown` halves of each group."""

    shown: int = 2
    scans: int = 0

    def __call__(self, pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
        self.scans += 1
        return {pgid: found[: 1 + self.shown] for pgid, found in members_of(pgids).items()}


class Setup:
    """A search for the halves of the streams of a group."""

    def __init__(self, group: RealStreams) -> None:
        self.watch, self.table = Watch(), Table()
        self.found: list[str] = []
        loop = asyncio.get_running_loop()
        self.halves = StreamHalves(
            loop,
            GroupScan(loop, self.table),
            self.watch,
            group.emit,
            lambda stream: self.found.append(stream.pair),
        )

    async def find_both(self, stream: Stream) -> None:
        await reached(lambda: len(halves_of(stream)) == 2, "two halves")
        self.halves.on_output(stream)
        await reached(lambda: not stream.lacks_halves, "both were found")


def test_both_halves_are_found_once_at_the_first_output() -> None:
    async def scenario(group: RealStreams) -> None:
        setup, stream = Setup(group), group.launch("test")
        await setup.find_both(stream)
        setup.halves.on_output(stream)
        await asyncio.sleep(0)

        assert set(setup.watch.watched) == {half.pid for half in halves_of(stream)}
        assert setup.found == ["test"]
        assert setup.table.scans == 1
        setup.halves.forget(stream)
        assert setup.watch.watched == {}

    assert play(scenario).emitted == []


def test_late_half_is_searched_again_and_then_at_each_tick() -> None:
    async def scenario(group: RealStreams) -> None:
        setup, stream = Setup(group), group.launch("test")
        await reached(lambda: len(halves_of(stream)) == 2, "two halves")
        setup.table.shown = 1
        setup.halves.on_output(stream)
        await reached(lambda: setup.table.scans == 1 + len(SEARCH_AGAIN_S), "all were used up")
        assert len(stream.halves) == 1

        setup.table.shown = 2
        setup.halves.check([stream])
        await reached(lambda: not stream.lacks_halves, "both were found")
        assert setup.found == ["test", "test"]

    play(scenario)


def test_death_is_posted_once_from_ticks_and_events() -> None:
    async def scenario(group: RealStreams) -> None:
        setup, stream = Setup(group), group.launch("test")
        await setup.find_both(stream)
        source, target = stream.halves
        os.kill(target, signal.SIGKILL)
        await reached(lambda: len(halves_of(stream)) == 1, "one half")
        for _ in range(2):
            setup.halves.check([stream])
            await asyncio.sleep(0)
        setup.watch.watched[target](target)
        setup.watch.watched[source](source)

        assert group.emitted == [
            ("test", HalfDied(target, "target")),
            ("test", HalfDied(source, "source")),
        ]

    play(scenario)


def test_stopped_and_continued_half_is_posted_at_ticks() -> None:
    async def scenario(group: RealStreams) -> None:
        setup, stream = Setup(group), group.launch("test")
        await setup.find_both(stream)
        source = next(iter(stream.halves))

        def is_stopped() -> bool:
            now = read_member(source)
            return now is not None and now.is_stopped

        for number, is_now in ((signal.SIGSTOP, True), (signal.SIGCONT, False)):
            os.kill(source, number)
            await reached(lambda is_now=is_now: is_stopped() is is_now, "the signal")  # type: ignore[misc]
            for _ in range(2):
                setup.halves.check([stream])
                await asyncio.sleep(0)

        changes = [event for _, event in group.emitted if not isinstance(event, HalvesWorked)]
        assert changes == [HalfStopped(source, "source"), HalfContinued(source)]

    play(scenario)


def test_ending_stream_gets_no_more_events() -> None:
    async def scenario(group: RealStreams) -> None:
        setup, stream = Setup(group), group.launch("test")
        await setup.find_both(stream)
        stream.is_ending = True
        for pid in stream.halves:
            os.kill(pid, signal.SIGKILL)
        await reached(lambda: not halves_of(stream), "no half")
        setup.halves.check([stream])
        await asyncio.sleep(0)
        for pid in stream.halves:
            setup.watch.watched[pid](pid)

    assert play(scenario).emitted == []


def test_half_that_cannot_be_watched_is_checked_and_costs_no_other_stream_its_watch() -> None:
    async def scenario(group: RealStreams) -> None:
        setup = Setup(group)
        streams = [group.launch(pair) for pair in ("one", "two")]
        for stream in streams:
            await reached(lambda stream=stream: len(halves_of(stream)) == 2, "halves")  # type: ignore[misc]
        one, two = streams
        first = halves_of(one)[0].pid
        setup.watch.broken = {first}
        for stream in streams:
            setup.halves.on_output(stream)
        await reached(lambda: not any(each.lacks_halves for each in streams), "all halves")
        assert set(two.halves) <= set(setup.watch.watched)

        os.kill(first, signal.SIGKILL)
        await reached(lambda: len(halves_of(one)) == 1, "one half")
        setup.halves.check(streams)
        await reached(lambda: group.emitted, "news")
        assert group.emitted == [("one", HalfDied(first, "source"))]

    assert [type(error) for error in play(scenario).broken] == [Unexpected]


@pytest.mark.parametrize("again", [False, True], ids=["one look", "a look in a look"])
def test_error_of_one_pair_costs_no_other_its_events(*, again: bool) -> None:
    count = CHECKS_PER_TURN + 2

    async def scenario(group: RealStreams) -> None:
        loop = asyncio.get_running_loop()

        def emit(pair: str, event: object) -> None:
            if pair == "0":
                raise Unexpected("no news today")
            reported.append(pair)

        reported: list[str] = []
        halves = StreamHalves(loop, GroupScan(loop), Watch(), emit, lambda _stream: None)
        streams = [group.launch(str(number), ":") for number in range(count)]
        dead = Member(1, 1, 1.0, is_zombie=False)
        for stream in streams:
            stream.add_halves([dead, Member(os.getpid(), 1, 1.0, is_zombie=False)])
        halves.check(streams)
        if again:
            await asyncio.sleep(0)
            halves.check(streams)
        await reached(lambda: len(set(reported)) == count - 1, "all others are reported")

        assert len(reported) == 2 * (count - 1), "each half's death once"

    broken = play(scenario).broken
    assert {type(error) for error in broken} == {Unexpected}


def test_halves_are_gone_only_if_a_scan_finds_none_even_if_they_were_never_found() -> None:
    async def scenario(group: RealStreams) -> None:
        setup, stream = Setup(group), group.launch("test")
        await reached(lambda: len(halves_of(stream)) == 2, "two halves")
        setup.halves.check_gone(stream)
        await reached(lambda: setup.table.scans == 1, "it was scanned")
        await asyncio.sleep(0)
        assert group.emitted == []

        for half in halves_of(stream):
            os.kill(half.pid, signal.SIGKILL)
        await reached(lambda: not halves_of(stream), "no half")
        setup.halves.check_gone(stream)
        await reached(lambda: group.emitted != [], "the event")
        stream.is_ending = True
        setup.halves.check_gone(stream)
        await reached(lambda: setup.table.scans == 3, "it was scanned again")
        await asyncio.sleep(0)

        assert group.emitted == [("test", HalvesGone())]

    play(scenario)
