"""The one thread that may block: files are written here, behind a bounded queue.

The loop never waits for a disk. What must outlive us goes first, log lines next, and last what
may be lost (lag samples), which makes room when the queue is full. What was dropped or could not
be written is counted, and said once writing works again.
"""

import asyncio
import contextlib
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

MOST_LINES = 10_000
"""How much may be queued; a job that writes no lines counts as one."""

MOST_TRACEBACKS = 20


class Job(IntEnum):
    """How dear a job is; those of one kind are done in order."""

    FIRST = 0
    ORDERLY = 1
    DROPPABLE = 2


@dataclass(frozen=True, slots=True)
class _Queued:
    do: Callable[[], None]
    lines: int


class WriterThread:
    """Queues of jobs and the thread that does them."""

    def __init__(self) -> None:
        self._queues: dict[Job, deque[_Queued]] = {kind: deque() for kind in Job}
        self._lines = 0
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

    def submit(self, write: Callable[[], None], kind: Job = Job.ORDERLY, lines: int = 1) -> bool:
        """Queue a job that writes so many lines; False when this one had to be dropped.

        When the queues are full the oldest droppable ones are dropped, or else this one.
        """
        with self._changed:
            if self._is_full() and kind is not Job.FIRST and not self._make_room():
                self.dropped += lines
                return False
            self._queues[kind].append(_Queued(write, lines))
            self._lines += lines
            self._changed.notify_all()
            return True

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
        return self._lines >= MOST_LINES

    def _make_room(self) -> bool:
        while self._is_full() and self._queues[Job.DROPPABLE]:
            self.dropped += self._take(self._queues[Job.DROPPABLE]).lines
        return not self._is_full()

    def _take(self, queue: deque[_Queued]) -> _Queued:
        queued = queue.popleft()
        self._lines -= queued.lines
        return queued

    def _run(self) -> None:
        # Signals are for the loop's thread: one that came here would wake both.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
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
            return next((self._take(queue).do for queue in self._queues.values() if queue), None)


def tell_loop(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    """Have something done on the loop, from the writer thread; nothing if the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(act)
