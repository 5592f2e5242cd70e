"""The one thread that may block: files are written here, behind a bounded queue.

The loop never waits for a disk. What must outlive us goes first, log lines next, and last what
may be lost (lag samples), which makes room when the queue is full. What was dropped or could not
be written is counted, and said once writing works again.
"""

import asyncio
import contextlib
import threading
import traceback
from collections import deque
from collections.abc import Callable
from enum import IntEnum

MOST_JOBS = 10_000
MOST_TRACEBACKS = 20


class Job(IntEnum):
    """How dear a job is; those of one kind are done in order."""

    FIRST = 0
    ORDERLY = 1
    DROPPABLE = 2


class Writer:
    """Queues of jobs and the thread that does them."""

    def __init__(self) -> None:
        self._queues: dict[Job, deque[Callable[[], None]]] = {kind: deque() for kind in Job}
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_given_up = False
        self._said_dropped = 0
        self._said_broken: set[str] = set()
        self.dropped = 0
        self.failed = 0
        self.on_dropped: Callable[[int], None] = lambda _count: None
        self.on_broken: Callable[[str], None] = lambda _traceback: None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, write: Callable[[], None], kind: Job = Job.ORDERLY) -> None:
        """Queue a job; drops the oldest droppable one, or this one, when the queues are full."""
        with self._changed:
            if self._is_full() and kind is not Job.FIRST:
                self.dropped += 1
                if not self._queues[Job.DROPPABLE]:
                    return
                self._queues[Job.DROPPABLE].popleft()
            self._queues[kind].append(write)
            self._changed.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Do what is queued and end the thread; False when that took too long, and is given up."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        with self._changed:
            self._is_given_up = True
        return not self._thread.is_alive()

    def _is_full(self) -> bool:
        return sum(map(len, self._queues.values())) >= MOST_JOBS

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._do(job)
            self._tell_of_dropped()

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except (OSError, ValueError):
            self.failed += 1
        except Exception:
            # A bug costs one line, never the thread that all other lines need.
            self.failed += 1
            text = traceback.format_exc()
            if text not in self._said_broken and len(self._said_broken) < MOST_TRACEBACKS:
                self._said_broken.add(text)
                self.on_broken(text)

    def _tell_of_dropped(self) -> None:
        with self._changed:
            count = self.dropped - self._said_dropped
            if not count or any(self._queues.values()):
                return
            self._said_dropped = self.dropped
        self.on_dropped(count)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not any(self._queues.values()) and not self._is_closing:
                self._changed.wait()
            if self._is_given_up:
                return None
            return next((queue.popleft() for queue in self._queues.values() if queue), None)


def tell_loop(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    """Have something done on the loop, from the writer thread; nothing if the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(act)
