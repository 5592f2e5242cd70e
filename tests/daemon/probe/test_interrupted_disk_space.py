"""Tests reads of free space, interrupted at the await: the last state stays."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest
import structlog

from hammerd.core.api.free_space import FreeSpace
from hammerd.core.hosts.ssh_host import SshHost
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
FAR = Endpoint("/s/far", SshHost("far.example"))
ALL = (HERE, THERE, FAR)


@dataclass
class Disks:
    """The free space of paths: None where the disk hangs, absent where the path cannot be read."""

    free: dict[str, FreeSpace | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def probe(
        self, paths: Iterable[str], *, is_quick: bool = False
    ) -> dict[str, PathState | None]:
        self.asked += (asked := list(paths))
        await asyncio.sleep(0)
        return {path: _state(path, self.free[path]) for path in asked if path in self.free}


def _state(path: str, free: FreeSpace | None) -> PathState | None:
    nothing = FileStat(exists=True)
    return (
        None
        if free is None
        else PathState(PathStat(path, nothing, nothing), path, 1, free_space=free)
    )


@dataclass
class Setup:
    disks: Disks

    def __post_init__(self) -> None:
        log = cast(Logger, structlog.get_logger())
        self.watch = DiskSpaceWatch(self.disks, Journal(log, log))

    async def read(self, *slaves: Endpoint) -> list[str]:
        """Read the free space of slaves; return the names of logged events."""
        with structlog.testing.capture_logs() as log:
            await self.watch.read(slaves)
        return [line["event"] for line in log]


async def a_read(stop: Stop) -> None:
    setup = Setup(Disks({HERE.path: FULL, THERE.path: EMPTY}))
    assert await setup.read(*ALL) == ["slave.short_of_room"]
    setup.disks.free = {HERE.path: EMPTY, THERE.path: FULL}
    with structlog.testing.capture_logs() as log:
        task = await stop.run(setup.watch.read(ALL))

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "the caller gets the error"
        assert log == []
        assert (setup.watch.of(HERE), setup.watch.of(THERE)) == (FULL, EMPTY)
        assert sorted(await setup.read(*ALL)) == ["slave.has_room_again", "slave.short_of_room"]
    assert (setup.watch.of(HERE), setup.watch.of(THERE)) == (EMPTY, FULL)
    assert (setup.watch.is_short(HERE), setup.watch.is_short(THERE)) == (False, True)


def test_interrupted_read_changes_nothing_and_the_next_one_works() -> None:
    interrupt(a_read, Unexpected("broke"), OSError(24, "Too many open files"))


def test_no_await_is_left_out() -> None:
    assert missed(space_module, [a_read]) == []


@pytest.mark.parametrize("free", [{}, {HERE.path: None}], ids=["no answer", "it hangs"])
def test_free_space_of_a_slave_that_cannot_be_read_stays(free: dict[str, None]) -> None:
    async def main() -> None:
        setup = Setup(Disks({HERE.path: FULL}))
        assert await setup.read(HERE) == ["slave.short_of_room"]
        setup.disks.free = {**free}
        assert await setup.read(HERE) == []
        assert setup.watch.of(HERE) == FULL
        assert setup.watch.is_short(HERE)

    asyncio.run(main())


def test_remote_slave_is_not_read_and_a_removed_one_is_forgotten() -> None:
    async def main() -> None:
        setup = Setup(Disks({HERE.path: FULL}))
        await setup.read(*ALL)
        assert FAR.path not in setup.disks.asked
        await setup.read(THERE)
        assert setup.watch.of(HERE) is None
        assert not setup.watch.is_short(HERE)

    asyncio.run(main())
