"""Adds rows to the history, and moves samples to where they are read fast.

    new samples ── lag_recent, by time ── once an hour, or when they are many ── lag_rows, by pair

A round of samples has one row of each pair. In `lag_rows` each of them is on a page of its own, so
each round would write as many pages as there are pairs; an hour of a pair's samples is about one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerd.core.api import history_schema
from hammerd.core.api.history_schema import SAMPLE_COLUMNS, SAMPLE_MARKS, EventRow, LagRow
from hammerd.daemon.history.eras import Correction, EraStart, era_id

if TYPE_CHECKING:
    import sqlite3

MOST_RECENT = 40_000
"""The most samples that are kept by time: a query for one pair reads all of them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of rows to add: their times count from the begin of `era`, or are absolute."""

    events: Sequence[EventRow] = ()
    samples: Sequence[LagRow] = ()
    era: EraStart | None = None


def insert(connection: "sqlite3.Connection", rows: Rows) -> Sequence[Correction]:
    """Add rows in the caller's transaction; return the corrections that a new era leads to.

    Raises:
        sqlite3.Error: that failed.
    """
    era: int = history_schema.ABSOLUTE_ERA
    corrections: Sequence[Correction] = ()
    if rows.era is not None:
        era, corrections = era_id(connection, rows.era)
    connection.executemany(
        "INSERT INTO event_rows (era, after_ms, pair, event, level, fields) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        ((era, row.time_ms, row.pair, row.event, row.level, row.fields) for row in rows.events),
    )
    ids = pair_ids(connection, {row.pair for row in rows.samples})
    connection.executemany(
        f"INSERT INTO lag_recent ({SAMPLE_COLUMNS}) VALUES ({SAMPLE_MARKS})",
        (
            (ids[row.pair], era, row.time_ms, *history_schema.sample_values(row))
            for row in rows.samples
        ),
    )
    first, last = connection.execute("SELECT min(id), max(id) FROM lag_recent").fetchone()
    if first is not None and last - first >= MOST_RECENT:
        settle(connection)
    return corrections


def settle(connection: "sqlite3.Connection") -> None:
    """Move all recent samples to their pairs, in the caller's transaction.

    Raises:
        sqlite3.Error: that failed.
    """
    connection.execute(
        f"INSERT OR REPLACE INTO lag_rows ({SAMPLE_COLUMNS}) SELECT {SAMPLE_COLUMNS} "
        "FROM lag_recent ORDER BY pair, era, after_ms, id"
    )
    connection.execute("DELETE FROM lag_recent")


def pair_ids(connection: "sqlite3.Connection", names: set[str]) -> dict[str, int]:
    """Return the ids of pairs by their names; new names get one.

    Raises:
        sqlite3.Error: that failed.
    """
    if not names:
        return {}
    connection.executemany(
        "INSERT OR IGNORE INTO pairs (name) VALUES (?)", ((name,) for name in sorted(names))
    )
    return dict(connection.execute("SELECT name, id FROM pairs"))
