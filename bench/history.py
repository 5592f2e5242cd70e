"""Measures what the history costs: processor time, bytes, and the time of `hammerd lag`.

Samples are those of the default interval, in batches as the daemon writes them, on a clock that is
advanced as fast as they are written. The peer of the writes is a plain table of SQLite with the
same values and one transaction a batch; that of `hammerd lag` is a Python that only fetches the
rows.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.supervised import HAMMERD
from bench.tables import print_table, seconds_of
from hammerd.core import paths
from hammerd.core.api.history_schema import (
    SAMPLE_COLUMNS,
    SAMPLE_MARKS,
    LagRow,
    SampleValues,
    sample_row,
)
from hammerd.core.exit_codes import Exit
from hammerd.daemon.history.database import HistoryFile
from hammerd.daemon.history.eras import EraStart
from hammerd.daemon.history.rows import Rows, pair_ids
from hammerd.daemon.history.upkeep import Upkeep
from hammerd.daemon.timing.clock import Clock, Instant

SIZES = (1, 100, 1000)
INTERVAL_S = 30.0
DAY_S = 86_400.0
WRITTEN_S = DAY_S / 4
MONTH_DAYS = 30
STEP_S = 300.0
"""The span of which a sample older than two days is the worst."""

RUNS = 5
FETCH = (
    "import sqlite3, sys; c = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True);"
    " print(len(c.execute('SELECT time_ms, verdict, seconds FROM lag WHERE pair = ?"
    " AND time_ms > ?', (sys.argv[2], int(sys.argv[3]))).fetchall()))"
)


def run() -> None:
    """Measure the writes of some hours, and the reads of a month."""
    written: list[tuple[str, ...]] = []
    read: list[tuple[str, ...]] = []
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="hb-", dir="/tmp") as directory:
            written.append(_measure_writes(Path(directory), size))
        with tempfile.TemporaryDirectory(prefix="hb-", dir="/tmp") as directory:
            read.append(_measure_month(Path(directory), size))
    write_heads = ("history", "CPU s/min", "of a plain table", "MB/day, all samples", "bytes each")
    print_table("Writes of the history, a sample of each pair every 30 s", write_heads, written)
    read_heads = (
        "30 days, the worst of 5 min",
        "MB/day",
        "bytes each",
        "lag --plot",
        "lag",
        "fetch",
    )
    print_table("`hammerd lag PAIR --since 30d`, processor time (median, worst)", read_heads, read)


# --- writes --------------------------------------------------------------------------------------


class _Advanced(Clock):
    """A clock that shows what it is set to."""

    def __init__(self, began_time: float) -> None:
        self.began_time = began_time
        self.at = 0.0
        super().__init__(lambda: self.at)

    def now(self) -> Instant:
        """Return the present instant."""
        return Instant(self.at, self.began_time + self.at)


def _measure_writes(place: Path, size: int) -> tuple[str, ...]:
    """Write hours of samples; return the row of the table."""
    ours = _cpu_s(lambda: _write_hours(place / "history.db", size))
    plain = _cpu_s(lambda: _write_plain(place / "plain.db", size))
    count = size * WRITTEN_S / INTERVAL_S
    size_bytes = _used_bytes(place / "history.db")
    return (
        _pairs(size),
        f"{ours / (WRITTEN_S / 60):.4f}",
        f"{ours / plain:.1f}",
        f"{size_bytes / 1e6 * DAY_S / WRITTEN_S:.2f}",
        f"{size_bytes / count:.0f}",
    )


def _write_hours(path: Path, size: int) -> None:
    clock = _Advanced(time.time() - WRITTEN_S)
    file, upkeep = HistoryFile(path, None), Upkeep(HistoryFile(path, None), clock)
    era = EraStart(1, round(clock.began_time * 1000), 0)
    for at_s, samples in _rounds(size):
        clock.at = at_s
        file.write(Rows(samples=samples, era=era))
        while upkeep.step(366 * DAY_S):
            pass


def _write_plain(path: Path, size: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE lag (time_ms, pair, verdict, tids, seconds, master_tid, slave_tid,"
            " safe_s, durable_s)"
        )
        connection.execute("CREATE INDEX by_pair ON lag (pair, time_ms)")
        for _, samples in _rounds(size):
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO lag VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_values, samples)
            )
            connection.execute("COMMIT")


def _rounds(size: int) -> Iterator[tuple[float, list[LagRow]]]:
    """Yield the times and the samples of some hours: most pairs in sync, some behind."""
    dice = random.Random(size)
    for number in range(round(WRITTEN_S / INTERVAL_S)):
        at_s = number * INTERVAL_S
        tid = 0x100000000 + number * 3000
        yield at_s, [_sample(dice, f"pair{index}", at_s, tid) for index in range(size)]


def _sample(dice: random.Random, pair: str, at_s: float, tid: int) -> LagRow:
    return sample_row(pair, round(at_s * 1000), _draw(dice, tid))


def _draw(dice: random.Random, tid: int) -> SampleValues:
    """Return the columns of a sample from `verdict` on."""
    if dice.random() < 0.9:
        return 0, dice.randrange(1000), 0, tid, None, dice.randrange(60), dice.randrange(200)
    lag_ms, tids = dice.randrange(90_000), dice.randrange(60_000)
    return 1, lag_ms, tids, tid, None, dice.randrange(60), dice.randrange(200)


def _values(row: LagRow) -> tuple[object, ...]:
    return (
        *(row.time_ms, row.pair, row.verdict, row.tids, row.seconds),
        *(row.master_tid, row.slave_tid, row.safe_s, row.durable_s),
    )


# --- reads ---------------------------------------------------------------------------------------


def _measure_month(place: Path, size: int) -> tuple[str, ...]:
    """Make a month of thinned samples, and read that of one pair; return the row of the table."""
    path, began_time = place / paths.HISTORY_FILE, time.time() - MONTH_DAYS * DAY_S
    _write_month(path, size, round(began_time * 1000))
    config = place / "hammerd.toml"
    config.write_text(
        f'[daemon]\nrun_dir = "{place}/run"\nstate_dir = "{place}"\n'
        '[pairs.pair0]\nmaster = "/no/m"\nslave = "/no/s"\n'
    )
    lag = [*HAMMERD, "lag", "pair0", "--since", "30d", "-c", str(config)]
    fetch = [sys.executable, "-c", FETCH, str(path), "pair0", str(round(began_time * 1000))]
    taken = [[_time(words) for words in ([*lag, "--plot"], lag, fetch)] for _ in range(RUNS)]
    plots, lags, fetches = (list(column) for column in zip(*taken, strict=True))
    size_bytes = _used_bytes(path)
    return (
        _pairs(size),
        f"{size_bytes / 1e6 / MONTH_DAYS:.2f}",
        f"{size_bytes / (size * MONTH_DAYS * DAY_S / STEP_S):.0f}",
        f"{seconds_of(plots)}, {median(plots) / median(fetches):.1f} x",
        f"{seconds_of(lags)}, {median(lags) / median(fetches):.1f} x",
        seconds_of(fetches),
    )


def _write_month(path: Path, size: int, began_ms: int) -> None:
    file = HistoryFile(path, None)
    file.write(Rows(era=EraStart(1, began_ms, 0)))

    def fill(connection: sqlite3.Connection) -> None:
        dice = random.Random(size)
        (era,) = connection.execute("SELECT max(id) FROM eras").fetchone()
        ids = pair_ids(connection, {f"pair{index}" for index in range(size)})
        connection.executemany(
            f"INSERT INTO lag_rows ({SAMPLE_COLUMNS}) VALUES ({SAMPLE_MARKS})",
            (
                (pair, era, round(number * STEP_S * 1000), *_draw(dice, (1 << 32) + number * 3000))
                for pair in sorted(ids.values())
                for number in range(round(MONTH_DAYS * DAY_S / STEP_S))
            ),
        )

    file.change(fill)


def _time(words: list[str]) -> float:
    """Run a command; return its processor time, which a busy machine does not change much."""
    before = sum(os.times()[2:4])
    done = subprocess.run(words, check=False, capture_output=True)
    # No daemon answers, which `lag` tells by its status.
    assert done.stdout, done.stderr
    assert done.returncode in (Exit.OK, Exit.UNAVAILABLE), done.stderr
    return sum(os.times()[2:4]) - before


def _cpu_s(act: Callable[[], None]) -> float:
    before = sum(os.times()[:2])
    act()
    return sum(os.times()[:2]) - before


def _used_bytes(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def _pairs(size: int) -> str:
    return f"{size:,} pair{'' if size == 1 else 's'}"
