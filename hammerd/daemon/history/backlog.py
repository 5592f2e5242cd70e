"""Holds rows that are not written yet; any thread may use it.

It is bounded: the oldest rows are dropped, samples before events.
"""

import threading
from collections import deque
from itertools import takewhile
from typing import TypeVar

from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.daemon.history.eras import EraStart
from hammerd.daemon.history.rows import Rows

MOST_WAITING = 10_000
MOST_AT_ONCE = 1_000
"""The most rows of one transaction: far fewer than retention deletes at once."""

AnyRow = TypeVar("AnyRow")
Dated = tuple[EraStart | None, AnyRow]
"""A row and the era from whose begin its time counts."""


class Backlog:
    """Rows that are not written yet."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._events: deque[Dated[EventRow]] = deque()
        self._samples: deque[Dated[LagRow]] = deque()
        self.lost = 0
        """The number of rows that were dropped."""

    def put(self, row: EventRow | LagRow, era: EraStart | None = None) -> None:
        """Add a row."""
        with self._lock:
            if isinstance(row, EventRow):
                self._events.append((era, row))
            else:
                self._samples.append((era, row))
            self._shorten()

    def take(self, most: int = MOST_AT_ONCE) -> Rows | None:
        """Remove and return the oldest rows of one era, events first; None when there are none."""
        with self._lock:
            firsts = [rows[0][0] for rows in (self._events, self._samples) if rows]
            if not firsts:
                return None
            era = min(firsts, key=lambda each: each.number if each else 0)
            events = _taken(self._events, era, most)
            samples = _taken(self._samples, era, most - len(events))
        return Rows(events, samples, era)

    def clear(self) -> None:
        """Remove all rows, without counting them as lost."""
        with self._lock:
            self._events.clear()
            self._samples.clear()

    def put_back(self, rows: Rows) -> None:
        """Insert rows that were taken, before the rows that came since."""
        with self._lock:
            self._events.extendleft((rows.era, row) for row in reversed(rows.events))
            self._samples.extendleft((rows.era, row) for row in reversed(rows.samples))
            self._shorten()

    def _shorten(self) -> None:
        while len(self._events) + len(self._samples) > self._most:
            (self._samples or self._events).popleft()
            self.lost += 1


def _taken(rows: deque[Dated[AnyRow]], era: EraStart | None, most: int) -> tuple[AnyRow, ...]:
    first = zip(range(most), takewhile(lambda each: each[0] == era, rows), strict=False)
    taken = tuple(row for _, (_, row) in first)
    for _ in taken:
        rows.popleft()
    return taken
