"""Tests scans for foreign streams, interrupted at each await: other requests are answered."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

import pytest
import structlog

from hammerd.core.hammer.commands import stream_argv
from hammerd.core.hammer.messages import WentIdle
from hammerd.core.pair.events import Event, ForeignSeen, MessageRead
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.probe_verdict import FileStat, PathStat
from hammerd.core.pair.states import Memory, PairLife, Probing
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.daemon.foreign import adoption as adoption_module
from hammerd.daemon.foreign import path_identity as written_module
from hammerd.daemon.foreign import watch as watch_module
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.foreign.path_identity import Crontabs, PathIdentities
from hammerd.daemon.foreign.slave_writers import SlaveWriter
from hammerd.daemon.foreign.watch import ForeignWatch
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.process.long_args import LongArgs
from hammerd.daemon.process.process_table import read_member
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state.spawn_records import SpawnRecord
from tests.daemon.at_each_await import (
    Scenario,
    Stop,
    Unexpected,
    interrupt,
    missed,
    reached,
    until_tasks_end,
)

HOME, WORK = (Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}")) for name in "hw")
PAIRS = (HOME, WORK)
UUID = "d0d64038-e667-11f1-a43f-01301bb8a9f5"
BLOCK = f"""{{path}}\tPFS#1 {{{{
    sync-beg-tid=0x0000000000000001
    sync-end-tid=0x0000000000000002
    shared-uuid=d0d6402b-e667-11f1-a43e-01301bb8a9f5
    unique-uuid={UUID}
    operating as a SLAVE
}}}}
"""
NO_GROUP = 1 << 30
"""No group has an id from this one on."""

INIT = 1
"""A process without a parent; no test signals it."""


def writer(pid: int, pgid: int, *words: str, leads_session: bool = False) -> SlaveWriter:
    now = read_member(pid)
    assert now is not None
    return SlaveWriter(pid, pgid, now.started_time, words, words[-1], "/", leads_session)


def foreign_writer(pair: Pair, number: int, *, by: str = "") -> SlaveWriter:
    words = ("hammer", "mirror-stream", "/m", by or pair.slave.path)
    return writer(os.getpid(), NO_GROUP + number, *words)


def orphan(pair: Pair) -> SlaveWriter:
    words = stream_argv("hammer", pair, Gear.BULK)
    return writer(INIT, INIT, *words, leads_session=True)


class PathsAsWritten:
    def names(self, end: Endpoint) -> tuple[Endpoint, ...]:
        return end, end, end

    def real_path(self, end: Endpoint) -> str | None:
        return end.path


@dataclass
class System:
    """The commands, the paths and the process table of a machine."""

    running: list[SlaveWriter] = field(default_factory=list)
    null_mounts: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False
    gate: asyncio.Event | None = None
    scans: int = 0
    cats: int = 0

    async def run(self, argv: Sequence[str], _env: object, _timeout_s: float) -> CommandResult:
        await asyncio.sleep(0)
        if argv[0] == "/bin/cat":
            self.cats += 1
            return CommandResult("exit 0", f"@reboot hammer mirror-stream /m {HOME.slave}\n")
        if self.is_silent:
            return CommandResult("killed", is_late=True, pid=4711)
        return CommandResult("exit 0", "".join(BLOCK.format(path=path) for path in argv[2:]))

    def is_under_way(self, _pid: int) -> bool:
        return False

    async def probe(self, paths: Iterable[str], *, is_quick: bool = False) -> dict[str, PathState]:
        await asyncio.sleep(0)
        return {path: self._state(path) for path in paths}

    async def scan(self, but: Collection[int], _long: LongArgs) -> AsyncIterator[SlaveWriter]:
        self.scans += 1
        running = tuple(self.running)
        if self.gate is not None:
            await self.gate.wait()
        for one in running:
            await asyncio.sleep(0)
            if one.pgid not in but:
                yield one

    def _state(self, path: str) -> PathState:
        link = FileStat(exists=True, is_symlink=True, link_text="@@0x2:00001", device=7)
        is_link = path not in self.null_mounts
        path_stat = PathStat(path, link, link)
        return PathState(
            path_stat, path, 7, path, is_pfs_link=is_link, real_file=link, file_system=(7, 7)
        )


@dataclass
class FakeOrphans:
    """Records the adopted groups, and the keys that each holds."""

    held: dict[int, set[str]] = field(default_factory=dict)

    def groups(self) -> frozenset[int]:
        return frozenset(self.held)

    def adopt(self, record: SpawnRecord) -> None:
        assert record.pgid not in self.held
        self.held[record.pgid] = set(record.slave_keys)

    def add_keys(self, pgid: int, keys: frozenset[str]) -> None:
        if pgid in self.held:
            self.held[pgid] |= keys


@dataclass
class Setup:
    """A watch over two pairs that probe, and the events that it posted."""

    system: System
    orphans: FakeOrphans = field(default_factory=FakeOrphans)
    posted: list[tuple[str, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        log = cast(Logger, structlog.get_logger())
        self.ingest = ReadingIngest(ReadingStore(), AnomalyDetector(), Journal(log, log))
        ours = OwnStreams(frozenset, lambda _pair: None, self.lives, self.post, "hammer")
        system = self.system
        statuses = PfsStatusCommands(system, "hammer", "/root")
        self.identities = PathIdentities(system, statuses, system, system.scan)
        self.identities.crontabs = Crontabs(system, ("/etc/crontab",))
        paths = PathsAsWritten()
        self.watch = ForeignWatch(ours, self.orphans, paths, self.ingest, self.identities)

    def lives(self) -> list[PairLife]:
        return [replace(new_life(pair, Memory(), 0.0), state=Probing(0.0, 20.0)) for pair in PAIRS]

    def post(self, pair: str, event: Event) -> None:
        self.posted.append((pair, event))

    def reported(self) -> set[str]:
        assert all(isinstance(event, ForeignSeen) for _, event in self.posted)
        return {name for name, _ in self.posted}

    async def reports_all_in_the_next_scan(self) -> None:
        self.posted.clear()
        await self.watch.scan()
        assert self.reported() == {pair.name for pair in PAIRS}


def setup_with_foreign_writers() -> Setup:
    """Return a setup with foreign writers to both slaves, one of them through a null mount."""
    foreign = [
        foreign_writer(HOME, 1),
        foreign_writer(WORK, 2),
        foreign_writer(HOME, 3, by="/null"),
    ]
    return Setup(System(foreign, null_mounts={"/null": UUID}))


# --- what must hold at each await ------------------------------------------------------------


async def a_scan(stop: Stop) -> None:
    setup = setup_with_foreign_writers()
    task = await stop.run(setup.watch.scan())

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "the caller gets the error"
    if stop.was_in("line_for") and stop.error is not None:
        assert len(setup.reported()) == 1, "an error of one pair affects no other"
    if not stop.was_reached:
        assert setup.reported() == {pair.name for pair in PAIRS}
    await setup.reports_all_in_the_next_scan()


async def a_scan_that_another_request_waits_for(stop: Stop) -> None:
    setup = setup_with_foreign_writers()
    first = stop.begin(setup.watch.find(HOME))
    second = asyncio.create_task(setup.watch.find(WORK))
    await asyncio.wait([first, second])

    found = second.result()
    assert found is not None
    assert found.command.endswith(WORK.slave.path)
    if stop.was_reached:
        assert first.cancelled() or first.exception() is stop.error
    await setup.watch.close()


async def a_wait_for_the_scan_of_another_request(stop: Stop) -> None:
    gate = asyncio.Event()
    setup = Setup(System(gate=gate))
    first = asyncio.create_task(setup.watch.find(HOME))
    await reached(lambda: setup.system.scans, "a scan", every_s=0)
    # Both wait for a scan that begins after their request, and after the foreign writers.
    second = stop.begin(setup.watch.find(HOME))
    third = asyncio.create_task(setup.watch.find(WORK))
    await asyncio.sleep(0)
    setup.system.running = setup_with_foreign_writers().system.running
    gate.set()
    await asyncio.wait([first, second, third])

    assert first.result() is None
    assert third.result() is not None, "a cancelled scan answers no request"
    if stop.was_reached:
        assert second.cancelled() or second.exception() is stop.error
    await setup.reports_all_in_the_next_scan()
    await setup.watch.close()


async def an_adoption(stop: Stop) -> None:
    await _adopts(stop, System([orphan(HOME), foreign_writer(WORK, 2)]), f"uuid:{UUID}")


async def an_adoption_whose_slave_cannot_be_read(stop: Stop) -> None:
    system = System([orphan(HOME), foreign_writer(WORK, 2)], is_silent=True)
    # A slave on its file system may be its own slave by another name.
    await _adopts(stop, system, f"path:{WORK.slave}")


async def _adopts(stop: Stop, system: System, key: str) -> None:
    setup = Setup(system)
    with stop.in_all_tasks():
        [found] = await asyncio.gather(setup.watch.find(WORK), return_exceptions=True)

    assert stop.was_reached or isinstance(found, ForeignSeen)
    if not isinstance(found, BaseException):
        assert key in setup.orphans.held[INIT], "known before the scan is over"
    assert await setup.watch.find(HOME) is None
    assert key in setup.orphans.held[INIT]
    await setup.watch.close()
    await until_tasks_end()


async def a_timer_that_expires(stop: Stop) -> None:
    setup = setup_with_foreign_writers()
    with stop.in_all_tasks():
        setup.watch.scan_after(0)
        await reached(lambda: setup.system.scans, "a scan", every_s=0)
        await until_tasks_end()
    setup.posted.clear()

    setup.watch.scan_after(0)
    await reached(setup.reported, "news")
    await until_tasks_end()

    assert setup.reported() == {pair.name for pair in PAIRS}
    await setup.watch.close()


async def a_close_while_a_scan_is_under_way(stop: Stop) -> None:
    setup = setup_with_foreign_writers()
    setup.watch.scan_after(0)
    await reached(lambda: setup.system.scans, "a scan", every_s=0)

    await stop.run(setup.watch.close())
    await setup.watch.close()

    assert setup.posted == []
    setup.watch.scan_after(0)
    await until_tasks_end()
    assert setup.system.scans == 1, "no further scan"


async def a_look_for_what_moved_a_slave(stop: Stop) -> None:
    setup, called = setup_with_foreign_writers(), list[str]()
    with stop.in_all_tasks():
        setup.watch.unless_written(HOME.slave, lambda: called.append("home"))
        await until_tasks_end()
    # The event loop reports the error of a look: without a stream it found no excuse either.
    assert called == (["home"] if stop.was_reached else [])

    setup.system.running = []
    for slave in (HOME.slave, Endpoint("/s/alone")):
        setup.watch.unless_written(slave, partial(called.append, slave.path))
    await until_tasks_end()
    assert "/s/alone" in called
    assert (HOME.slave.path in called) == stop.was_reached, "a stream that has ended explains it"
    await setup.watch.close()


SCENARIOS = (
    a_look_for_what_moved_a_slave,
    a_scan,
    a_scan_that_another_request_waits_for,
    a_wait_for_the_scan_of_another_request,
    an_adoption,
    an_adoption_whose_slave_cannot_be_read,
    a_timer_that_expires,
    a_close_while_a_scan_is_under_way,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_scan_affects_neither_others_nor_the_next_one(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(24, "Too many open files"))


@pytest.mark.parametrize("module", [watch_module, adoption_module, written_module])
def test_no_await_is_left_out(module: object) -> None:
    assert missed(module, SCENARIOS) == []  # type: ignore[arg-type]


# --- when it looks ---------------------------------------------------------------------------


def play(act: Callable[[Setup], None], setup: Setup) -> Setup:
    async def main() -> None:
        act(setup)
        await until_tasks_end()
        await setup.watch.close()

    asyncio.run(main())
    return setup


def test_requests_for_scans_are_one_scan() -> None:
    def request(setup: Setup) -> None:
        for span_s in (0.5, 0.0, 60.0, 0.0):
            setup.watch.scan_after(span_s)
        for _ in range(3):
            setup.watch.observe(HOME.name, MessageRead(WentIdle()))

    async def main() -> int:
        setup = setup_with_foreign_writers()
        request(setup)
        await reached(setup.reported, "news")
        await until_tasks_end()
        await setup.watch.close()
        return setup.system.scans

    assert asyncio.run(main()) == 1


def test_line_of_a_crontab_is_reported_with_the_stream_that_it_starts() -> None:
    async def main() -> ForeignSeen | None:
        setup = setup_with_foreign_writers()
        found = await setup.watch.find(HOME)
        await setup.watch.close()
        return found

    found = asyncio.run(main())
    assert found is not None
    assert found.started_by.startswith("/etc/crontab: @reboot hammer mirror-stream")
