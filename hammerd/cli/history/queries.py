"""Reads history.db, whether hammerd runs or not, and never writes to it.

A reader holds a lock only during its query. If a killed hammerd left a write unfinished (a journal
to be rolled back), a copy is read: only hammerd repairs its file.
"""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from hammerd.cli.history.event_filter import EventFilter
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api import history_schema
from hammerd.core.api.pair_patterns import Choice, choose
from hammerd.core.characters import escape_invisible
from hammerd.core.exit_codes import Exit

try:
    import sqlite3
except ImportError as error:
    raise CommandFailed(
        "this Python has no sqlite3, which the history is made of",
        f"install it: pkg install py{sys.version_info.major}{sys.version_info.minor}-sqlite3",
        code=Exit.UNAVAILABLE,
    ) from error

BUSY_S = 5.0

Result = TypeVar("Result")
Query = Callable[[sqlite3.Connection], Result]

_UNFINISHED_WRITE = frozenset({sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SANE_EVENT = (
    "typeof(time_ms) = 'integer' AND typeof(pair) IN ('text', 'null') "
    "AND typeof(event) = 'text' AND typeof(level) = 'text' AND typeof(fields) = 'text'"
)
_SANE_LAG = (
    "typeof(time_ms) = 'integer' AND typeof(pair) = 'text' AND typeof(verdict) = 'text' "
    "AND typeof(tids) IN ('integer', 'null') AND ifnull(abs(seconds) < 1e12, 1) "
    "AND typeof(seconds) IN ('real', 'null') AND typeof(master_tid) IN ('text', 'null') "
    "AND typeof(slave_tid) IN ('text', 'null')"
)
"""Conditions for an undamaged row; SQLite itself accepts any value in any column."""

_MOVE_AWAY = "move it away: hammerd begins a new one"


def read_history(path: str, query: Query[Result]) -> Result:
    """Run a query on the history, and return its result.

    Raises:
        CommandFailed: it is missing, unreadable, no history, or of a newer version.
    """
    _check_readable(path)
    try:
        try:
            return _run(path, query)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) not in _UNFINISHED_WRITE:
                raise
            return _run_on_copy(path, query)
    except sqlite3.Error as error:
        raise _failure_of(path, error) from error


def events_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, after_id: int = 0
) -> list[tuple[int, history_schema.EventRow]]:
    """Return events with their ids; no pairs means all, and hammerd's own events."""
    wanted, names = _pair_condition(pairs)
    rows = connection.execute(
        f"SELECT id, {history_schema.EVENT_COLUMNS} FROM events "
        f"WHERE time_ms >= ? AND id > ? AND {_SANE_EVENT}{wanted} ORDER BY id",
        (since_ms, after_id, *names),
    ).fetchall()
    return [(number, history_schema.EventRow(*row)) for number, *row in rows]


