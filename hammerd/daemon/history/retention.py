"""Deletes old rows of the history: by size at each write, by age once an hour.

    lag samples   all of 2 days ── the worst of 5 minutes, up to 30 days ── the worst of an hour
    both tables   nothing older than history_keep, and never more than the file may hold

Age is measured by a wall clock, which may be wrong: a machine that boots with a wrong year must
not lose its history. So no row is deleted by age before the wall clock and the monotonic one have
advanced equally for an hour, and then the oldest day at most. Each call deletes little, because
the log waits meanwhile; what it returns tells whether more is left to be done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerd.core.api.history_schema import AHEAD, BEHIND, SAMPLE_COLUMNS, SAMPLE_MARKS
from hammerd.daemon.timing.clock import Instant

if TYPE_CHECKING:
    import sqlite3

EVERY_S = 3_600.0
MOST_DRIFT_S = 60.0
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

THINNED = ((2 * DAY_MS, 300_000, 2 * HOUR_MS), (30 * DAY_MS, HOUR_MS, DAY_MS // 2))
"""Ages, spans, and the time that is thinned at once, in milliseconds: above the age, one sample of
each span stays."""

MOST_ROWS = 5_000
"""The most rows that are deleted at once; more than one write adds."""

FULL_SHARE = 0.9
_EVENT_BYTES = 100
"""The usual size of an event without its fields, but with its share of the indexes."""

_WORST = f"""CASE
    WHEN verdict = {AHEAD} THEN 1e300
    WHEN verdict = {BEHIND} AND lag_ms IS NULL THEN 1e200
    ELSE coalesce(lag_ms, -1)
