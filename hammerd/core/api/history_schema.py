"""What the history holds: the tables of history.db, their rows, and what is made of lag samples.

    events   what the log tells, of pairs and of hammerd itself (no pair)
    lag      each sample of each pair; what is older is thinned to the worst of a span

Times are whole milliseconds of Unix time, by the wall clock as it was: only ids tell the order.
TIDs are hex text, as hammer prints them. The schema's version is the file's `user_version`; who
meets a newer one leaves the file alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

APPLICATION_ID = 0x686D7264
"""`hmrd`, in the file's head: says that it is ours."""

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
    # How far the lag is thinned to one row in so many milliseconds.
    "CREATE TABLE thinned (step_ms INTEGER PRIMARY KEY, until_ms INTEGER NOT NULL)",
    "CREATE INDEX events_by_time ON events (time_ms)",
    "CREATE INDEX lag_by_time ON lag (time_ms)",
)


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that the log told; `pair` is None for hammerd itself, `fields` is JSON."""

    time_ms: int
    pair: str | None
    event: str
    level: str
    fields: str


@dataclass(frozen=True, slots=True)
class LagRow:
    """One sample of a pair; None is unknown, `seconds` counts at the moment of the sample."""

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
    """Some samples in short: seconds of those that knew them, and how many did not.

    `max_ms` is when the greatest lag was sampled. All but the counts are None when no sample knew.
    """

    samples: int
    unknown: int
    min_s: float | None = None
    median_s: float | None = None
    max_s: float | None = None
    max_ms: int | None = None


LagPoint = tuple[float | None, int]
"""The seconds of a sample, None when it did not know them, and its time in milliseconds."""


def summary_of(samples: Iterable[LagPoint]) -> LagSummary:
    """Return the least, the median and the greatest lag of some samples."""
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