def find_events(
    connection: sqlite3.Connection, wanted: EventFilter, limit: int = -1
) -> list[tuple[int, history_schema.EventRow]]:
    """Return the last events that a filter admits, at most `limit` of them, with their ids."""
    condition, values = wanted.condition()
    rows = connection.execute(
        f"SELECT id, {history_schema.EVENT_COLUMNS} FROM events "
        f"WHERE {condition} AND {_SANE_EVENT} ORDER BY id DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [(number, history_schema.EventRow(*row)) for number, *row in reversed(rows)]


def extent_of_events(connection: sqlite3.Connection, wanted: EventFilter) -> tuple[int, int, int]:
    """Return how many events a filter admits, and the first and the last of their times."""
    condition, values = wanted.condition()
    count, first_ms, last_ms = connection.execute(
        "SELECT count(*), ifnull(min(time_ms), 0), ifnull(max(time_ms), 0) FROM events "
        f"WHERE {condition} AND {_SANE_EVENT}",
        values,
    ).fetchone()
    return count, first_ms, last_ms


def last_event_id(connection: sqlite3.Connection) -> int:
    """Return the id of the last event, 0 without one."""
    (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM events").fetchone()
    return int(last)


def event_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all events on record."""
    names = f"SELECT DISTINCT event FROM events WHERE {_SANE_EVENT} ORDER BY event"
    return [name for (name,) in connection.execute(names)]


def samples_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, until_ms: int
) -> list[history_schema.LagRow]:
    """Return samples in the order they were taken; no pairs means all."""
    wanted, names = _pair_condition(pairs)
    rows = connection.execute(
        f"SELECT {history_schema.LAG_COLUMNS} FROM lag "
        f"WHERE time_ms BETWEEN ? AND ? AND {_SANE_LAG}{wanted} ORDER BY id",
        (since_ms, until_ms, *names),
    ).fetchall()
    return [history_schema.LagRow(*row) for row in rows]


def summaries_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, until_ms: int
) -> dict[str, history_schema.LagSummary]:
    """Return a summary of each pair's samples; no pairs means all."""
    wanted, names = _pair_condition(pairs)
    # A week of many pairs is a million rows: read only the columns that are needed.
    rows = connection.execute(
        f"SELECT pair, seconds, time_ms FROM lag "
        f"WHERE time_ms BETWEEN ? AND ? AND {_SANE_LAG}{wanted}",
        (since_ms, until_ms, *names),
    )
    samples: dict[str, list[history_schema.LagPoint]] = {}
    for pair, seconds, time_ms in rows:
        samples.setdefault(pair, []).append((seconds, time_ms))
    return {pair: history_schema.summary_of(samples[pair]) for pair in sorted(samples)}


def worst_by_part(
    connection: sqlite3.Connection, since_ms: int, step_ms: int, parts: int
) -> dict[str, list[float | None]]:
    """Return the greatest lag of each pair in each part of a period, None if it is not known."""
    rows = connection.execute(
        f"SELECT pair, (time_ms - ?) / ? AS part, max(seconds) FROM lag "
        f"WHERE time_ms >= ? AND time_ms < ? AND {_SANE_LAG} GROUP BY pair, part",
        (since_ms, step_ms, since_ms, since_ms + parts * step_ms),
    )
    worst: dict[str, list[float | None]] = {}
    for pair, part, seconds in rows:
        worst.setdefault(pair, [None] * parts)[part] = seconds
    return worst


def last_samples(
    connection: sqlite3.Connection, pairs: Sequence[str]
) -> list[history_schema.LagRow]:
    """Return the last sample of each pair, however old; no pairs means all."""
    wanted, names = _pair_condition(pairs)
    rows = connection.execute(
        f"SELECT {history_schema.LAG_COLUMNS} FROM lag WHERE id IN "
        f"(SELECT max(id) FROM lag WHERE {_SANE_LAG}{wanted} GROUP BY pair) ORDER BY pair",
        names,
    ).fetchall()
    return [history_schema.LagRow(*row) for row in rows]


def choose_recorded(
    connection: sqlite3.Connection, words: Sequence[str]
) -> tuple[Choice, Sequence[str]]:
    """Choose pairs of the history by names and patterns; return the known names with them.

    The names are only looked up if a word is none of them.
    """
    if all(_is_known(connection, word) for word in words):
        return choose(words, words), words
    known = known_pairs(connection)
    return choose(words, known), known


def known_pairs(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all pairs that the history knows."""
    known = (
        f"SELECT pair FROM events WHERE pair IS NOT NULL AND {_SANE_EVENT} "
        f"UNION SELECT pair FROM lag WHERE {_SANE_LAG} ORDER BY 1"
    )
    return [name for (name,) in connection.execute(known)]


def _is_known(connection: sqlite3.Connection, name: str) -> bool:
    return any(
        connection.execute(f"SELECT 1 FROM {table} WHERE pair = ? LIMIT 1", (name,)).fetchone()
        for table in ("events", "lag")
    )


def _pair_condition(pairs: Sequence[str]) -> tuple[str, Sequence[str]]:
    if not pairs:
        return "", ()
    return f" AND pair IN ({', '.join('?' * len(pairs))})", pairs


def _check_readable(path: str) -> None:
    """Raise CommandFailed for errors that SQLite does not distinguish."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CommandFailed(f"{path}: it is not a file", _MOVE_AWAY, code=Exit.DATA)
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        hint = "hammerd makes it when it runs; if its state_dir is another one, say -c FILE"
        reason = f"there is no history at {path}"
        raise CommandFailed(reason, hint, code=Exit.NO_INPUT) from error
    except PermissionError as error:
        hint = "run the command as root, or join the status_group of the config"
        raise CommandFailed(
            f"no permission to read {path}", hint, code=Exit.NO_PERMISSION
        ) from error
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror}"
        raise CommandFailed(reason, code=Exit.NO_INPUT) from error


def _run(path: str, query: Query[Result]) -> Result:
    uri = f"{Path(path).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as opened:
        (version,) = opened.execute("PRAGMA user_version").fetchone()
        (application,) = opened.execute("PRAGMA application_id").fetchone()
        if (version, application) == (0, 0):
            raise CommandFailed(f"there is nothing in {path} yet", code=Exit.NO_INPUT)
        if application != history_schema.APPLICATION_ID:
            raise CommandFailed(f"{path}: it is no history of hammerd", code=Exit.DATA)
        if version > history_schema.SCHEMA_VERSION:
            raise CommandFailed(
                f"{path}: it is of version {version}, and this command knows "
                f"{history_schema.SCHEMA_VERSION}",
                "use the command that came with the newer hammerd",
                code=Exit.PROTOCOL,
            )
        # The bytes of a damaged text are escaped.
        opened.text_factory = lambda raw: escape_invisible(raw.decode("utf-8", "backslashreplace"))
        # A transaction, so that all statements of a query see the same content.
        opened.execute("BEGIN")
        return query(opened)


def _run_on_copy(path: str, query: Query[Result]) -> Result:
    with tempfile.TemporaryDirectory(prefix="hammerd-") as directory:
        copy = os.path.join(directory, os.path.basename(path))
        for suffix in ("", "-journal", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, copy + suffix)
        with closing(sqlite3.connect(copy)) as opened:
            # Any read lets SQLite roll the journal back, which needs a writable file.
            opened.execute("PRAGMA user_version").fetchone()
        return _run(copy, query)


def _failure_of(path: str, error: sqlite3.Error) -> CommandFailed:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return CommandFailed(f"{path}: {error}", _MOVE_AWAY, code=Exit.DATA)
    if code == sqlite3.SQLITE_BUSY:
        hint = "somebody holds a lock on it: ask again, and look who it is with fstat(1)"
        return CommandFailed(f"{path}: {error}", hint, code=Exit.TEMPORARY)
    return CommandFailed(f"cannot read {path}: {error}", code=Exit.NO_INPUT)
