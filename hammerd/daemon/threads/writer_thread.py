"""Writes all files on one thread that may block, from a bounded queue; the loop never waits.

Saved state is written first, then log lines, and last lag samples, which may be lost: they are
dropped when the queue is full. The thread counts the lines that were dropped and the writes that
failed, and reports the number of dropped lines as soon as its queue is empty again.
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
"""The most lines in the queue; a job that writes no lines counts as one."""

MOST_TRACEBACKS = 20


class Priority(IntEnum):
    """The priority of a job; jobs of the same priority run in order."""

    FIRST = 0
    NORMAL = 1
    DROPPABLE = 2


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[], None]
    lines: int


class WriterThread:
    """Queues of jobs and the thread that runs them."""

    def __init__(self) -> None:
        self._queues: dict[Priority, deque[_Job]] = {priority: deque() for priority in Priority}
        self._lines = 0
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_abandoned = False
        self._reported_dropped = 0
        self._reported_tracebacks: set[str] = set()
        self.dropped = 0
        self.failed = 0
        self.on_dropped: Callable[[int], None] = lambda _count: None
        self.on_error: Callable[[str], None] = lambda _traceback: None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(
        self, write: Callable[[], None], priority: Priority = Priority.NORMAL, lines: int = 1
    ) -> bool:
        """Queue a job that writes `lines` lines; return False if it was dropped.

        When the queues are full, the oldest droppable jobs are dropped; if there are none, this
        job is, unless its priority is FIRST.
        """
        with self._changed:
            if self._is_full() and priority is not Priority.FIRST and not self._drop_oldest():
                self.dropped += lines
                return False
            self._queues[priority].append(_Job(write, lines))
            self._lines += lines
            self._changed.notify_all()
            return True

    def close(self, timeout_s: float) -> bool:
        """Run the queued jobs and end the thread; False: it hangs, and its jobs are abandoned."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        with self._changed:
            self._is_abandoned = True
        return not self._thread.is_alive()

    def _is_full(self) -> bool:
        return self._lines >= MOST_LINES

    def _drop_oldest(self) -> bool:
        while self._is_full() and self._queues[Priority.DROPPABLE]:
            self.dropped += self._take(self._queues[Priority.DROPPABLE]).lines
        return not self._is_full()

    def _take(self, queue: deque[_Job]) -> _Job:
        job = queue.popleft()
        self._lines -= job.lines
        return job

    def _run(self) -> None:
        # Signals are for the loop's thread: a signal on this one would wake both.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while (job := self._next()) is not None:
            self._run_job(job)
            self._report_dropped()

    def _run_job(self, job: _Job) -> None:
        try:
            job.run()
        except (OSError, ValueError):
            self.failed += 1
        except Exception:
            # A bug loses one job, never the thread that all other jobs need.
            self.failed += 1
            text = traceback.format_exc()
            reported = self._reported_tracebacks
            if text not in reported and len(reported) < MOST_TRACEBACKS:
                reported.add(text)
                self.on_error(text)

    def _report_dropped(self) -> None:
        with self._changed:
            count = self.dropped - self._reported_dropped
            if not count or any(self._queues.values()):
                return
            self._reported_dropped = self.dropped
        self.on_dropped(count)

    def _next(self) -> _Job | None:
        with self._changed:
            while not any(self._queues.values()) and not self._is_closing:
                self._changed.wait()
            if self._is_abandoned:
                return None
            return next((self._take(queue) for queue in self._queues.values() if queue), None)


def call_on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call a function on the loop, from another thread; do nothing if the loop has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
