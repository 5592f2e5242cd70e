"""Keeps history.db small and right: what is done beside the writing of rows, on the writer thread.

    rows of an older hammerd     are moved, step by step, as soon as there are any
    once an hour                 recent samples are moved to their pairs, eras are corrected,
                                 old samples are thinned, and what is too old is deleted

Each call is one short transaction, because the log waits meanwhile. What is deleted by age in one
hour is little more than what is due then: a clock that is years ahead for some hours costs as many
days of the history, and not all of it.
"""

from collections.abc import Callable
from functools import partial

from hammerd.daemon.history.database import HistoryFile
from hammerd.daemon.history.migration import migrate
from hammerd.daemon.history.retention import EVERY_S, SteadyClock, forget_older, thin
from hammerd.daemon.history.rows import settle
from hammerd.daemon.timing.clock import Clock

Step = Callable[[], bool | None]
"""Does a part of a work, and returns True if more of it is left."""

MOST_THINNINGS = 4
"""The most steps of thinning in an hour: two are due usually."""


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
        step = self._due.pop(0)
        if not step():
            self._due = [each for each in self._due if each is not step]
        return bool(self._due)

    def _find_due(self, keep_s: float) -> None:
        now = self._clock.now()
        is_steady = self._steady.has_hour_passed(now)
        if now.at - self._settled_at >= EVERY_S:
            self._settled_at = now.at
            self._due = [partial(self._file.change, settle), self._file.correct]
        if is_steady:
            now_ms = round(now.time * 1_000)
            before_ms = now_ms - round(keep_s * 1_000)
            forget = partial(self._file.change, partial(forget_older, before_ms=before_ms))
            thin_more = partial(self._file.change, partial(thin, now_ms=now_ms))
            self._due += [forget, *[thin_more] * MOST_THINNINGS]
