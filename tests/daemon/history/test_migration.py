"""A history of version 1 loses nothing when it is converted, whenever that is interrupted."""

import asyncio
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NoReturn

import pytest

from hammerd.cli.history import queries
from hammerd.core.api.history_schema import SCHEMA_VERSION, EventRow, LagRow
from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.history import migration
from hammerd.daemon.history.database import HistoryFile
from hammerd.daemon.history.recorder import History
from hammerd.daemon.history.rows import Rows
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock
from tests.paths import DATA
from tests.waiting import DEADLINE_S

VERSION_1 = DATA / "history/version-1.db"
"""Written by hammerd before version 2: two pairs, thinned and other samples, a step of the clock
and TIDs with all 64 bits."""

OLD_TABLES = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'old%'"

Content = tuple[object, ...]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "history.db"
    shutil.copyfile(VERSION_1, path)
    return path


def content(path: Path) -> Content:
    """Return all that the readers tell of a history."""

    def read(opened: sqlite3.Connection) -> Content:
        every = (0, 1 << 62)
        return (
            queries.events_of(opened, (), 0),
            queries.events_of(opened, ("web",), 1_790_000_900_000),
            queries.samples_of(opened, (), *every),
            queries.samples_of(opened, ("home",), 1_790_001_000_000, 1_790_002_000_000),
            queries.summaries_of(opened, (), *every),
            queries.last_samples(opened, ()),
            queries.last_samples(opened, ("web",)),
            queries.thinned_steps(opened),
            queries.known_pairs(opened),
        )

    return queries.read_history(str(path), read)


def number(path: Path, query: str) -> int:
    with closing(sqlite3.connect(path)) as opened:
        return int(opened.execute(query).fetchone()[0])


def test_version_1_is_read_as_it_is(path: Path) -> None:
    events, _, samples, _, summaries, last, *_ = content(path)

    assert (len(events), len(samples)) == (32, 150)
    assert set(summaries) == {"home", "web"}
    assert [row.verdict for row in last] == ["in_sync", "ahead"]
    assert number(path, "PRAGMA user_version") == 1


@pytest.mark.parametrize("at_once", [3_000, 7])
def test_nothing_is_lost_at_any_step(
    path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "MOST_AT_ONCE", at_once)
    before = content(path)
    file = HistoryFile(path, None)
    steps = 0

    file.change(lambda _connection: None)
    assert content(path) == before
    while file.has_old_rows:
        file.change(migration.migrate)
        # A new daemon goes on where the one before ended.
        file = HistoryFile(path, None)
        file.change(lambda _connection: None)
        steps += 1
        assert content(path) == before

    assert steps >= 150 // at_once
    assert number(path, "PRAGMA user_version") == SCHEMA_VERSION
    assert number(path, OLD_TABLES) == 0
    assert number(path, "SELECT count(*) FROM lag_rows") == 150


def test_new_rows_follow_the_old_ones_meanwhile(path: Path) -> None:
    file = HistoryFile(path, None)
    event = EventRow(1_800_000_000_000, "home", "pair.new", "info", "{}")
    sample = LagRow(1_800_000_000_000, "new", "behind", 1, 5.0, None, None)

    file.write(Rows((event,), (sample,)))

    events, _, samples, *_ = content(path)
    assert (len(events), len(samples)) == (33, 151)
    assert events[-1] == (33, event)
    assert samples[-1] == sample


LAST = (1 << 63) - 1
LAG = "INSERT INTO lag (id, time_ms, pair, verdict, seconds) "
EVENT = "INSERT INTO events (id, time_ms, pair, event, level, fields) "


@pytest.mark.parametrize(
    "damage",
    [
        f"{LAG} VALUES (900, 'noon', 'home', 'behind', 1.0)",
        f"{LAG} VALUES (900, 5, 'home', CAST(x'ff41' AS TEXT), 1.0)",
        f"{LAG} VALUES (900, {LAST}, 'home', 'behind', 1.0), (901, {LAST}, 'home', 'behind', 1.0)",
        f"{LAG} VALUES ({-LAST - 1}, 5, 'home', 'behind', 1.0)",
        f"{LAG} SELECT id + 900, 5, pair, verdict, seconds FROM lag",
        f"{EVENT} VALUES (900, x'00', 'home', 'pair.x', 'info', '{{}}')",
        f"{EVENT} VALUES ({-LAST - 1}, 5, 'home', 'pair.x', 'info', '{{}}')",
    ],
)
def test_damaged_rows_do_not_keep_the_others_from_being_moved(path: Path, damage: str) -> None:
    with closing(sqlite3.connect(path)) as opened:
        opened.execute(damage)
        opened.commit()
    file = HistoryFile(path, None)

    file.write(Rows())
    steps = 0
    while file.has_old_rows and steps < 10:
        file.change(migration.migrate)
        file.change(lambda _connection: None)
        steps += 1

    assert number(path, OLD_TABLES) == 0
    assert number(path, "SELECT count(*) FROM lag_rows") >= 150
    assert number(path, "SELECT count(*) FROM event_rows") >= 32


def test_a_kill_at_any_moment_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "MOST_AT_ONCE", 3)
    before = content(path)
    moments = Random(7)
    kills = 0

    while number(path, "PRAGMA user_version") == 1 or number(path, OLD_TABLES):
        pid = os.fork()
        if pid == 0:
            _migrate_and_exit(path)
        time.sleep(moments.uniform(0, 0.02 + 0.005 * kills))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        kills += os.WIFSIGNALED(status)

        assert content(path) == before

    assert kills > 3


def test_the_loop_has_a_turn_between_two_steps(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "MOST_AT_ONCE", 3)

    async def main() -> None:
        writer = WriterThread()
        settings = DaemonConfig(state_dir=str(path.parent))
        history = History(settings, Clock(asyncio.get_running_loop().time), writer)
        history.record_event("info", {"event": "daemon.started"})
        while number(path, "PRAGMA user_version") != SCHEMA_VERSION:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)
        # The loop has no turn while the thread does all that is queued.
        assert writer.close(DEADLINE_S)

    asyncio.run(main())
    assert number(path, OLD_TABLES) > 0


def test_a_short_lock_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    HistoryFile(path, None).write(Rows())

    async def main() -> None:
        writer = WriterThread()
        # No time passes, so the lock is short.
        history = History(DaemonConfig(state_dir=str(tmp_path)), Clock(lambda: 100.0), writer)
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            history.record_event("info", {"event": "daemon.started"})
            while history._timer.at is None or history._written_at < 0:
                assert history.describe()["history_unwritten_because"] is None
                await asyncio.sleep(0.01)
        while number(path, "SELECT count(*) FROM events") == 0:  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.01)
        writer.close(DEADLINE_S)

    asyncio.run(main())


def _migrate_and_exit(path: Path) -> NoReturn:
    """Migrate in a child process, which ends without Python's cleanup."""
    try:
        file = HistoryFile(path, None)
        file.change(lambda _connection: None)
        while file.has_old_rows:
            file.change(migration.migrate)
    finally:
        os._exit(0)
