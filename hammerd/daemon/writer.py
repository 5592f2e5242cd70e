"""The one thread that may block: files are written here, behind a bounded queue.

The loop never waits for a disk. When the queue is full, what is droppable (lag samples) makes
room for what is not; what was dropped or could not be written is counted and said once a write
works again.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MOST_JOBS = 10_000


@dataclass(frozen=True, slots=True)
class Job:
    """Something to write; `is_droppable` when it may be lost before others are."""

    write: Callable[[], None]
    is_droppable: bool = False


class Writer:
    """A queue of jobs and the thread that does them in order."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self.dropped = 0
        self.failed = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, write: Callable[[], None], *, is_droppable: bool = False) -> None:
        """Queue a job; drops the oldest droppable one, or this one, when the queue is full."""
        with self._changed:
            if len(self._jobs) >= MOST_JOBS and not self._make_room():
                self.dropped += 1
                return
            self._jobs.append(Job(write, is_droppable))
            self._changed.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Do what is queued and end the thread; False when that took too long."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _make_room(self) -> bool:
        for job in self._jobs:
            if job.is_droppable:
                self._jobs.remove(job)
                self.dropped += 1
                return True
        return False

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.write()
            except (OSError, ValueError):
                self.failed += 1

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._is_closing:
                self._changed.wait()
            return self._jobs.popleft() if self._jobs else None
