"""Deletes old rows of the history: by size at each write, by age once an hour.

    lag samples   all of 2 days ── the worst of 5 minutes, up to 30 days ── the worst of an hour
    both tables   nothing older than history_keep, and never more than the file may hold

Age is measured by a wall clock, which may be wrong: a machine that boots with a wrong year must
not lose its history. So no row is deleted by age before the wall clock and the monotonic one have
advanced equally for an hour.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerd.daemon.timing.clock import Instant

if TYPE_CHECKING:
    import sqlite3

EVERY_S = 3_600.0
MOST_DRIFT_S = 60.0
DAY_MS = 86_400_000

THINNED = ((2 * DAY_MS, 300_000), (30 * DAY_MS, 3_600_000))
"""Pairs of an age and a span, in milliseconds: above the age, one sample of each span stays."""

MOST_THINNED_MS = 30 * DAY_MS
"""The longest time that is thinned at once: the log waits meanwhile."""

MOST_ROWS = 5_000
"""The most rows that are deleted at once, for the same reason; more than one write adds."""

FULL_SHARE = 0.9

_WORST = """CASE
    WHEN verdict = 'ahead' THEN 1e300
    WHEN verdict = 'behind' AND seconds IS NULL THEN 1e200
    ELSE coalesce(seconds, -1)
END"""
"""Sorts samples, worst first: diverged, behind by unknown seconds, behind, in sync, unknown."""


@dataclass(slots=True)
class SteadyClock:
    """Measures hours in which the wall clock was not stepped."""

    since: Instant | None = None

    def has_hour_passed(self, now: Instant) -> bool:
        """Return whether an hour has passed, on both clocks; then the next hour begins."""
        since = self.since
        if since is None:
            self.since = now
            return False
        passed_s = now.at - since.at
        if passed_s < EVERY_S:
            return False
        self.since = now
        return abs(now.time - since.time - passed_s) <= MOST_DRIFT_S


def shrink(connection: "sqlite3.Connection", most_bytes: int) -> None:
    """Delete the oldest rows of a file that is nearly full, in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    pages, free, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * page_bytes < FULL_SHARE * most_bytes:
        return
    # Of the larger table: a flood of events deletes no lag samples, nor the reverse.
    rows = {
        table: connection.execute(f"SELECT max(id) - min(id) FROM {table}").fetchone()[0] or 0
        for table in ("events", "lag")
    }
    table = max(rows, key=rows.__getitem__)
    oldest = f"SELECT id FROM {table} ORDER BY id LIMIT {MOST_ROWS}"
    connection.execute(f"DELETE FROM {table} WHERE id IN ({oldest})")


def forget_older(connection: "sqlite3.Connection", before_ms: int) -> None:
    """Delete the oldest rows as far as they are from before a time, in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    for table in ("events", "lag"):
        oldest = f"SELECT id, time_ms FROM {table} ORDER BY id LIMIT {MOST_ROWS}"
        connection.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM ({oldest}) WHERE time_ms < ?)",
            (before_ms,),
        )


def thin(connection: "sqlite3.Connection", now_ms: int) -> None:
    """Delete all but the worst lag sample of each span, in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    for age_ms, step_ms in THINNED:
        _thin_to(connection, now_ms - age_ms, step_ms)


def _thin_to(connection: "sqlite3.Connection", end_ms: int, step_ms: int) -> None:
    # Begin at the first sample that is not thinned yet: a clock that was wrong leaves a gap.
    query = (
        "SELECT min(time_ms) FROM lag WHERE time_ms >= "
        "coalesce((SELECT until_ms FROM thinned WHERE step_ms = ?), time_ms)"
    )
    (begin_ms,) = connection.execute(query, (step_ms,)).fetchone()
    if begin_ms is None:
        return
    begin_ms -= begin_ms % step_ms
    end_ms = min(end_ms - end_ms % step_ms, begin_ms + MOST_THINNED_MS)
    if end_ms <= begin_ms:
        return
    within = "time_ms >= :begin AND time_ms < :end"
    # SQLite takes the other columns from the row that has the max().
    worst = f"SELECT id, max({_WORST}) FROM lag WHERE {within} GROUP BY pair, time_ms / :step"
    connection.execute(
        f"DELETE FROM lag WHERE {within} AND id NOT IN (SELECT id FROM ({worst}))",
        {"begin": begin_ms, "end": end_ms, "step": step_ms},
    )
    connection.execute("INSERT OR REPLACE INTO thinned VALUES (?, ?)", (step_ms, end_ms))
