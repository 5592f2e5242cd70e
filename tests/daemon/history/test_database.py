"""history.db takes rows all or none, within its bounds, and only into a file of its own."""

import contextlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.cli.history.queries import events_of, read_history
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.history_schema import SCHEMA_VERSION, EventRow, LagRow
from hammerd.daemon.history.backlog import Backlog
from hammerd.daemon.history.database import HistoryFile, HistoryUnwritten, NoSqlite
from hammerd.daemon.history.retention import (
    DAY_MS,
    EVERY_S,
    MOST_ROWS,
    SteadyClock,
    forget_older,
    thin,
)
from hammerd.daemon.history.rows import Rows, settle
from hammerd.daemon.timing.clock import Instant

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000


def event(number: int = 0, time_ms: int = NOW_MS, fields: str = "{}") -> EventRow:
    return EventRow(time_ms, "home", f"pair.{number}", "info", fields)


def sample(
    seconds: float | None, time_ms: int = NOW_MS, pair: str = "home", verdict: str = ""
) -> LagRow:
    tid = "0x0000000100000001"
    verdict = verdict or ("unknown" if seconds is None else "behind")
    return LagRow(time_ms, pair, verdict, 5, seconds, tid, tid)


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def names(path: Path) -> list[object]:
    return [name for (name,) in query(path, "SELECT event FROM events ORDER BY id")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def file(path: Path) -> HistoryFile:
    return HistoryFile(path, None)


@pytest.fixture(autouse=True)
def _no_file_stays_open(path: Path) -> Iterator[None]:
    yield
    fds = Path("/proc/self/fd")
    if fds.is_dir():
        assert [fd for fd in fds.iterdir() if os.path.realpath(fd).startswith(str(path))] == []


def test_rows_are_read_as_they_were_written(file: HistoryFile, path: Path) -> None:
    unknown = LagRow(NOW_MS + 1, "home", "unknown", None, None, None, None)
    assert file.write(Rows((event(1),), (sample(2.5), unknown))) is None
    assert file.write(Rows((event(2, fields='{"hint": "é"}'),))) is None

    assert query(path, "SELECT * FROM events") == [
        (1, NOW_MS, "home", "pair.1", "info", "{}"),
        (2, NOW_MS, "home", "pair.2", "info", '{"hint": "é"}'),
    ]
    tid = "0x0000000100000001"
    assert query(path, "SELECT * FROM lag") == [
        (NOW_MS, "home", "behind", 5, 2.5, tid, tid),
        (NOW_MS + 1, "home", "unknown", None, None, None, None),
    ]
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_only_the_owner_may_read_the_file(file: HistoryFile, path: Path) -> None:
    file.write(Rows((event(),)))

    for each in (path, path.with_name("history.db-journal")):
        assert each.stat().st_mode & 0o777 == 0o600


def test_a_group_may_read_the_file_and_the_journal(path: Path) -> None:
    HistoryFile(path, os.getegid()).write(Rows((event(),)))

    for each in (path, path.with_name("history.db-journal")):
        assert (each.stat().st_mode & 0o777, each.stat().st_gid) == (0o640, os.getegid())


def test_a_changed_mode_stays(path: Path) -> None:
    file = HistoryFile(path, os.getegid())
    file.write(Rows((event(),)))
    path.chmod(0o600)

    file.write(Rows((event(),)))

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_member_of_the_group_reads_the_file_without_write_access() -> None:
    if os.getuid() != 0:
        return
    nobody, group = 65_534, 54_321
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = Path(directory) / "history.db"
        HistoryFile(path, group).write(Rows((event(1),)))

        assert _reads_as(path, nobody, group)
        assert not _reads_as(path, nobody, group + 1)


def _reads_as(path: Path, user: int, group: int) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            found = read_history(str(path), lambda opened: events_of(opened, (), 0))
            os._exit(0 if [one.event for _, one in found] == ["pair.1"] else 1)
        except CommandFailed as error:
            os._exit(int(error.code))
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 77)
    return code == 0


