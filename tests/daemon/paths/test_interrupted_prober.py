"""Looks at paths that are interrupted, or that the system refuses: no child is left behind."""

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
from tests.daemon.at_each_await import Stop, Story, Unexpected, interrupt, missed, reached

HERE = (str(Path(__file__)), str(Path(__file__).parent))
ENV = {"PATH": os.environ["PATH"]}


def children() -> list[psutil.Process]:
    return psutil.Process().children()


@asynccontextmanager
async def a_prober() -> AsyncIterator[PathProber]:
    """A prober that hears of its children; none may be left after it."""
    loop = asyncio.get_running_loop()
    prober = PathProber(loop, ENV)
    loop.add_signal_handler(signal.SIGCHLD, prober.child_changed)
    try:
        yield prober
    finally:
        await prober.close(60)
        loop.remove_signal_handler(signal.SIGCHLD)
        assert children() == []


async def a_look(stop: Stop) -> None:
    async with a_prober() as prober:
        first = stop.begin(prober.look(HERE[:1]))
        second = asyncio.create_task(prober.look(HERE))
        await asyncio.wait([first, second])

        assert set(second.result()) == set(HERE), "who asked with it is answered"
        if stop.was_reached:
            assert first.cancelled() or first.exception() is stop.error
        assert set(await prober.look(HERE)) == set(HERE)


async def a_close(stop: Stop) -> None:
    async with a_prober() as prober:
        await prober.look(HERE)
        task = await stop.run(prober.close(60))
        if stop.was_reached:
            assert task.cancelled() or task.exception() is stop.error
        assert await prober.look(HERE) == {}, "nobody is answered any more"


STORIES = (a_look, a_close)


@pytest.mark.parametrize("story", STORIES)
def test_interrupted_look_leaves_no_child_and_no_asker(story: Story) -> None:
    interrupt(story, Unexpected("broke"))


def test_no_await_is_left_out() -> None:
    assert missed(prober_module, STORIES) == []


class FullLoop(asyncio.SelectorEventLoop):
    """Can watch no more fds while it is full, as a system may run out of what that takes."""

    is_full = False

    def add_reader(self, fd: object, callback: object, *args: object) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().add_reader(fd, callback, *args)  # type: ignore[arg-type]


def test_child_that_cannot_be_heard_is_ended_and_the_next_look_asks_another_one() -> None:
    loop = FullLoop()

    async def story() -> None:
        async with a_prober() as prober:
            loop.is_full = True
            assert await prober.look(HERE) == {}
            loop.is_full = False
            await reached(lambda: children() == [], "it is gone")
            assert set(await prober.look(HERE)) == set(HERE)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(story())
