"""history.db: opened, written and closed for each batch of rows, on the writer thread only.

    open ── is it ours? ── one transaction: rows, what is too old or too much goes ── close
              ├── damaged: kept as history.db.bad, a new one begun
              └── newer, locked, full, read-only: told, and tried again with the next batch

It is never left open: somebody may move it away or put it back from a backup at any time. The
journal is a rollback journal and not a WAL: a reader needs to write nothing, and no page of the
file is mapped, where a bad sector or a truncation would kill the daemon with SIGBUS. SQLite is
imported with the first batch: where Python comes without it, there is no history, and no more.
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hammerd.core.api.history_schema import (
    APPLICATION_ID,
    EVENT_COLUMNS,
    LAG_COLUMNS,
    SCHEMA,
    SCHEMA_VERSION,
    EventRow,
    LagRow,
)
from hammerd.core.errors import HammerdError
from hammerd.daemon.history.retention import shrink

if TYPE_CHECKING:
    import sqlite3

BUSY_S = 0.25
"""How long a reader may keep us waiting: the log waits too."""

CACHE_KIB = 256
MOST_BYTES = 256 << 20
"""The file is never larger; its oldest rows make room from a tenth before that on."""

MODE, MODE_FOR_GROUP = 0o600, 0o640
FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_ANOTHER_FILE = "move it away, and hammerd begins a new one"
_LINK_ERRORS = frozenset({errno.ELOOP, errno.EMLINK})
"""What O_NOFOLLOW fails with; BSDs differ."""


class HistoryUnwritten(HammerdError):  # noqa: N818 - what happened, not a suffix
    """The history could not be written; the rows are still there for another attempt."""


class NoSqlite(HammerdError):  # noqa: N818 - what is wrong, not a suffix
    """This Python has no SQLite, and so there is no history."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is to be added."""

    events: Sequence[EventRow] = ()
    samples: Sequence[LagRow] = ()


Change = Callable[["sqlite3.Connection"], None]
"""Changes an open history, within a transaction."""


class HistoryFile:
    """The file of one daemon."""

    def __init__(self, path: Path, group: int | None, most_bytes: int = MOST_BYTES) -> None:
        """Take the file's place, and the id of the group that may read it, None for nobody."""
        self.path = path
        self._group = group
        self._most_bytes = most_bytes
        self._is_set_aside = False

    def write(self, rows: Rows) -> str | None:
        """Add rows, all of them or none; return what was found damaged and set aside, if so.

        Raises:
            HistoryUnwritten: that failed; the file is as it was.
            NoSqlite: it cannot be done with this Python.
        """
        with _explained(self.path):
            return self._write_or_begin_anew(partial(self._insert, rows=rows))

    def change(self, change: Change) -> None:
        """Change what is there, whole or not at all.

        Raises:
            HistoryUnwritten: that failed; the file is as it was.
            NoSqlite: it cannot be done with this Python.
        """
        with _explained(self.path):
            self._do(change)

    def _write_or_begin_anew(self, change: Change) -> str | None:
        sqlite = load_sqlite()
        try:
            self._do(change)
        except sqlite.DatabaseError as error:
            # Once: on a disk that spoils every file, the last one with a past would be lost.
            if not _is_damage(error) or self._is_set_aside:
                raise
            self._set_aside()
            self._is_set_aside = True
            self._do(change)
            return str(error)
        return None

    def _do(self, change: Change) -> None:
        self._make()
        with contextlib.closing(_connect(self.path)) as connection:
            self._prepare(connection)
            with _transaction(connection):
                change(connection)

    def _insert(self, connection: "sqlite3.Connection", rows: Rows) -> None:
        _insert(connection, "events", EVENT_COLUMNS, rows.events)
        _insert(connection, "lag", LAG_COLUMNS, rows.samples)
        shrink(connection, self._most_bytes)

    def _make(self) -> None:
        """Make the file if there is none; refuse what SQLite would follow, wait for or share."""
        fd = os.open(self.path, FLAGS, MODE)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise HistoryUnwritten(f"{self.path}: it is not a file", _ANOTHER_FILE)
            if found.st_uid != os.geteuid():
                because = f"{self.path}: it belongs to another user (uid {found.st_uid})"
                raise HistoryUnwritten(because, _ANOTHER_FILE)
            # What is there already has the mode that somebody gave it.
            if found.st_size == 0 and self._group is not None:
                with contextlib.suppress(OSError):
                    os.fchown(fd, -1, self._group)
                    os.fchmod(fd, MODE_FOR_GROUP)
        finally:
            # Before SQLite opens it: to close any fd of a file gives up all locks on it.
            os.close(fd)

    def _prepare(self, connection: "sqlite3.Connection") -> None:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        version = _number(connection, "PRAGMA user_version")
        if version > SCHEMA_VERSION:
            because = (
                f"{self.path}: it is of version {version}, and this hammerd knows {SCHEMA_VERSION}"
            )
            raise HistoryUnwritten(because, f"install the newer hammerd again, or {_ANOTHER_FILE}")
        # As SQLite has it, unless somebody built it otherwise: see above.
        connection.execute("PRAGMA mmap_size = 0")
        # To empty the journal is cheaper than to remove it: the directory stays as it is.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        page_bytes = _number(connection, "PRAGMA page_size")
        connection.execute(f"PRAGMA max_page_count = {self._most_bytes // page_bytes}")
        if version == 0:
            self._begin(connection)

    def _begin(self, connection: "sqlite3.Connection") -> None:
        if _number(connection, "SELECT count(*) FROM sqlite_master"):
            raise HistoryUnwritten(f"{self.path}: it is no history of hammerd", _ANOTHER_FILE)
        with _transaction(connection):
            for statement in SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _set_aside(self) -> None:
        """Keep the file as NAME.bad, and its journal beside it: a new one must not meet that."""
        bad = self.path.with_name(self.path.name + ".bad")
        os.replace(self.path, bad)
        for end in ("-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.path}{end}", f"{bad}{end}")


@contextlib.contextmanager
def _transaction(connection: "sqlite3.Connection") -> Iterator[None]:
    """Do what stands in it whole or not at all.

    Raises:
        sqlite3.Error: it was not done.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def load_sqlite() -> ModuleType:
    """Import SQLite, which costs 2 MB of memory.

    Raises:
        NoSqlite: this Python has none.
    """
    try:
        import sqlite3
    except ImportError as error:
        package = f"py{sys.version_info.major}{sys.version_info.minor}-sqlite3"
        because = "this Python has no sqlite3"
        raise NoSqlite(because, f'"pkg install {package}", and start hammerd again') from error
    return sqlite3


def _connect(path: Path) -> "sqlite3.Connection":
    import sqlite3

    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, cached_statements=8)


def _insert(
    connection: "sqlite3.Connection", table: str, columns: str, rows: Sequence[EventRow | LagRow]
) -> None:
    marks = ", ".join("?" * (columns.count(",") + 1))
    connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", map(astuple, rows))


def _number(connection: "sqlite3.Connection", query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)


def _is_damage(error: Exception) -> bool:
    import sqlite3

    # What the module raises itself has no code. The low byte says what kind of error it is.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into words for people."""
    sqlite = load_sqlite()
    try:
        yield
    except OSError as error:
        reason = "it is a symbolic link" if error.errno in _LINK_ERRORS else error.strerror
        raise HistoryUnwritten(f"{error.filename or path}: {reason}", _ANOTHER_FILE) from error
    except sqlite.Error as error:
        raise HistoryUnwritten(f"{path}: {error}") from error
