"""Converts a history of version 1, in steps that each are one transaction.

    version 1 ── tables renamed to old_lag and old_events ── rows moved ── old tables dropped

From the first step on the file is of version 2, and new rows are added. The views show the rows of
the old tables too, until the last one is moved. A kill between two steps loses nothing: the next
daemon goes on. The latest rows are moved first, so that ids of events keep growing.
"""

from typing import TYPE_CHECKING

from hammerd.core.api import history_schema
from hammerd.core.api.history_schema import (
    ABSOLUTE_ERA,
    MOST_INTEGER,
    SAMPLE_COLUMNS,
    SAMPLE_MARKS,
    LagRow,
    sample_values,
)
from hammerd.daemon.history.rows import pair_ids

if TYPE_CHECKING:
    import sqlite3

MOST_AT_ONCE = 500
"""The most rows of one step: the log waits meanwhile, and all else nearly so."""

MOST_MOVED_MS = 100
"""The most by which a sample is moved later whose time is taken: many of one time are damage."""


def begin_migration(connection: "sqlite3.Connection") -> None:
    """Make the tables of this version beside those of version 1, in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    # In a damaged row a time may be a text, which SQLite takes for greater than all numbers.
    last_ms = max(
        connection.execute(
            f"SELECT ifnull(max(time_ms), 0) FROM {table} WHERE typeof(time_ms) = 'integer'"
        ).fetchone()[0]
        for table in ("lag", "events")
    )
    for table in ("lag", "events", "thinned"):
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in (*history_schema.TABLES, *history_schema.views(is_migrating=True)):
        connection.execute(statement)
    connection.execute("UPDATE eras SET last_ms = ? WHERE id = ?", (last_ms, ABSOLUTE_ERA))
    connection.execute(
        f"INSERT INTO thinned SELECT {ABSOLUTE_ERA}, step_ms, until_ms FROM old_thinned"
    )
    connection.execute("DROP TABLE old_thinned")
    # Now, so that new events get greater ids.
    _move_events(connection)
    connection.execute(f"PRAGMA user_version = {history_schema.SCHEMA_VERSION}")


def is_migrating(connection: "sqlite3.Connection") -> bool:
    """Return whether rows of version 1 remain.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'old_lag'"
    return connection.execute(query).fetchone() is not None


def migrate(connection: "sqlite3.Connection") -> None:
    """Move some rows of version 1, or end the migration, in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    if _move_events(connection) or _move_samples(connection):
        return
    connection.execute("DROP TABLE old_events")
    connection.execute("DROP TABLE old_lag")
    for statement in history_schema.views(is_migrating=False):
        connection.execute(statement)


def _move_events(connection: "sqlite3.Connection") -> bool:
    first = _first(connection, "old_events")
    if first is None:
        return False
    connection.execute(
        "INSERT INTO event_rows (id, era, after_ms, pair, event, level, fields) "
        f"SELECT id, {ABSOLUTE_ERA}, time_ms, pair, event, level, fields FROM old_events "
        f"WHERE id >= ? AND {history_schema.SANE_EVENT}",
        (first,),
    )
    connection.execute("DELETE FROM old_events WHERE id >= ?", (first,))
    return True


def _move_samples(connection: "sqlite3.Connection") -> bool:
    first = _first(connection, "old_lag")
    if first is None:
        return False
    rows = [
        LagRow(*row)
        for row in connection.execute(
            f"SELECT {history_schema.LAG_COLUMNS} FROM old_lag "
            f"WHERE id >= ? AND {history_schema.SANE_LAG} ORDER BY pair, time_ms, id",
            (first,),
        )
    ]
    connection.execute("DELETE FROM old_lag WHERE id >= ?", (first,))
    ids = pair_ids(connection, {row.pair for row in rows})
    for row in rows:
        _insert_sample(connection, ids[row.pair], row)
    return True


def _insert_sample(connection: "sqlite3.Connection", pair: int, row: LagRow) -> None:
    """Insert a sample at its time, or soon after if the pair has a sample of that time."""
    values = sample_values(row)
    statement = f"INSERT OR IGNORE INTO lag_rows ({SAMPLE_COLUMNS}) VALUES ({SAMPLE_MARKS})"
    for after_ms in range(row.time_ms, min(row.time_ms + MOST_MOVED_MS, MOST_INTEGER) + 1):
        if connection.execute(statement, (pair, ABSOLUTE_ERA, after_ms, *values)).rowcount:
            return


def _first(connection: "sqlite3.Connection", table: str) -> int | None:
    """Return the id from which on rows are moved next; None if the table is empty."""
    (last,) = connection.execute(f"SELECT max(id) FROM {table}").fetchone()
    return None if last is None else max(last - MOST_AT_ONCE + 1, -MOST_INTEGER - 1)
