"""Opens, writes and closes history.db for each batch of rows, on the writer thread only.

    open ── is it ours? ── one transaction: add rows, delete rows that are too many ── close
              ├── damaged: renamed to history.db.bad, a new file begun
              └── newer, locked, full, read-only: reported, and retried with the next batch

The file is never left open: a person may move it away or restore it from a backup at any time. The
journal is a rollback journal and not a WAL: readers need no write access. No page of the file is
mapped: a bad sector or a truncation would kill the daemon with SIGBUS. SQLite is imported with the
first batch: with a Python that lacks it, hammerd runs without a history.
"""

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from hammerd.core.api import history_schema
from hammerd.core.errors import HammerdError
from hammerd.daemon.history.eras import Correction, correct_eras
from hammerd.daemon.history.migration import begin_migration, is_migrating
from hammerd.daemon.history.retention import shrink
from hammerd.daemon.history.rows import Rows, insert

if TYPE_CHECKING:
    import sqlite3

BUSY_S = 0.25
"""The longest wait for a reader's lock: the log waits too."""

CACHE_KIB = 256
MOST_BYTES = 384 << 20
"""The file is never larger; above nine tenths of it the oldest rows are deleted."""

MODE, MODE_FOR_GROUP = 0o600, 0o640
FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

_MOVE_HINT = "move it away, and hammerd begins a new one"
_LINK_ERRORS = frozenset({errno.ELOOP, errno.EMLINK})
"""The errors of O_NOFOLLOW at a link; BSDs differ."""


class HistoryUnwritten(HammerdError):  # noqa: N818 - the name says what happened
    """The history could not be written; a later attempt may succeed."""


class HistoryLocked(HistoryUnwritten):
    """A reader holds the lock of the history."""


class NoSqlite(HammerdError):  # noqa: N818 - the name says what is wrong
    """This Python has no SQLite, and so hammerd has no history."""


Result = TypeVar("Result")
Change = Callable[["sqlite3.Connection"], Result]
"""Changes an open history, within a transaction."""


