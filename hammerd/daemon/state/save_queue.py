"""Saves of one file: asked for on the loop, done on the writer thread, told of when they fail.

    ask() ── end of the loop turn: take() ── writer: job() ── loop: saved, or unsaved since when

However often it is asked for, one save at most is queued, and it writes what was true when it was
queued or later. What cannot be saved is said once, retried, and told until it is.
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
    """The next write, and who waits to hear of it; that list belongs to the loop."""

    write: Write
    heard_by: list[asyncio.Future[None]]


class SaveQueue:
    """The saves of one file."""

    def __init__(
        self, name: str, take: Callable[[], Write], writer: WriterThread, log: Logger
    ) -> None:
        """Take what returns, on the loop, a write of what is true now, for any thread to do."""
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._take = take
        self._writer = writer
        self._log = log
        self._lock = threading.Lock()
        self._queued: _Queued | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._heard_by: list[asyncio.Future[None]] = []
        self._is_asked = False
        self._unheard = 0
        self.unsaved_since_at: float | None = None
        self.unsaved_because: str | None = None
        self.ended_because: str | None = None
        """Why the last save failed; set by the writer thread, for when no loop hears of it."""

    def ask(self) -> None:
        """Have what is true by the end of this turn of the loop saved."""
        if not self._is_asked:
            self._is_asked = True
            self._loop.call_soon(self._hand_over)

    def retry(self) -> None:
        """Ask again if the last save failed."""
        if self.unsaved_because is not None:
            self.ask()

    async def done(self) -> None:
        """Wait until what was asked for before this call was saved, or could not be."""
        if self._is_asked or self._unheard:
            future = self._loop.create_future()
            (self._waiting if self._is_asked else self._heard_by).append(future)
            await future

    def finish(self, writer: WriterThread) -> None:
        """Queue the last save, before the loop ends; `writer` may be another one if ours hangs."""
        self._put()
        writer.submit(self._write, Priority.FIRST)

    # --- on the loop ---------------------------------------------------------------------------

    def _hand_over(self) -> None:
        self._is_asked = False
        if self._put():
            self._writer.submit(self._write, Priority.FIRST)

    def _put(self) -> bool:
        write = self._take()
        with self._lock:
            is_new = self._queued is None
            if is_new:
                self._heard_by = []
                self._unheard += 1
            self._queued = _Queued(write, self._heard_by)
        self._heard_by += self._waiting
        self._waiting = []
        return is_new

    def _heard(self, because: str | None, heard_by: list[asyncio.Future[None]]) -> None:
        self._unheard -= 1
        for future in heard_by:
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
            # It is told as what it is: raised, the writer would count it as a lost line of a log.
            because = f"{error.filename or self._name}: {error.strerror}"
        finally:
            self.ended_because = because
            call_on_loop(self._loop, partial(self._heard, because, queued.heard_by))
