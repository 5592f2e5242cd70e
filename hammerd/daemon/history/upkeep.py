"""Keeps history.db small and right: what is done beside the writing of rows, on the writer thread.

    rows of an older hammerd     are moved, step by step, as soon as there are any
    once an hour                 recent samples are moved to their pairs, eras are corrected,
                                 old samples are thinned, and what is too old is deleted

Each call is one short transaction, because the log waits meanwhile.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hammerd.daemon.history.database import HistoryFile
from hammerd.daemon.history.migration import migrate
from hammerd.daemon.history.retention import EVERY_S, SteadyClock, forget_older, thin
from hammerd.daemon.history.rows import settle
from hammerd.daemon.timing.clock import Clock

if TYPE_CHECKING:
    import sqlite3

Step = Callable[[], bool]
"""Does a part of a work, and returns whether more of it is left."""


class Upkeep:
    """The work that is due on the history of a daemon."""

    def __init__(self, file: HistoryFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._steady = SteadyClock()
        self._settled_at = clock.now().at
        self._due: list[Step] = []

    def step(self, keep_s: float) -> bool:
        """Do a part of what is due; return whether more is due now.

        Raises:
            HistoryUnwritten: it failed, and is tried again an hour later.
            NoSqlite: this Python has no SQLite.
        """
        if self._file.has_old_rows:
            self._file.change(migrate)
            return True
        self._find_due(keep_s)
        if not self._due:
            return False
        is_left = False
        try:
            is_left = self._due[0]()
        finally:
            if not is_left:
                self._due.pop(0)
        return bool(self._due)

    def _find_due(self, keep_s: float) -> None:
        now = self._clock.now()
        is_steady = self._steady.has_hour_passed(now)
        if now.at - self._settled_at >= EVERY_S:
            self._settled_at = now.at
            self._due = [partial(self._file.change, _settle), self._file.correct]
        if is_steady:
            now_ms = round(now.time * 1_000)
            before_ms = now_ms - round(keep_s * 1_000)
            self._due += [
                partial(self._file.change, partial(thin, now_ms=now_ms)),
                partial(self._file.change, partial(forget_older, before_ms=before_ms)),
            ]


def _settle(connection: "sqlite3.Connection") -> bool:
    settle(connection)
    return False
