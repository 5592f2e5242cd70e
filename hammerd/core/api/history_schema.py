"""Defines the tables of history.db and their rows, and summarizes lag samples.

    events   log events of pairs, and of hammerd itself (no pair)
    lag      each sample of each pair; old samples are thinned to the worst of a span

Times are whole milliseconds of Unix time, by the wall clock as it was: only ids give the order.
TIDs are hex text, as hammer prints them. The schema's version is the file's `user_version`; a
program that finds a newer one leaves the file alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

APPLICATION_ID = 0x686D7264
"""`hmrd`, in the file's header: the file is a history of hammerd."""

SCHEMA_VERSION = 1
SCHEMA = (
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL,
        pair TEXT,
        event TEXT NOT NULL,
        level TEXT NOT NULL,
        fields TEXT NOT NULL
    )""",
    """CREATE TABLE lag (
        id INTEGER PRIMARY KEY,
        time_ms INTEGER NOT NULL,
        pair TEXT NOT NULL,
        verdict TEXT NOT NULL,
        tids INTEGER,
        seconds REAL,
        master_tid TEXT,
        slave_tid TEXT
    )""",
    # Lag samples before until_ms are thinned to one row in step_ms milliseconds.
    "CREATE TABLE thinned (step_ms INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL)",
    "CREATE INDEX events_by_time ON events (time_ms)",
    "CREATE INDEX lag_by_time ON lag (time_ms)",
)


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the log; `pair` is None for hammerd itself, `fields` is JSON."""

    time_ms: int
    pair: str | None
    event: str
    level: str
    fields: str


@dataclass(frozen=True, slots=True)
class LagRow:
    """A sample of a pair; None is unknown, `seconds` is the lag at the moment of the sample."""

    time_ms: int
    pair: str
    verdict: str
    tids: int | None
    seconds: float | None
    master_tid: str | None
    slave_tid: str | None


EVENT_COLUMNS = "time_ms, pair, event, level, fields"
LAG_COLUMNS = "time_ms, pair, verdict, tids, seconds, master_tid, slave_tid"
"""The columns of both tables in the order of the rows' fields."""


@dataclass(frozen=True, slots=True)
class LagSummary:
    """A summary of samples: the lags in seconds, and the number of samples with unknown lag.

    `max_ms` is the time of the greatest lag. All but the counts are None if no lag was known.
    """

    samples: int
    unknown: int
    min_s: float | None = None
    median_s: float | None = None
    max_s: float | None = None
    max_ms: int | None = None


LagPoint = tuple[float | None, int]
"""The lag of a sample in seconds, None if unknown, and its time in milliseconds."""


def summary_of(samples: Iterable[LagPoint]) -> LagSummary:
    """Return the least, the median and the greatest lag of samples."""
    every = tuple(samples)
    known = sorted((seconds, time_ms) for seconds, time_ms in every if seconds is not None)
    unknown = len(every) - len(known)
    if not known:
        return LagSummary(len(every), unknown)
    middle, (max_s, max_ms) = len(known) // 2, known[-1]
    median_s = known[middle][0]
    if len(known) % 2 == 0:
        median_s = (median_s + known[middle - 1][0]) / 2
    return LagSummary(len(every), unknown, known[0][0], median_s, max_s, max_ms)
