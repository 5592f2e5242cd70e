"""Tests readings that are interrupted at each await: all other requests are answered."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import FileStat, PathStat, ProbeFailed
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe import batch as batch_module
from hammerd.daemon.probe import known_paths as paths_module
from hammerd.daemon.probe import pfs_status as status_module
from hammerd.daemon.probe import queue as queue_module
from hammerd.daemon.probe.batch import BatchReader
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.timing.clock import Clock
from tests.daemon.at_each_await import (
    Scenario,
    Stop,
    Unexpected,
    interrupt,
    missed,
    until_tasks_end,
)

BLOCK = """{path}\tPFS#1 {{
    sync-beg-tid=0x0000000000000001
    sync-end-tid=0x0000000000000002
    shared-uuid=d0d6402b-e667-11f1-a43e-01301bb8a9f5
    unique-uuid=d0d64038-e667-11f1-a43f-01301bb8a9f5
    operating as a SLAVE
}}
"""

HOME, WORK = (Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}")) for name in "hw")
PAIRS = (HOME, WORK)


@dataclass
class Disks:
    """Results of hammer, and states of paths."""

    slow: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    hanging_in_batches: set[str] = field(default_factory=set)
    is_killable: bool = True

    async def run(self, argv: Sequence[str], _env: object, _timeout_s: float) -> CommandResult:
        await asyncio.sleep(0)
        printed, paths = "", argv[2:]
        for path in paths:
            if path in self.missing:
                text = f"hammer: Failed to open {path}: No such file or directory\n"
                return CommandResult("exit 1", printed, text)
            if len(paths) > 1 and path in self.hanging_in_batches:
                return CommandResult("killed", is_late=True, pid=4711)
            printed += BLOCK.format(path=path)
        return CommandResult("exit 0", printed)

    def is_under_way(self, _pid: int) -> bool:
        return not self.is_killable

    async def probe(
        self, paths: Iterable[str], *, is_quick: bool = False
    ) -> dict[str, PathState | None]:
        await asyncio.sleep(0)
        return {path: None if is_quick and path in self.slow else _state(path) for path in paths}


def _state(path: str) -> PathState:
    link = FileStat(exists=True, is_symlink=True, link_text="@@0x2:00001", device=ord(path[1]))
    return PathState(
        PathStat(path, link, link), path, link.device, path, is_pfs_link=True, real_file=link
    )


def reader_of(disks: Disks) -> ProbeQueue:
    clock = Clock(asyncio.get_running_loop().time)
    return ProbeQueue(BatchReader(PfsStatusCommands(disks, "/sbin/hammer", "/root"), disks, clock))


def read(readings: Iterable[EndpointReading]) -> set[Endpoint]:
    return {one.endpoint for one in readings if isinstance(one.seen, PfsStatus)}


def endpoints(*pairs: Pair) -> set[Endpoint]:
    return {end for pair in pairs for end in (pair.master, pair.slave)}


async def answers_all(reader: ProbeQueue) -> None:
    """Assert that the next requests are answered."""
    assert read(await reader.sample(PAIRS, 20)) == endpoints(*PAIRS)
    for pair in PAIRS:
        assert read(await reader.probe([pair], 20)) == endpoints(pair)
    await until_tasks_end()
    await reader.close()


# --- what must hold at each await ------------------------------------------------------------


async def a_request_with_another(stop: Stop) -> None:
    reader = reader_of(Disks())
    first = stop.begin(reader.probe([HOME], 20))
    second = asyncio.create_task(reader.probe([WORK], 20))
    await asyncio.wait([first, second])

    assert read(second.result()) == endpoints(WORK), "who asked with it is answered"
    if stop.was_reached:
        assert first.cancelled() or first.exception() is stop.error
    await answers_all(reader)


async def a_batch(stop: Stop) -> None:
    await _recovers(stop, Disks())


async def a_batch_with_a_slow_path(stop: Stop) -> None:
    await _recovers(stop, Disks(slow={HOME.slave.path}))


async def a_batch_that_hangs(stop: Stop) -> None:
    await _recovers(stop, Disks(hanging_in_batches={HOME.slave.path}))


async def a_batch_after_one_that_cannot_be_killed(stop: Stop) -> None:
    disks = Disks(hanging_in_batches={HOME.slave.path}, is_killable=False)
    await _recovers(stop, disks)


async def a_batch_beside_a_held_pair(stop: Stop) -> None:
    held = Endpoint("/x/held")
    await _recovers(stop, Disks(slow={held.path}), held)


async def _recovers(stop: Stop, disks: Disks, *held: Endpoint) -> None:
    reader = reader_of(disks)
    reader.also_read = lambda: held
    if not disks.is_killable:
        await reader.sample(PAIRS, 20)
        await until_tasks_end()
    with stop.in_all_tasks(but_by_cancel=True):
        asked = (reader.probe([HOME], 20), reader.probe([WORK], 20))
        found = await asyncio.gather(*asked, return_exceptions=True)
        await until_tasks_end()

    for pair, answer in zip(PAIRS, found, strict=True):
        if isinstance(answer, BaseException):
            assert answer is stop.error, "the request gets the error"
        else:
            assert read(answer) == endpoints(pair)
    if stop.error is None:
        assert not any(isinstance(answer, BaseException) for answer in found)
    await answers_all(reader)


async def a_missing_endpoint(stop: Stop) -> None:
    disks = Disks(missing={HOME.slave.path})
    reader = reader_of(disks)
    with stop.in_all_tasks(but_by_cancel=True):
        [found] = await asyncio.gather(reader.probe([HOME], 20), return_exceptions=True)
        if not isinstance(found, BaseException):
            [failed] = [one for one in found if isinstance(one.seen, ProbeFailed)]
            assert failed.endpoint == HOME.slave
        await asyncio.gather(reader.sample(PAIRS, 20), return_exceptions=True)
        await until_tasks_end()
    disks.missing.clear()

    # Each sample tries those that failed again, concurrently.
    for _ in range(2):
        await reader.sample(PAIRS, 20)
        await until_tasks_end()
    await answers_all(reader)


async def a_probe_of_an_endpoint_that_was_missing(stop: Stop) -> None:
    disks = Disks(missing={HOME.slave.path})
    reader = reader_of(disks)
    await reader.probe([HOME], 20)
    disks.missing.clear()
    probe = await stop.run(reader.probe([HOME], 20))

    if stop.was_reached:
        assert probe.cancelled() or probe.exception() is stop.error
    else:
        assert read(probe.result()) == endpoints(HOME)
    assert read(await reader.probe([HOME], 20)) == endpoints(HOME)
    await answers_all(reader)


async def a_glance(stop: Stop) -> None:
    reader = reader_of(Disks())
    await reader.sample(PAIRS, 20)
    glance = await stop.run(reader.are_as_read(HOME))

    if stop.was_reached:
        assert glance.cancelled() or glance.exception() is stop.error
    assert await reader.are_as_read(HOME)
    await answers_all(reader)


async def a_close_while_requests_wait(stop: Stop) -> None:
    reader = reader_of(Disks(slow={HOME.slave.path}))
    asked = [asyncio.create_task(reader.probe([pair], 20)) for pair in PAIRS]
    for _ in range(4):  # of the turns that a reading takes
        await asyncio.sleep(0)
    for ask in asked:
        ask.cancel()

    await stop.run(reader.close())
    await asyncio.wait(asked)


SCENARIOS = (
    a_request_with_another,
    a_batch,
    a_batch_with_a_slow_path,
    a_batch_that_hangs,
    a_batch_after_one_that_cannot_be_killed,
    a_batch_beside_a_held_pair,
    a_missing_endpoint,
    a_probe_of_an_endpoint_that_was_missing,
    a_glance,
    a_close_while_requests_wait,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_reading_leaves_no_request_waiting(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(24, "Too many open files"))


def test_endpoint_that_a_plan_holds_is_read_by_nobody() -> None:
    async def main() -> tuple[set[Endpoint], set[Endpoint], list[str]]:
        disks = Disks()
        statuses = PfsStatusCommands(disks, "/sbin/hammer", "/root")
        statuses.holder_of = lambda one: "promote of x" if one == HOME.slave else None
        reader = ProbeQueue(BatchReader(statuses, disks, Clock(asyncio.get_running_loop().time)))
        probed = {one.endpoint for one in await reader.probe([HOME], 20)}
        sampled = {one.endpoint for one in await reader.sample(PAIRS, 20, held=["w"])}
        refused = await statuses.status([HOME.slave], 20)
        await reader.close()
        return probed, sampled, [one.path for one in refused.statuses]

    assert asyncio.run(main()) == ({HOME.master}, {HOME.master}, [])


@pytest.mark.parametrize("module", [queue_module, batch_module, paths_module, status_module])
def test_no_await_is_left_out(module: object) -> None:
    assert missed(module, SCENARIOS) == []  # type: ignore[arg-type]
