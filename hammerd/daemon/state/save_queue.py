"""Saves one file: requested on the loop, written by the writer thread, reported when it fails.

    request() ── end of the loop turn: take() ── writer: write() ── loop: saved, or unsaved since

However many requests come, at most one save is queued; it writes a snapshot taken when it was
queued or later. A failure is logged once, retried, and part of the status until a save succeeds.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.threads.writer_thread import Priority, WriterThread, call_on_loop

Write = Callable[[], None]


@dataclass(slots=True)
class _Queued:
    """The next write, and the futures of those that wait for it; only the loop uses the list."""

    write: Write
    waiters: list[asyncio.Future[None]]


class SaveQueue:
    """The saves of one file."""

    def __init__(
        self, name: str, take: Callable[[], Write], writer: WriterThread, log: Logger
    ) -> None:
        """`take()` runs on the loop and returns a write function that any thread may call."""
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._take = take
        self._writer = writer
        self._log = log
        self._lock = threading.Lock()
        self._queued: _Queued | None = None
        # Waiters for a requested save that is not queued yet, and those for the last queued one.
        self._next_waiters: list[asyncio.Future[None]] = []
        self._queued_waiters: list[asyncio.Future[None]] = []
        self._is_requested = False
        self._unfinished = 0
        self.unsaved_since_at: float | None = None
        self.unsaved_because: str | None = None
        self.ended_because: str | None = None
        """The error of the last save; set by the writer thread, for use after the loop's end."""

    def request(self) -> None:
        """Request a save, with a snapshot at the end of this turn of the loop."""
        if not self._is_requested:
            self._is_requested = True
            self._loop.call_soon(self._submit)

    def retry(self) -> None:
        """Request a save if the last one failed."""
        if self.unsaved_because is not None:
            self.request()

    async def wait(self) -> None:
        """Wait until the saves requested before this call have succeeded or failed."""
        if self._is_requested or self._unfinished:
            future = self._loop.create_future()
            (self._next_waiters if self._is_requested else self._queued_waiters).append(future)
            await future

    def finish(self, writer: WriterThread) -> None:
        """Queue the last save, before the loop ends; `writer` may replace one that hangs."""
        self._put()
        writer.submit(self._write, Priority.FIRST)

    # --- on the loop ---------------------------------------------------------------------------

    def _submit(self) -> None:
        self._is_requested = False
        if self._put():
            self._writer.submit(self._write, Priority.FIRST)

    def _put(self) -> bool:
        write = self._take()
        with self._lock:
            is_new = self._queued is None
            if is_new:
                self._queued_waiters = []
                self._unfinished += 1
            self._queued = _Queued(write, self._queued_waiters)
        self._queued_waiters += self._next_waiters
        self._next_waiters = []
        return is_new

    def _finish(self, because: str | None, waiters: list[asyncio.Future[None]]) -> None:
        self._unfinished -= 1
        for future in waiters:
            if not future.done():
                future.set_result(None)
        if because is None and self.unsaved_because is not None:
            self._log.info("state.saved_again", file=self._name)
        if because not in (None, self.unsaved_because):
            hint = "hammerd tries again at the next change, and each minute"
            self._log.error("state.unsaved", file=self._name, because=because, hint=hint)
        if because is None:
            self.unsaved_since_at = None
        elif self.unsaved_since_at is None:
            self.unsaved_since_at = self._loop.time()
        self.unsaved_because = because

    # --- on the writer thread --------------------------------------------------------------------

    def _write(self) -> None:
        with self._lock:
            queued, self._queued = self._queued, None
        if queued is None:
            return
        because: str | None = "it broke"
        try:
            queued.write()
            because = None
        except OSError as error:
            # Not raised: the writer would count it as a lost line of the log.
            because = f"{error.filename or self._name}: {error.strerror}"
        finally:
            self.ended_because = because
            call_on_loop(self._loop, partial(self._finish, because, queued.waiters))