END"""
"""Sorts samples, worst first: diverged, behind by unknown seconds, behind, in sync, unknown."""

_ERAS = "SELECT id, begin_ms FROM eras WHERE typeof(begin_ms) = 'integer' ORDER BY id"
_FIRST = """SELECT min((
    SELECT min(after_ms) FROM lag_rows WHERE pair = p.id AND era = :era AND after_ms >= :from
)) FROM pairs p"""
"""The first sample of an era from a time on: an era is read pair by pair, which is fast."""

_OF_ALL_PAIRS = (
    "FROM lag_rows WHERE pair IN (SELECT id FROM pairs) AND era = :era "
    "AND after_ms >= :begin AND after_ms < :end"
)


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
    # Of what is larger: a flood of events deletes no lag samples, nor the reverse.
    are_events = _bytes_of_events(connection) * 2 > (pages - free) * page_bytes
    if are_events or not _delete_oldest_samples(connection):
        connection.execute(
            "DELETE FROM event_rows WHERE id IN (SELECT id FROM event_rows ORDER BY id LIMIT ?)",
            (MOST_ROWS,),
        )


def _bytes_of_events(connection: "sqlite3.Connection") -> float:
    """Estimate the size of all events by that of the last ones."""
    first, last, fields_bytes = connection.execute(
        "SELECT min(id), max(id), (SELECT avg(length(fields)) FROM "
        "(SELECT fields FROM event_rows ORDER BY id DESC LIMIT 200)) FROM event_rows"
    ).fetchone()
    return 0.0 if first is None else (last - first) * (_EVENT_BYTES + fields_bytes)


def _delete_oldest_samples(connection: "sqlite3.Connection") -> bool:
    """Delete at least as many samples as a write adds, of all pairs; return whether there are."""
    if (first := next(_firsts(connection), None)) is None:
        return False
    era, _, begin_ms = first
    deleted, span_ms = 0, HOUR_MS
    # Of an era with fewer rows the rest is deleted with the next write.
    while deleted < MOST_ROWS // 5 and span_ms < 800 * DAY_MS:
        values = {"era": era, "begin": begin_ms, "end": begin_ms + span_ms}
        deleted += connection.execute(f"DELETE {_OF_ALL_PAIRS}", values).rowcount
        begin_ms += span_ms
        span_ms *= 2
    return True


def forget_older(connection: "sqlite3.Connection", before_ms: int) -> None:
    """Delete rows from before a time, but of no more than the oldest day.

    Raises:
        sqlite3.Error: that failed.
    """
    (oldest_ms,) = connection.execute(
        "SELECT min(e.begin_ms + "
        "(SELECT min(after_ms) FROM event_rows WHERE era = e.id)) FROM eras e"
    ).fetchone()
    if oldest_ms is not None:
        connection.execute(
            "DELETE FROM event_rows WHERE id IN (SELECT r.id FROM eras e CROSS JOIN event_rows r "
            "ON r.era = e.id AND r.after_ms < :before - e.begin_ms LIMIT :most)",
            {"before": min(before_ms, oldest_ms + DAY_MS), "most": MOST_ROWS},
        )
    for era, begin_ms, after_ms in _firsts(connection):
        before_ms = min(before_ms, begin_ms + after_ms + DAY_MS)
        if begin_ms + after_ms >= before_ms:
            break
        values = {"era": era, "begin": after_ms, "end": before_ms - begin_ms}
        connection.execute(f"DELETE {_OF_ALL_PAIRS}", values)
    _forget_empty(connection, before_ms)


def _firsts(connection: "sqlite3.Connection") -> Iterator[tuple[int, int, int]]:
    """Yield each era that has samples, when it began, and when its first one follows."""
    for era, begin_ms in connection.execute(_ERAS).fetchall():
        (after_ms,) = connection.execute(_FIRST, {"era": era, "from": 0}).fetchone()
        if after_ms is not None:
            yield era, begin_ms, after_ms


def _forget_empty(connection: "sqlite3.Connection", before_ms: int) -> None:
    """Delete eras and pairs of which nothing is left."""
    connection.execute(
        "DELETE FROM eras WHERE boot > 0 AND begin_ms + last_ms < ? AND id < "
        "(SELECT min(era) FROM (SELECT min(era) AS era FROM event_rows "
        "UNION ALL SELECT min((SELECT min(era) FROM lag_rows WHERE pair = p.id)) FROM pairs p "
        "UNION ALL SELECT min(era) FROM lag_recent))",
        (before_ms,),
    )
    connection.execute("DELETE FROM thinned WHERE era NOT IN (SELECT id FROM eras)")
    connection.execute(
        "DELETE FROM pairs WHERE NOT EXISTS (SELECT 1 FROM lag_rows WHERE pair = pairs.id) "
        "AND id NOT IN (SELECT pair FROM lag_recent)"
    )


def thin(connection: "sqlite3.Connection", now_ms: int) -> bool:
    """Delete all but the worst sample of some spans, in the caller's transaction.

    True: there may be more to be thinned.

    Raises:
        sqlite3.Error: that failed.
    """
    for age_ms, step_ms, at_once_ms in THINNED:
        unfinished = connection.execute(
            "SELECT e.id, e.begin_ms, coalesce(t.until_ms, 0) FROM eras e "
            "LEFT JOIN thinned t ON t.era = e.id AND t.step_ms = ? WHERE e.begin_ms < ? "
            "AND (t.until_ms IS NULL OR e.last_ms IS NULL OR t.until_ms <= e.last_ms)",
            (step_ms, now_ms - age_ms),
        ).fetchall()
        for era, begin_ms, until_ms in unfinished:
            span = _Span(era, begin_ms, step_ms)
            if _thin_to(connection, span, until_ms, now_ms - age_ms, at_once_ms):
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Span:
    era: int
    begin_ms: int
    step_ms: int

    def round_down(self, after_ms: int) -> int:
        """Return the begin of the span of a time; spans begin at round times."""
        return after_ms - (self.begin_ms + after_ms) % self.step_ms


def _thin_to(
    connection: "sqlite3.Connection", span: _Span, until_ms: int, end_ms: int, at_once_ms: int
) -> bool:
    """Thin an era from `until_ms` on, but not what is later than `end_ms`."""
    # Begin at the first sample that is not thinned yet: a clock that was wrong leaves a gap.
    era = {"era": span.era, "from": until_ms}
    (first_ms,) = connection.execute(_FIRST, era).fetchone()
    if first_ms is None:
        return False
    begin_ms = span.round_down(first_ms)
    end_ms = min(span.round_down(end_ms - span.begin_ms), begin_ms + at_once_ms)
    if end_ms <= begin_ms:
        return False
    values = {"era": span.era, "begin": begin_ms, "end": end_ms}
    # SQLite takes the other columns from the row that has the max().
    worst = connection.execute(
        f"SELECT {SAMPLE_COLUMNS}, max({_WORST}) {_OF_ALL_PAIRS} "
        "GROUP BY pair, (:offset + after_ms) / :step",
        {**values, "offset": span.begin_ms, "step": span.step_ms},
    ).fetchall()
    # All are deleted and the worst inserted anew: pages with a few rows each would stay.
    connection.execute(f"DELETE {_OF_ALL_PAIRS}", values)
    connection.executemany(
        f"INSERT INTO lag_rows ({SAMPLE_COLUMNS}) VALUES ({SAMPLE_MARKS})",
        (row[:-1] for row in worst),
    )
    connection.execute(
        "INSERT OR REPLACE INTO thinned VALUES (?, ?, ?)", (span.era, span.step_ms, end_ms)
    )
    return True
