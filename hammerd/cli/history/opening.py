"""Opens history.db to be read, and never writes to it.

A reader holds a lock only during its query. If a killed hammerd left a write unfinished (a journal
to be rolled back), a copy is read: only hammerd repairs its file.
"""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api import history_schema
from hammerd.core.characters import escape_invisible
from hammerd.core.exit_codes import Exit

try:
    import sqlite3 as sqlite3
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
