"""A cancelled waiter does not keep the result of a save from the other waiters."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import structlog

from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.state import save_queue as queue_module
from hammerd.daemon.state.save_queue import SaveQueue
from hammerd.daemon.threads.writer_thread import WriterThread
from tests.daemon.at_each_await import Stop, Unexpected, interrupt, missed


@dataclass
class GatedDisk:
    """Stores the values that were written; a write waits until `gate` is open."""

    now: int = 0
    written: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def take(self) -> Callable[[], None]:
        taken = self.now

        def write() -> None:
            self.gate.wait(60)
            self.written.append(taken)

        return write


@contextmanager
def a_queue(disk: GatedDisk) -> Iterator[SaveQueue]:
    writer = WriterThread()
    try:
        log = cast(Logger, structlog.get_logger())
        yield SaveQueue("state.json", disk.take, writer, log)
    finally:
        disk.gate.set()
        assert writer.close(60)


async def story_of_a_wait(stop: Stop) -> None:
    disk = GatedDisk()
    with a_queue(disk) as saves:
        saves.request()
        disk.now = 1
        first = stop.begin(saves.wait())
        second = asyncio.create_task(saves.wait())
        # All requests of one turn are queued in the next one.
        await asyncio.sleep(0)
        third = asyncio.create_task(saves.wait())
        await asyncio.sleep(0)
        disk.gate.set()
        await asyncio.wait([first, second, third])

        assert disk.written == [1], "one save for all, of the value at the end of the turn"
        assert second.exception() is None
        assert third.exception() is None
        if stop.was_reached:
            assert first.cancelled() or first.exception() is stop.error
        disk.now = 2
        saves.request()
        await saves.wait()
        assert disk.written == [1, 2]


def test_interrupted_wait_affects_no_other() -> None:
    interrupt(story_of_a_wait, Unexpected("broke"))


def test_no_await_is_left_out() -> None:
    assert missed(queue_module, [story_of_a_wait]) == []