def test_a_newer_version_is_left_alone(file: HistoryFile, path: Path) -> None:
    file.write(Rows((event(1),)))
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(HistoryUnwritten, match="of version 7, and this hammerd knows 2") as caught:
        file.write(Rows((event(2),)))

    assert "newer hammerd" in caught.value.hint
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_left_alone(file: HistoryFile, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()

    with pytest.raises(HistoryUnwritten, match="no history of hammerd"):
        file.write(Rows((event(),)))

    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["garbage", "torn head", "torn page", "cut"])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    file: HistoryFile, path: Path, damage: str
) -> None:
    file.write(Rows(tuple(event(number) for number in range(500))))
    data = bytearray(path.read_bytes())
    match damage:
        case "garbage":
            data[:] = b"no database, " * 1_000
        case "torn head":
            data[:100] = bytes(100)
        case "torn page":
            data[4096:] = b"\xff" * len(data[4096:])
        case _:
            del data[5_000:]
    path.write_bytes(data)

    assert file.write(Rows((event(1),)))

    assert names(path) == ["pair.1"]
    assert path.with_name("history.db.bad").read_bytes() == data
    # On a disk that damages every file, the real history must stay.
    path.write_bytes(b"again " * 1_000)
    with pytest.raises(HistoryUnwritten, match="not a database"):
        file.write(Rows((event(2),)))
    assert path.with_name("history.db.bad").read_bytes() == data


def test_a_symbolic_link_is_not_followed(file: HistoryFile, path: Path) -> None:
    other = path.with_name("other")
    other.write_text("mine")
    path.symlink_to(other)

    with pytest.raises(HistoryUnwritten, match="it is a symbolic link"):
        file.write(Rows((event(),)))

    assert other.read_text() == "mine"


def test_a_journal_that_is_a_symbolic_link_is_not_written_through(
    file: HistoryFile, path: Path
) -> None:
    file.write(Rows((event(1),)))
    other, journal = path.with_name("other"), path.with_name("history.db-journal")
    other.write_text("mine")
    journal.unlink()
    journal.symlink_to(other)

    with contextlib.suppress(HistoryUnwritten):
        file.write(Rows((event(2),)))

    assert other.read_text() == "mine"


def test_a_fifo_is_not_waited_for(file: HistoryFile, path: Path) -> None:
    os.mkfifo(path)

    with pytest.raises(HistoryUnwritten, match="it is not a file"):
        file.write(Rows((event(),)))


def test_a_lock_fails_the_write_and_loses_no_row(file: HistoryFile, path: Path) -> None:
    file.write(Rows((event(1),)))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN EXCLUSIVE")

    with pytest.raises(HistoryUnwritten, match=r"history\.db: database is locked"):
        file.write(Rows((event(2),)))
    reader.close()
    file.write(Rows((event(2),)))

    assert names(path) == ["pair.1", "pair.2"]


def test_a_write_that_a_reader_blocks_leaves_no_row(file: HistoryFile, path: Path) -> None:
    file.write(Rows((event(1),)))
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM events").fetchone()

    with pytest.raises(HistoryUnwritten, match="locked"):
        file.write(Rows((event(2),), (sample(1.0),)))
    reader.close()

    assert names(path) == ["pair.1"]
    assert query(path, "SELECT count(*) FROM lag") == [(0,)]


def test_a_python_without_sqlite_is_an_error_of_its_own(
    file: HistoryFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)

    with pytest.raises(NoSqlite) as caught:
        file.write(Rows((event(),)))

    assert "-sqlite3" in caught.value.hint
    assert not path.exists()


def test_the_file_never_exceeds_its_bound_and_keeps_the_newest_rows(path: Path) -> None:
    most_bytes = 4 << 20
    file = HistoryFile(path, None, most_bytes)
    text = '{"text": "' + "x" * 1_000 + '"}'
    file.write(Rows((), tuple(sample(1.0, time_ms) for time_ms in range(1_000))))
    file.change(settle)

    for first in range(0, 15_000, 250):
        numbers = range(first, first + 250)
        file.write(Rows(tuple(event(number, fields=text) for number in numbers)))
        assert path.stat().st_size <= most_bytes

    events = names(path)
    assert events[-1] == "pair.14999"
    assert 500 < len(events) < 4_000
    # A flood of events deletes no samples.
    assert query(path, "SELECT count(*) FROM lag") == [(1_000,)]


