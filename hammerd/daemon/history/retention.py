"""Keeps the history within its bounds: by size at each write, by age once an hour.

    lag samples   all of 2 days ── the worst of 5 minutes, up to 30 days ── the worst of an hour
    both tables   nothing older than history_keep, and never more than the file may hold

Age is told by a wall clock, which may be wrong: a machine that boots into the wrong century must
not lose its history. So nothing goes by age before the wall clock has kept step with the monotonic
one for an hour.
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
"""From which age on one sample is kept in how long a span, both in milliseconds."""

MOST_THINNED_MS = 30 * DAY_MS
"""How much time is thinned in one go: the log waits meanwhile."""

MOST_ROWS = 5_000
"""How many rows go in one go, for the same reason; more than come."""

FULL_SHARE = 0.9

_WORST = """CASE
    WHEN verdict = 'ahead' THEN 1e300
    WHEN verdict = 'behind' AND seconds IS NULL THEN 1e200
    ELSE coalesce(seconds, -1)
END"""
"""How bad a sample is: diverged, behind by nobody knows how much, behind, in sync, unknown."""


@dataclass(slots=True)
class SteadyClock:
    """Tells once an hour, and only when the wall clock was not stepped in that hour."""

    since: Instant | None = None

    def has_struck(self, now: Instant) -> bool:
        """Tell whether an hour has passed on both clocks; the next one begins then."""
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
    """Delete the oldest rows of a file that is nearly full; in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    pages, free, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    if (pages - free) * page_bytes < FULL_SHARE * most_bytes:
        return
    # The one with more rows: a flood of events costs no lag samples, nor the other way round.
    rows = {
        table: connection.execute(f"SELECT max(id) - min(id) FROM {table}").fetchone()[0] or 0
        for table in ("events", "lag")
    }
    table = max(rows, key=rows.__getitem__)
    oldest = f"SELECT id FROM {table} ORDER BY id LIMIT {MOST_ROWS}"
    connection.execute(f"DELETE FROM {table} WHERE id IN ({oldest})")


def forget_older(connection: "sqlite3.Connection", before_ms: int) -> None:
    """Delete the oldest rows as far as they are from before a time; in the caller's transaction.

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
    """Leave of the lag samples of each span of their age the worst; in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    for age_ms, step_ms in THINNED:
        _thin_to(connection, now_ms - age_ms, step_ms)


def _thin_to(connection: "sqlite3.Connection", end_ms: int, step_ms: int) -> None:
    # From the first sample that is not thinned yet: a clock that was wrong once leaves a gap.
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
    # Beside max() SQLite gives the other columns of the row that has it.
    worst = f"SELECT id, max({_WORST}) FROM lag WHERE {within} GROUP BY pair, time_ms / :step"
    connection.execute(
        f"DELETE FROM lag WHERE {within} AND id NOT IN (SELECT id FROM ({worst}))",
        {"begin": begin_ms, "end": end_ms, "step": step_ms},
    )
    connection.execute("INSERT OR REPLACE INTO thinned VALUES (?, ?)", (step_ms, end_ms))
