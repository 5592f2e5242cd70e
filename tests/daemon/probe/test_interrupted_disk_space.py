"""Looks at free space, interrupted at the await: what is known stays, and the next look tells."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest
import structlog

from hammerd.core.api.free_space import FreeSpace
from hammerd.core.pair.probe_verdict import FileStat, PathStat
from hammerd.core.pairs import Endpoint
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe import disk_space as space_module
from hammerd.daemon.probe.disk_space import DiskSpaceWatch
from tests.daemon.at_each_await import Stop, Unexpected, interrupt, missed

FULL, EMPTY = FreeSpace(1, 1 << 40), FreeSpace(1 << 39, 1 << 40)
HERE, THERE = Endpoint("/s/here"), Endpoint("/s/there")
FAR = Endpoint("/s/far", "far.example")
ALL = (HERE, THERE, FAR)


@dataclass
class Disks:
    """What is free where; None: its disk hangs, and what is not in it cannot be looked at."""

    free: dict[str, FreeSpace | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def probe(
        self, paths: Iterable[str], *, is_quick: bool = False
    ) -> dict[str, PathState | None]:
        self.asked += (asked := list(paths))
        await asyncio.sleep(0)
        return {path: _seen(path, self.free[path]) for path in asked if path in self.free}


def _seen(path: str, free: FreeSpace | None) -> PathState | None:
    nothing = FileStat(exists=True)
    return (
        None
        if free is None
        else PathState(PathStat(path, nothing, nothing), path, 1, free_space=free)
    )


@dataclass
class Room:
    disks: Disks

    def __post_init__(self) -> None:
        log = cast(Logger, structlog.get_logger())
        self.watch = DiskSpaceWatch(self.disks, Journal(log, log))

    async def look(self, *slaves: Endpoint) -> list[str]:
        """Look at slaves, and return which events were logged."""
        with structlog.testing.capture_logs() as log:
            await self.watch.read(slaves)
        return [line["event"] for line in log]


async def a_look(stop: Stop) -> None:
    room = Room(Disks({HERE.path: FULL, THERE.path: EMPTY}))
    assert await room.look(*ALL) == ["slave.short_of_room"]
    room.disks.free = {HERE.path: EMPTY, THERE.path: FULL}
    with structlog.testing.capture_logs() as log:
        task = await stop.run(room.watch.read(ALL))

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "the caller hears of it"
        assert log == []
        assert (room.watch.of(HERE), room.watch.of(THERE)) == (FULL, EMPTY)
        assert sorted(await room.look(*ALL)) == ["slave.has_room_again", "slave.short_of_room"]
    assert (room.watch.of(HERE), room.watch.of(THERE)) == (EMPTY, FULL)
    assert (room.watch.is_short(HERE), room.watch.is_short(THERE)) == (False, True)


def test_interrupted_look_changes_nothing_and_the_next_one_tells() -> None:
    interrupt(a_look, Unexpected("broke"), OSError(24, "Too many open files"))


def test_no_await_is_left_out() -> None:
    assert missed(space_module, [a_look]) == []


@pytest.mark.parametrize("free", [{}, {HERE.path: None}], ids=["no answer", "it hangs"])
def test_slave_that_cannot_be_looked_at_stays_as_it_was(free: dict[str, None]) -> None:
    async def main() -> None:
        room = Room(Disks({HERE.path: FULL}))
        assert await room.look(HERE) == ["slave.short_of_room"]
        room.disks.free = {**free}
        assert await room.look(HERE) == []
        assert room.watch.of(HERE) == FULL
        assert room.watch.is_short(HERE)

    asyncio.run(main())


def test_slave_elsewhere_is_not_looked_at_and_one_that_is_gone_is_forgotten() -> None:
    async def main() -> None:
        room = Room(Disks({HERE.path: FULL}))
        await room.look(*ALL)
        assert FAR.path not in room.disks.asked
        await room.look(THERE)
        assert room.watch.of(HERE) is None
        assert not room.watch.is_short(HERE)

    asyncio.run(main())