def test_of_too_many_samples_the_oldest_of_all_pairs_are_deleted(path: Path) -> None:
    file = HistoryFile(path, None, 1 << 19)
    file.write(Rows(tuple(event(number) for number in range(100))))

    for first in range(0, 12_000, 500):
        times = range(NOW_MS + first * 60_000, NOW_MS + (first + 500) * 60_000, 60_000)
        file.write(Rows((), [sample(1.0, time_ms, pair) for time_ms in times for pair in "ab"]))
        file.change(settle)
        assert path.stat().st_size <= 1 << 19

    left = query(path, "SELECT pair, min(time_ms), max(time_ms), count(*) FROM lag GROUP BY pair")
    (_, begin_ms, last_ms, count), other = left
    assert other[1:] == left[0][1:]
    assert last_ms == NOW_MS + 11_999 * 60_000
    assert (int(str(last_ms)) - int(str(begin_ms))) // 60_000 == int(str(count)) - 1
    assert 2_000 < int(str(count)) < 8_000
    assert len(names(path)) == 100


def test_of_a_batch_that_does_not_fit_no_row_is_written(path: Path) -> None:
    file = HistoryFile(path, None, 64 << 10)
    text = '{"text": "' + "x" * 2_000 + '"}'

    with pytest.raises(HistoryUnwritten, match="full"):
        file.write(Rows(tuple(event(number, fields=text) for number in range(1_000))))

    file.write(Rows((event(1),)))
    assert names(path) == ["pair.1"]


def test_a_backlog_is_bounded_and_drops_samples_first() -> None:
    backlog = Backlog(most=4)
    for number in range(3):
        backlog.put(sample(float(number)))
    for number in range(3):
        backlog.put(event(number))

    rows = backlog.take()
    assert rows
    assert [row.event for row in rows.events] == ["pair.0", "pair.1", "pair.2"]
    assert [row.seconds for row in rows.samples] == [2.0]
    assert backlog.lost == 2

    backlog.put(event(3))
    backlog.put_back(rows)
    assert [row.event for row in backlog.take().events] == [
        f"pair.{number}" for number in range(4)
    ]
    assert backlog.lost == 3


# --- age ---------------------------------------------------------------------------------------


def thin_all(file: HistoryFile, now_ms: int) -> int:
    """Thin as the hours do, after the samples came to their pairs; return the number of steps."""
    file.change(settle)
    steps = 0
    while file.change(lambda connection: thin(connection, now_ms)):
        steps += 1
    return steps


def left_of(path: Path, columns: str = "seconds") -> list[tuple[object, ...]]:
    return query(path, f"SELECT {columns} FROM lag ORDER BY pair, time_ms, seconds")


def test_no_more_than_the_oldest_day_is_deleted_at_once(file: HistoryFile, path: Path) -> None:
    times = [NOW_MS - days * DAY_MS for days in (10, 9, 2, 0)]
    file.write(
        Rows(
            tuple(event(number, time_ms) for number, time_ms in enumerate(times)),
            tuple(sample(float(number), time_ms) for number, time_ms in enumerate(times)),
        )
    )
    file.change(settle)
    for left in (3, 2, 1, 1):
        file.change(lambda connection: forget_older(connection, NOW_MS - DAY_MS))

        assert names(path) == [f"pair.{number}" for number in range(4)][-left:]
        assert left_of(path) == [(float(number),) for number in range(4)][-left:]


def test_the_events_of_a_flood_are_deleted_in_chunks(file: HistoryFile, path: Path) -> None:
    flood = tuple(event(number, NOW_MS - 10 * DAY_MS) for number in range(MOST_ROWS + 10))
    file.write(Rows((*flood, event(-1))))

    file.change(lambda connection: forget_older(connection, NOW_MS - DAY_MS))

    assert len(names(path)) == 11


def test_a_pair_of_which_nothing_is_left_is_forgotten(file: HistoryFile, path: Path) -> None:
    file.write(Rows((), (sample(1.0, NOW_MS - 10 * DAY_MS, pair="gone"), sample(2.0))))
    file.change(settle)

    file.change(lambda connection: forget_older(connection, NOW_MS - DAY_MS))

    assert query(path, "SELECT name FROM pairs") == [("home",)]


