"""Defines the tables of history.db and their rows, and summarizes lag samples.

    eras         times without a step of the wall clock; each row is dated within its era
    pairs        the names of pairs that have samples
    event_rows   log events of pairs, and of hammerd itself (no pair)
    lag_recent   the last samples, in the order in which they were taken
    lag_rows     older samples, by pair; with their age they are thinned to the worst of a span
    thinned      up to where the samples of an era are thinned

The views `events` and `lag` show the rows with their times, in whole milliseconds of Unix time:
the begin of their era, which is corrected once the wall clock turns out to have been wrong
(core/history/eras.py), and the time after it. Version 1 had tables with these names and columns.
Its rows, and others with a time of their own, are of era 0, which begins at 0.

The schema's version is the file's `user_version`; a program that finds a newer one leaves the file
alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, isfinite

APPLICATION_ID = 0x686D7264
"""`hmrd`, in the file's header: the file is a history of hammerd."""

SCHEMA_VERSION = 2

VERDICTS = ("in_sync", "behind", "unknown", "ahead")
"""Verdicts by their numbers in the file: never to be changed."""

IN_SYNC, BEHIND, UNKNOWN, AHEAD = range(4)

ABSOLUTE_ERA = 0

MOST_INTEGER = (1 << 63) - 1
"""The largest integer of SQLite."""

_SAMPLE_COLUMNS = """
        pair INTEGER NOT NULL,
        era INTEGER NOT NULL,
        after_ms INTEGER NOT NULL,
        verdict INTEGER NOT NULL,
        lag_ms INTEGER,
        tids INTEGER,
        master_tid INTEGER,
        slave_tid INTEGER,
        safe_s INTEGER,
        durable_s INTEGER"""
SAMPLE_COLUMNS = (
    "pair, era, after_ms, verdict, lag_ms, tids, master_tid, slave_tid, safe_s, durable_s"
)
SAMPLE_MARKS = ", ".join("?" * len(SAMPLE_COLUMNS.split(", ")))
TABLES = (
    """CREATE TABLE eras (
        id INTEGER PRIMARY KEY,
        begin_ms INTEGER NOT NULL,
        boot INTEGER NOT NULL,
        boot_s REAL,
        wall_ms INTEGER NOT NULL,
        mono_ms INTEGER NOT NULL,
        last_ms INTEGER
    )""",
    f"INSERT INTO eras VALUES ({ABSOLUTE_ERA}, 0, 0, NULL, 0, 0, NULL)",
    "CREATE TABLE pairs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE event_rows (
        id INTEGER PRIMARY KEY,
        era INTEGER NOT NULL,
        after_ms INTEGER NOT NULL,
        pair TEXT,
        event TEXT NOT NULL,
        level TEXT NOT NULL,
        fields TEXT NOT NULL
    )""",
    "CREATE INDEX event_rows_by_time ON event_rows (era, after_ms)",
    "CREATE INDEX event_rows_by_pair ON event_rows (pair)",
    "CREATE INDEX event_rows_by_level ON event_rows (level)",
    f"CREATE TABLE lag_recent (id INTEGER PRIMARY KEY, {_SAMPLE_COLUMNS})",
    f"""CREATE TABLE lag_rows ({_SAMPLE_COLUMNS},
        PRIMARY KEY (pair, era, after_ms)
    ) WITHOUT ROWID""",
    """CREATE TABLE thinned (
        era INTEGER NOT NULL,
        step_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL,
        PRIMARY KEY (era, step_ms)
    ) WITHOUT ROWID""",
)

EVENTS_VIEW = """
    SELECT r.id, e.begin_ms + r.after_ms AS time_ms, r.pair, r.event, r.level, r.fields
    FROM event_rows r JOIN eras e ON e.id = r.era"""

_TID = "CASE WHEN {0} IS NOT NULL THEN printf('0x%016x', {0}) END"
_VERDICT = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(VERDICTS))
SLAVE_TID = "coalesce(r.slave_tid, r.master_tid - r.tids)"
_LAG_COLUMNS = f"""e.begin_ms + r.after_ms AS time_ms, p.name AS pair,
        CASE r.verdict {_VERDICT} END AS verdict, r.tids, r.lag_ms / 1000.0 AS seconds,
        {_TID.format("r.master_tid")} AS master_tid, {_TID.format(SLAVE_TID)} AS slave_tid"""
LAG_VIEW = " UNION ALL ".join(
    f"""
    SELECT {_LAG_COLUMNS}
    FROM {table} r JOIN eras e ON e.id = r.era JOIN pairs p ON p.id = r.pair"""
    for table in ("lag_rows", "lag_recent")
)


def views(*, is_migrating: bool) -> tuple[str, ...]:
    """Return the statements that make the views; `is_migrating`: with rows of version 1."""
    old_events, old_lag = (
        (
            f" UNION ALL SELECT {EVENT_COLUMNS_WITH_ID} FROM old_events",
            f" UNION ALL SELECT {LAG_COLUMNS} FROM old_lag",
        )
        if is_migrating
        else ("", "")
    )
    return (
        "DROP VIEW IF EXISTS events",
        "DROP VIEW IF EXISTS lag",
        f"CREATE VIEW events AS {EVENTS_VIEW}{old_events}",
        f"CREATE VIEW lag AS {LAG_VIEW}{old_lag}",
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
    """A sample of a pair; None is unknown, `seconds` is the lag at the moment of the sample.

    `safe_s`, `durable_s`: the ages of the moments up to which everything that the master had
    flushed was on the slave, and on its disk.
    """

    time_ms: int
    pair: str
    verdict: str
    tids: int | None
    seconds: float | None
    master_tid: str | None
    slave_tid: str | None
    safe_s: float | None = None
    durable_s: float | None = None


EVENT_COLUMNS = "time_ms, pair, event, level, fields"
EVENT_COLUMNS_WITH_ID = f"id, {EVENT_COLUMNS}"
LAG_COLUMNS = "time_ms, pair, verdict, tids, seconds, master_tid, slave_tid"
"""The columns of both views in the order of the rows' fields."""