class HistoryFile:
    """The file of one daemon."""

    def __init__(self, path: Path, group: int | None, most_bytes: int = MOST_BYTES) -> None:
        """Take the path and the id of the group that may read the file, None for no group."""
        self.path = path
        self._group = group
        self._most_bytes = most_bytes
        self._is_set_aside = False
        self.has_old_rows = False
        """Whether rows of version 1 are left, which migrate() moves."""
        self.on_corrected: Callable[[Sequence[Correction]], None] = lambda _corrections: None

    def write(self, rows: Rows) -> str | None:
        """Add rows, all or none; return the damage if a damaged file was set aside, else None.

        Raises:
            HistoryUnwritten: it failed; the file is unchanged.
            NoSqlite: this Python has no SQLite.
        """
        with _explained(self.path):
            return self._write_or_replace(partial(self._insert, rows=rows))

    def change(self, change: Change[Result]) -> Result:
        """Apply a change, in one transaction, and return its result.

        Raises:
            HistoryUnwritten: it failed; the file is unchanged.
            NoSqlite: this Python has no SQLite.
        """
        with _explained(self.path):
            return self._apply(change)

    def correct(self) -> None:
        """Correct the times of what was recorded.

        Raises:
            HistoryUnwritten: it failed; the file is unchanged.
            NoSqlite: this Python has no SQLite.
        """
        if corrections := self.change(correct_eras):
            self.on_corrected(corrections)

    def _write_or_replace(self, change: Change[Sequence[Correction]]) -> str | None:
        sqlite = load_sqlite()
        try:
            corrections = self._apply(change)
        except sqlite.DatabaseError as error:
            # Once: on a disk that damages every file, a second time would delete the real history.
            if not _is_damage(error) or self._is_set_aside:
                raise
            self._set_aside()
            self._is_set_aside = True
            self._apply(change)
            return str(error)
        if corrections:
            self.on_corrected(corrections)
        return None

    def _apply(self, change: Change[Result]) -> Result:
        self._make()
        with contextlib.closing(_connect(self.path)) as connection:
            self._prepare(connection)
            with _transaction(connection):
                return change(connection)

    def _insert(self, connection: "sqlite3.Connection", rows: Rows) -> Sequence[Correction]:
        corrections = insert(connection, rows)
        shrink(connection, self._most_bytes)
        return corrections

    def _make(self) -> None:
        """Make the file if it is missing; refuse links, FIFOs and files of other users."""
        fd = os.open(self.path, FLAGS, MODE)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise HistoryUnwritten(f"{self.path}: it is not a file", _MOVE_HINT)
            if found.st_uid != os.geteuid():
                because = f"{self.path}: it belongs to another user (uid {found.st_uid})"
                raise HistoryUnwritten(because, _MOVE_HINT)
            # An existing file keeps its mode, which a person may have changed.
            if found.st_size == 0 and self._group is not None:
                with contextlib.suppress(OSError):
                    os.fchown(fd, -1, self._group)
                    os.fchmod(fd, MODE_FOR_GROUP)
        finally:
            # Before SQLite opens it: closing any fd of a file releases all locks on it.
            os.close(fd)

    def _prepare(self, connection: "sqlite3.Connection") -> None:
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        version = _number(connection, "PRAGMA user_version")
        if version > (known := history_schema.SCHEMA_VERSION):
            because = f"{self.path}: it is of version {version}, and this hammerd knows {known}"
            raise HistoryUnwritten(because, f"install the newer hammerd again, or {_MOVE_HINT}")
        # The default, unless SQLite was built with another one: see above.
        connection.execute("PRAGMA mmap_size = 0")
        # Truncating the journal is cheaper than deleting it: the directory does not change.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        page_bytes = _number(connection, "PRAGMA page_size")
        connection.execute(f"PRAGMA max_page_count = {self._most_bytes // page_bytes}")
        if version == 0:
            self._begin(connection)
        elif version < known:
            with _transaction(connection):
                begin_migration(connection)
        self.has_old_rows = is_migrating(connection)

    def _begin(self, connection: "sqlite3.Connection") -> None:
        if _number(connection, "SELECT count(*) FROM sqlite_master"):
            raise HistoryUnwritten(f"{self.path}: it is no history of hammerd", _MOVE_HINT)
        with _transaction(connection):
            for statement in (*history_schema.TABLES, *history_schema.views(is_migrating=False)):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {history_schema.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {history_schema.SCHEMA_VERSION}")

    def _set_aside(self) -> None:
        """Rename the file to NAME.bad, with its journal: SQLite would apply it to the new file."""
        bad = self.path.with_name(self.path.name + ".bad")
        os.replace(self.path, bad)
        for suffix in ("-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.path}{suffix}", f"{bad}{suffix}")


@contextlib.contextmanager
def _transaction(connection: "sqlite3.Connection") -> Iterator[None]:
    """Commit the statements of the block, or none of them.

    Raises:
        sqlite3.Error: nothing was committed.
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

    made = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, cached_statements=8)
    # A single damaged character must not keep all rows from being moved.
    made.text_factory = partial(str, encoding="utf-8", errors="replace")
    return made


def _number(connection: "sqlite3.Connection", query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)


def _is_damage(error: Exception) -> bool:
    import sqlite3

    # Errors of the module itself have no code. The low byte is the kind of error.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the system into HistoryUnwritten with a message."""
    sqlite = load_sqlite()
    try:
        yield
    except OSError as error:
        reason = "it is a symbolic link" if error.errno in _LINK_ERRORS else error.strerror
        raise HistoryUnwritten(f"{error.filename or path}: {reason}", _MOVE_HINT) from error
    except sqlite.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        failed = HistoryLocked if code == sqlite.SQLITE_BUSY else HistoryUnwritten
        raise failed(f"{path}: {error}") from error
