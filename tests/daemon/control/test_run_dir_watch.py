"""A scan of run_dir that is interrupted at any await: the next one makes and logs the rest."""

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
import structlog

from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.control import run_dir_watch as watch_module
from hammerd.daemon.control.run_dir_watch import RunDirWatch
from hammerd.daemon.logging.setup import Logger
from tests.daemon.at_each_await import Stop, Unexpected, interrupt, missed

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/run/hammerd")


@dataclass
class Files:
    """The pid file and the lock; a test removes them."""

    removed: tuple[str, ...] = ()
    pid_file_error: OSError | None = None

    def make_missing(self) -> tuple[str, ...]:
        made, self.removed = self.removed, ()
        return made


@dataclass
class Sockets:
    """Two sockets: whether they exist, and how many have a listener."""

    are_made: bool = False
    listening: int = 0
    error: OSError | None = None
    warning: str = ""

    async def bind(self, _status_group: str) -> str:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.are_made, self.listening = True, 0
        return self.warning

    async def listen(self) -> None:
        for number in (1, 2):
            self.listening = number
            await asyncio.sleep(0)

    async def close_sockets(self) -> None:
        self.listening = 0
        await asyncio.sleep(0)

    def are_present(self) -> bool:
        return self.are_made

    def paths(self) -> tuple[str, ...]:
        return "control.sock", "status.sock"


@dataclass
class Setup:
    """A watch over files and sockets, and the number of times it had them saved again."""

    files: Files = field(default_factory=Files)
    sockets: Sockets = field(default_factory=Sockets)
    saves: int = 0

    def __post_init__(self) -> None:
        log = cast(Logger, structlog.get_logger())
        self.watch = RunDirWatch(self.files, self.sockets, DaemonConfig(), log)
        self.watch.on_made = (self.save,)

    def save(self) -> None:
        self.saves += 1

    def sweep(self) -> None:
        self.files.removed, self.sockets.are_made = ("hammerd.pid",), False

    async def scan(self) -> None:
        """Scan once the thread of a scan that was given up has ended."""
        await self.watch.scan()
        while self.watch.trouble is not None and "does not answer" in self.watch.trouble.message:
            await asyncio.sleep(0)
            await self.watch.scan()


# --- what must hold at each await ------------------------------------------------------------


async def a_scan_after_a_sweep(stop: Stop) -> None:
    setup = Setup()
    await setup.watch.bind()
    await setup.sockets.listen()
    setup.sweep()
    with structlog.testing.capture_logs() as log:
        task = await stop.run(setup.watch.scan())
        if isinstance(stop.error, OSError) and stop.was_reached:
            assert task.exception() is None
            assert setup.watch.trouble is not None, "status shows no trouble"
        elif stop.error is not None and stop.was_reached:
            assert task.exception() is stop.error, "the caller gets no error"
        await setup.scan()

    assert setup.sockets.listening == 2, "nobody listens"
    assert setup.files.removed == ()
    assert setup.saves >= 1, "removed files are not saved again"
    made = " ".join(line["files"] for line in log if line["event"] == "run_dir.made_anew")
    assert {"hammerd.pid", "control.sock", "status.sock"} <= set(made.split())
    assert setup.watch.trouble is None
    saves = setup.saves
    await setup.scan()
    assert setup.saves == saves, "saved again though nothing was missing"


async def a_bind_at_the_start(stop: Stop) -> None:
    setup = Setup()
    task = await stop.run(setup.watch.bind())

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "hammerd does not start"
    else:
        assert setup.sockets.are_made


SCENARIOS = (a_scan_after_a_sweep, a_bind_at_the_start)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_scan_leaves_a_daemon_that_answers(
    scenario: Callable[[Stop], asyncio.Future[None]],
) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(errno.EMFILE, "Too many open files"))


def test_no_await_is_left_out() -> None:
    assert missed(watch_module, SCENARIOS) == []


# --- without interruptions -------------------------------------------------------------------


def scanned(act: Callable[[Setup], None], setup: Setup) -> tuple[Setup, list[str]]:
    """Start, call `act` and scan; return the logged events."""

    async def main() -> list[str]:
        with structlog.testing.capture_logs() as log:
            await setup.watch.bind()
            await setup.sockets.listen()
            act(setup)
            await setup.scan()
        return [line["event"] for line in log]

    return setup, asyncio.run(main())


def test_nothing_is_logged_while_all_is_present() -> None:
    setup, events = scanned(lambda _: None, Setup())

    assert (events, setup.saves, setup.watch.trouble) == ([], 0, None)


def test_full_disk_at_the_start_is_logged_and_the_sockets_are_made_later() -> None:
    def free_space(setup: Setup) -> None:
        assert setup.watch.describe()["run_dir_unusable_because"] is not None
        setup.sockets.error = None

    setup, events = scanned(free_space, Setup(sockets=Sockets(error=FULL)))

    assert events == ["run_dir.unusable", "run_dir.made_anew"]
    assert setup.sockets.listening == 2
    assert setup.watch.describe() == {"run_dir_unusable_because": None}


def test_made_files_are_saved_though_the_sockets_cannot_be_made() -> None:
    def sweep_a_full_disk(setup: Setup) -> None:
        setup.sweep()
        setup.sockets.error = FULL

    setup, events = scanned(sweep_a_full_disk, Setup())

    assert setup.saves == 1
    assert events == ["run_dir.made_anew", "run_dir.unusable"]


def test_other_error_at_the_start_is_no_reason_to_run() -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", str(Path("/run/hammerd")))
    with pytest.raises(PermissionError):
        scanned(lambda _: None, Setup(sockets=Sockets(error=refused)))


def test_socket_that_stays_closed_to_its_group_is_logged() -> None:
    _, events = scanned(lambda _: None, Setup(sockets=Sockets(warning="no such group")))

    assert events == ["status_socket.closed_to_group"]