def test_the_worst_old_sample_of_each_span_and_pair_stays(file: HistoryFile, path: Path) -> None:
    # The beginning of an hour, 3 days ago.
    then_ms = (NOW_MS - 3 * DAY_MS) // HOUR_MS * HOUR_MS
    span = (sample(1.0, then_ms), sample(9.0, then_ms + 30_000), sample(None, then_ms + 60_000))
    unknown = (sample(None, then_ms + 300_000), sample(None, then_ms + 330_000))
    other = (sample(2.0, then_ms, pair="web"), sample(0.0, then_ms + 1, pair="web"))
    diverged = (sample(99.0, then_ms + 600_000), sample(None, then_ms + 600_001, verdict="ahead"))
    young = (sample(1.0), sample(2.0, NOW_MS + 1))
    file.write(Rows((), (*span, *unknown, *other, *diverged, *young)))

    for _ in range(2):
        thin_all(file, NOW_MS)

    assert left_of(path, f"time_ms - {then_ms}, pair, verdict, seconds") == [
        (30_000, "home", "behind", 9.0),
        (300_000, "home", "unknown", None),
        (600_001, "home", "ahead", None),
        (NOW_MS - then_ms, "home", "behind", 1.0),
        (NOW_MS - then_ms + 1, "home", "behind", 2.0),
        (0, "web", "behind", 2.0),
    ]


def test_samples_are_thinned_twice(file: HistoryFile, path: Path) -> None:
    then_ms = (NOW_MS - 40 * DAY_MS) // HOUR_MS * HOUR_MS
    rows = tuple(sample(float(number), then_ms + number * 60_000) for number in range(60))
    file.write(Rows((), rows))

    thin_all(file, then_ms + 3 * DAY_MS)
    assert query(path, "SELECT count(*) FROM lag") == [(12,)]
    thin_all(file, NOW_MS)

    assert left_of(path) == [(59.0,)]


def test_a_sample_of_a_wrong_year_does_not_stop_the_thinning(
    file: HistoryFile, path: Path
) -> None:
    then_ms = (NOW_MS - 3 * DAY_MS) // HOUR_MS * HOUR_MS
    file.write(Rows((), (sample(5.0, 1_000), sample(1.0, then_ms), sample(2.0, then_ms + 1))))

    assert thin_all(file, NOW_MS) < 5

    assert left_of(path) == [(5.0,), (2.0,)]


def test_a_step_of_the_thinning_is_bounded(file: HistoryFile, path: Path) -> None:
    then_ms = (NOW_MS - 20 * DAY_MS) // HOUR_MS * HOUR_MS
    rows = [sample(1.0, then_ms + 60_000 * number) for number in range(10 * 60)]
    file.write(Rows((), rows))
    file.change(settle)

    assert file.change(lambda connection: thin(connection, NOW_MS))

    # Two hours were thinned to spans of 5 minutes.
    assert query(path, "SELECT count(*) FROM lag") == [(600 - 120 + 24,)]


def test_no_row_is_deleted_by_age_within_an_hour_of_a_step_of_the_wall_clock() -> None:
    clock = SteadyClock()
    assert not clock.has_hour_passed(Instant(0.0, 1_000.0))
    assert not clock.has_hour_passed(Instant(EVERY_S - 1, 1_000.0 + EVERY_S - 1))
    # The wall clock was stepped by ten years: not this hour.
    ahead = 1_000.0 + 3.15e8
    assert not clock.has_hour_passed(Instant(EVERY_S, ahead + EVERY_S))
    # It was stepped back: not this hour either.
    assert not clock.has_hour_passed(Instant(2 * EVERY_S, 1_000.0 + 2 * EVERY_S))

    assert clock.has_hour_passed(Instant(3 * EVERY_S, 1_000.5 + 3 * EVERY_S))
    assert not clock.has_hour_passed(Instant(3 * EVERY_S + 1, 1_001.5 + 3 * EVERY_S))
