"""A probe that is interrupted, or that the system refuses, leaves no child behind."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from hammerd.daemon.paths import prober as prober_module
from hammerd.daemon.paths.prober import PathProber
from tests.daemon.at_each_await import Scenario, Stop, Unexpected, interrupt, missed, reached
from tests.hammerd_program import server_pids

HERE = (str(Path(__file__)), str(Path(__file__).parent))
ENV = {"PATH": os.environ["PATH"]}


def children() -> list[psutil.Process]:
    loaded = server_pids()
    return [child for child in psutil.Process().children() if child.pid not in loaded]


@asynccontextmanager
async def a_prober() -> AsyncIterator[PathProber]:
    """Yield a prober that gets SIGCHLD; assert that it leaves no child."""
    loop = asyncio.get_running_loop()
    prober = PathProber(loop, ENV)
    loop.add_signal_handler(signal.SIGCHLD, prober.child_changed)
    try:
        yield prober
    finally:
        await prober.close(60)
        loop.remove_signal_handler(signal.SIGCHLD)
        assert children() == []


async def story_of_probe(stop: Stop) -> None:
    async with a_prober() as prober:
        first = stop.begin(prober.probe(HERE[:1]))
        second = asyncio.create_task(prober.probe(HERE))
        await asyncio.wait([first, second])

        assert set(second.result()) == set(HERE), "the second request is answered"
        if stop.was_reached:
            assert first.cancelled() or first.exception() is stop.error
        assert set(await prober.probe(HERE)) == set(HERE)


async def story_of_close(stop: Stop) -> None:
    async with a_prober() as prober:
        await prober.probe(HERE)
        task = await stop.run(prober.close(60))
        if stop.was_reached:
            assert task.cancelled() or task.exception() is stop.error
        assert await prober.probe(HERE) == {}, "no request is answered any more"


SCENARIOS = (story_of_probe, story_of_close)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_probe_leaves_no_child_and_no_request(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"))


def test_no_await_is_left_out() -> None:
    assert missed(prober_module, SCENARIOS) == []


class FullLoop(asyncio.SelectorEventLoop):
    """A loop that can add no reader while it is full, as a kernel may run out of resources."""

    is_full = False

    def add_reader(self, fd: object, callback: object, *args: object) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().add_reader(fd, callback, *args)  # type: ignore[arg-type]


def test_child_without_a_reader_is_killed_and_the_next_probe_starts_another() -> None:
    loop = FullLoop()

    async def scenario() -> None:
        async with a_prober() as prober:
            loop.is_full = True
            assert await prober.probe(HERE) == {}
            loop.is_full = False
            await reached(lambda: children() == [], "it has exited")
            assert set(await prober.probe(HERE)) == set(HERE)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scenario())
