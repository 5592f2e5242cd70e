"""Keeps a verification that may be interrupted, in state_dir/verify/PAIR.db.

The file holds what was compared so far, the last directory that is done, and the inodes that
belong together. All of it is written in one transaction, each few seconds and at directories only,
so a process that is killed goes back to the last one. Inodes are those of hard links alone, and
are on the disk, not in memory.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hammerd.cli.output.failures import CommandFailed
from hammerd.core import paths
from hammerd.core.exit_codes import Exit
from hammerd.core.verify.differences import Kind, Tally
from hammerd.core.verify.verified import parse_difference

VERSION = 1
CACHE_KIB = 16 << 10
DIRECTORY_MODE = 0o700

_SCHEMA = f"""
CREATE TABLE progress (content TEXT NOT NULL);
CREATE TABLE links (master INTEGER UNIQUE, slave INTEGER UNIQUE);
PRAGMA user_version = {VERSION};
"""


@dataclass(frozen=True, slots=True)
class Task:
    """The task of a session: a session of another task is begun anew.

    `disk` tells apart the slaves that take turns at one path.
    """

    master: str
    slave: str
    tid: str
    sample: str
    disk: str = ""


@dataclass(slots=True)
class Progress:
    """The progress of a task: the last directory that is done, None at its begin."""

    task: Task
    after: str | None = None
    spent_s: float = 0.0
    tally: Tally = field(default_factory=Tally)


@contextlib.contextmanager
def locked_session(state_dir: str, pair: str) -> Iterator["Session"]:
    """Open the session of a pair within a `with` block; no other process verifies it meanwhile.

    Raises:
        CommandFailed: another process does, or the file cannot be used.
    """
    directory = Path(state_dir) / paths.VERIFY_DIR
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        lock = os.open(directory / f"{pair}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        code = Exit.NO_PERMISSION if isinstance(error, PermissionError) else Exit.UNAVAILABLE
        message = f"cannot write in {directory}: {error.strerror}"
        raise CommandFailed(message, "a verification needs root", code=code) from error
    try:
        _lock(lock, pair)
        session = Session(directory / f"{pair}.db")
        with contextlib.closing(session):
            yield session
    except sqlite3.Error as error:
        message = f"cannot use {directory / pair}.db: {error}"
        raise CommandFailed(message, "begin anew with --restart", code=Exit.UNAVAILABLE) from error
    finally:
        os.close(lock)


def _lock(lock: int, pair: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = f"another hammerd verifies {pair} now"
        raise CommandFailed(message, "wait until it has ended", code=Exit.TEMPORARY) from error


class Session:
    """The file of a session."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file; what was not saved is lost."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def saved(self) -> Progress | None:
        """Return the progress of a session that was interrupted, None without one."""
        if not self._path.exists():
            return None
        try:
            self._open()
            row = self._connection.execute("SELECT content FROM progress").fetchone()
            return None if row is None else _parse(row[0])
        except (sqlite3.Error, ValueError, TypeError, KeyError):
            # Left by another version, or damaged: it is begun anew.
            return None

    def begin(self, task: Task) -> Progress:
        """Begin a session anew."""
        self.remove()
        self._open()
        self._connection.executescript(_SCHEMA)
        self._connection.execute("BEGIN")
        return Progress(task)

    def save(self, progress: Progress) -> None:
        """Write the progress and the links so far."""
        self._connection.execute("DELETE FROM progress")
        self._connection.execute("INSERT INTO progress VALUES (?)", (_format(progress),))
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")

    def remove(self) -> None:
        """Remove the file of a session that has ended."""
        self.close()
        for suffix in ("", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._path}{suffix}")

    def links(self, master: int | None, slave: int | None) -> bool:
        """Return whether two inodes belong together (core/verify/comparison.py)."""
        inodes = _signed(master), _signed(slave)
        find = "SELECT master, slave FROM links WHERE master = ? OR slave = ?"
        found = self._connection.execute(find, inodes).fetchall()
        if not found:
            self._connection.execute("INSERT INTO links VALUES (?, ?)", inodes)
            return True
        # An inode without another name is met once, so it belongs to no row that is there.
        return found == [inodes] and None not in inodes

    def _open(self) -> None:
        if self._database is None:
            self._database = sqlite3.connect(self._path, isolation_level=None)
            self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            if self._database.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                self._database.execute("BEGIN")

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            raise sqlite3.ProgrammingError("the session is not open")
        return self._database


def _signed(inode: int | None) -> int | None:
    """Return an inode as a signed number of 64 bits, as SQLite holds them."""
    if inode is None:
        return None
    return inode - (1 << 64) if inode >= 1 << 63 else inode


def _format(progress: Progress) -> str:
    tally = progress.tally
    return json.dumps(
        {
            "task": asdict(progress.task),
            "after": progress.after,
            "spent_s": progress.spent_s,
            "entries": tally.entries,
            "bytes": tally.size,
            "counts": tally.counts,
            "first": [asdict(each) for each in tally.first],
        }
    )


def _parse(text: str) -> Progress:
    saved = json.loads(text)
    counts = {Kind(kind): count for kind, count in saved["counts"].items()}
    first = [parse_difference(each) for each in saved["first"]]
    tally = Tally(saved["entries"], saved["bytes"], counts, first)
    return Progress(Task(**saved["task"]), saved["after"], saved["spent_s"], tally)