SANE_EVENT = (
    "typeof(time_ms) = 'integer' AND typeof(pair) IN ('text', 'null') "
    "AND typeof(event) = 'text' AND typeof(level) = 'text' AND typeof(fields) = 'text'"
)
SANE_LAG = (
    "typeof(time_ms) = 'integer' AND typeof(pair) = 'text' AND typeof(verdict) = 'text' "
    "AND typeof(tids) IN ('integer', 'null') AND ifnull(abs(seconds) < 1e12, 1) "
    "AND typeof(seconds) IN ('real', 'null') AND typeof(master_tid) IN ('text', 'null') "
    "AND typeof(slave_tid) IN ('text', 'null')"
)
"""Conditions for an undamaged row of a view; SQLite itself accepts any value in any column."""

SampleValues = tuple[int, int | None, int | None, int | None, int | None, int | None, int | None]
"""The columns of a sample from `verdict` on."""


def sample_values(row: LagRow) -> SampleValues:
    """Return the columns of a sample.

    The slave's TID is left out where it follows from the master's. The ages of what is safe are
    rounded up to whole seconds, which promises no more than was proven.
    """
    is_known = row.seconds is not None and isfinite(row.seconds)
    lag_ms = round((row.seconds or 0.0) * 1_000) if is_known else None
    verdict = VERDICTS.index(row.verdict) if row.verdict in VERDICTS else UNKNOWN
    master, slave = _signed(row.master_tid), _signed(row.slave_tid)
    if None not in (master, slave, row.tids) and (master or 0) - (row.tids or 0) == slave:
        slave = None
    return verdict, lag_ms, row.tids, master, slave, _whole(row.safe_s), _whole(row.durable_s)


def sample_row(pair: str, time_ms: int, values: SampleValues) -> LagRow:
    """Return the row of a sample from its columns."""
    verdict, lag_ms, tids, master, slave, safe_s, durable_s = values
    if slave is None and master is not None and tids is not None:
        slave = master - tids
    seconds = None if lag_ms is None else lag_ms / 1_000
    name = verdict_word(verdict)
    tid_texts = (_text(master), _text(slave))
    return LagRow(time_ms, pair, name, tids, seconds, *tid_texts, safe_s, durable_s)


def verdict_word(number: int) -> str:
    """Return a verdict by its number in the file; one that is damaged is unknown."""
    return VERDICTS[number if 0 <= number < len(VERDICTS) else UNKNOWN]


def _signed(tid: str | None) -> int | None:
    """Return a TID as SQLite stores it: its integers have 64 bits and a sign."""
    try:
        number = int(tid or "", 16)
    except ValueError:
        return None
    return number - (1 << 64) if number >> 63 == 1 else number if number >> 63 == 0 else None


def _whole(seconds: float | None) -> int | None:
    """Return an age in whole seconds, rounded up; None if it is none."""
    if seconds is None or not isfinite(seconds):
        return None
    return max(0, min(ceil(seconds), MOST_INTEGER))


def _text(tid: int | None) -> str | None:
    return None if tid is None else f"0x{tid & (1 << 64) - 1:016x}"


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
