"""Flushes that are interrupted at each await: never two at once, and the next interval flushes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
import structlog

from hammerd.core.flush.flushes import FlushPath
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Memory
from hammerd.core.pairs import Endpoint, Pair, Timing
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.supervisor import flusher as flusher_module
from hammerd.daemon.supervisor.flusher import FlushCommands, Flusher
from hammerd.daemon.timing.clock import Clock, Instant
from tests.daemon.at_each_await import (
    Scenario,
    Stop,
    Unexpected,
    interrupt,
    missed,
    until_tasks_end,
)

EVERY_S = 10.0
HOME = Pair(
    "home", Endpoint("/B1/pfs/m"), Endpoint("/B2/pfs/s"), timing=Timing(flush_every_s=EVERY_S)
)
LIVES = (new_life(HOME, Memory(), 0.0),)

ROOT = """{path}\tPFS#0 {{
    sync-beg-tid=0x0000000000000001
    sync-end-tid=0x0000000000000002
    shared-uuid={uuid}
    unique-uuid={uuid}
    operating as a MASTER
}}
"""


@dataclass
class Hammer:
    """A fake hammer: prints the file system of a path and flushes it; never one twice at once."""

    flushing: set[str] = field(default_factory=set)

    async def run(self, argv: Sequence[str], _env: object, _timeout_s: float) -> CommandResult:
        if argv[1] == "pfs-status":
            await asyncio.sleep(0)
            return CommandResult("exit 0", "".join(_root(path) for path in argv[2:]))
        path = argv[-1]
        assert path not in self.flushing, "one flush of a file system at a time"
        self.flushing.add(path)
        try:
            await asyncio.sleep(0)
        finally:
            self.flushing.discard(path)
        return CommandResult("exit 0", "0x0000000100000abc\n")

    def is_under_way(self, _pid: int) -> bool:
        return False


def _root(path: str) -> str:
    return ROOT.format(path=path, uuid=f"d0d64038-e667-11f1-a43f-0{ord(path[2]):011x}")


@dataclass
class Setup:
    """A flusher, the flushes that it recorded, and a clock that a test moves."""

    now_at: float = 100.0
    proved: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        hammer = Hammer()
        statuses = PfsStatusCommands(hammer, "hammer", "/root")
        self.flusher = Flusher(
            FlushCommands(hammer, statuses, "hammer", "/root"),
            lambda end: FlushPath(end.path.rpartition("/")[0], is_in_root_pfs=True),
            self,
            Clock(lambda: self.now_at),
            cast(Logger, structlog.get_logger()),
        )

    def record_master_flush(self, master: Endpoint, _began: Instant, _ended: Instant) -> None:
        self.proved.append(str(master))

    @property
    def slaves(self) -> "Setup":
        return self

    def record_flush(self, slave: Endpoint, _began_at: float) -> None:
        self.proved.append(str(slave))

    async def flushes_both_in_the_next_interval(self) -> None:
        self.proved.clear()
        self.now_at += EVERY_S
        await self.flusher.flush(LIVES)
        assert sorted(self.proved) == [str(HOME.master), str(HOME.slave)]


async def a_wait_for_the_flushes(stop: Stop) -> None:
    setup = Setup()
    task = await stop.run(setup.flusher.flush(LIVES))
    # A reload cancels the caller, and no flush that has started.
    await until_tasks_end()

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "the caller hears of it"
    assert len(setup.proved) == (0 if stop.was_in("names") else 2)
    await setup.flushes_both_in_the_next_interval()


async def a_flush(stop: Stop) -> None:
    setup = Setup()
    with stop.in_all_tasks(but_by_cancel=True):
        [outcome] = await asyncio.gather(setup.flusher.flush(LIVES), return_exceptions=True)
        await until_tasks_end()

    if stop.was_reached and stop.error is not None:
        assert outcome is stop.error
    if stop.was_in("synctid") and stop.error is not None:
        assert len(setup.proved) == 1, "one file system costs no other its flush"
    await setup.flushes_both_in_the_next_interval()


SCENARIOS = (a_wait_for_the_flushes, a_flush)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_flush_takes_nothing_from_others_or_from_the_next_one(
    scenario: Scenario,
) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(24, "Too many open files"))


def test_no_await_is_left_out() -> None:
    assert missed(flusher_module, SCENARIOS) == []
