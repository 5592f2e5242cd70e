"""Damaged samples are left out of what is read, and hide no others."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hammerd.cli.history import queries
from hammerd.core.api.history_schema import LagRow
from hammerd.daemon.history.database import HistoryFile, Rows

LEAST, MOST = -(1 << 63), (1 << 63) - 1
SAMPLE = LagRow(1_800_000_000_000, "home", "behind", 1, 5.0, None, None)


@pytest.mark.parametrize("column", ["lag_ms", "safe_s", "durable_s"])
@pytest.mark.parametrize("value", [LEAST, MOST, "text", b"blob", 1e300])
def test_a_damaged_sample_hides_no_other(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "history.db"
    HistoryFile(path, None).write(Rows(samples=(SAMPLE,)))
    with closing(sqlite3.connect(path)) as opened, opened:
        statement = f"INSERT INTO lag_recent (pair, era, after_ms, verdict, {column})"
        opened.execute(f"{statement} VALUES (1, 0, {SAMPLE.time_ms + 1}, 1, ?)", (value,))

    def read(opened: sqlite3.Connection) -> tuple[object, object]:
        every = (0, 1 << 60)
        return queries.samples_of(opened, (), *every), queries.last_samples(opened, ())

    assert queries.read_history(str(path), read) == ([SAMPLE], [SAMPLE])
