"""Replaces a small text file atomically: at any moment it has the whole old or the whole new text.

    NAME.new  written, fsynced ── renamed over NAME ── directory fsynced

A process that dies between two of these steps leaves the old or the new file, and at worst a
NAME.new that the next save replaces. Two threads may save one file, if the disk of the first
hangs: each writes a separate new file, and an earlier save never replaces the text of a later
one. A file that could not be read is evidence: it is saved as NAME.bad before it is replaced.
"""

import contextlib
import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

MOST_BYTES = 256 << 20
READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MODE, MODE_FOR_GROUP = 0o600, 0o640
WRITABLE_BY_OTHERS = 0o022


def read(path: Path) -> str | None:
    """Return a file's text, None if the file is missing.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text file, too large, or other users could have written it.
    """
    try:
        fd = os.open(path, READ_FLAGS)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise ValueError("it is not a file that hammerd has written")
        # Its text decides which processes root ends and starts.
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & WRITABLE_BY_OTHERS:
            raise ValueError("another user could have written it")
        return file.read().decode()


def replace(path: Path, pieces: Iterable[str], group: int | None = None) -> None:
    """Replace a file's text by these pieces, joined; block until they are on the disk.

    Only its owner and `group` may read it; if chown fails, only its owner.

    Raises:
        OSError: it failed; the file has the old text, or the new one if only the last step failed.
    """
    _replace(path, partial(_write, pieces=pieces, group=group))
    sync_directory(path.parent)


def replace_soon(path: Path, text: str) -> None:
    """Replace a file's text atomically, without waiting for the disk.

    Raises:
        OSError: it failed; the file has the old text.
    """
    _replace(path, partial(_write, pieces=(text,), is_synced=False))


def set_aside(path: Path) -> None:
    """Save a file as NAME.bad; do nothing if it is missing.

    Raises:
        OSError: it cannot be saved, and so must not be replaced.
    """
    bad = path.with_name(path.name + ".bad")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(bad)
    with contextlib.suppress(FileNotFoundError):
        try:
            # A second name: if we die before the next save, the file still has its own name.
            os.link(path, bad, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError:
            os.replace(path, bad)


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    with _saves.begin(path) as save:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(save.new)
        try:
            write(save.new)
            with _saves.lock:
                if _saves.is_outdated(save):
                    os.unlink(save.new)
                else:
                    os.replace(save.new, path)
                    _saves.set_replaced(save)
        except OSError:
            # A partial file takes space that a full disk does not have.
            with contextlib.suppress(OSError):
                os.unlink(save.new)
            raise


@dataclass(frozen=True, slots=True)
class _Save:
    """A save of the file `path`: its number among all saves, and the new file that it writes."""

    path: Path
    number: int
    new: Path


class _Saves:
    """The running saves of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._running: dict[Path, _Save] = {}
        self._replaced: dict[Path, int] = {}

    @contextlib.contextmanager
    def begin(self, path: Path) -> Iterator[_Save]:
        """Begin a save, with a new file that no other save writes to."""
        with self.lock:
            names = (path.with_name(f"{path.name}.new{more}") for more in ("", "2", "3", "4"))
            new = next(name for name in names if name not in self._running)
            save = self._running[new] = _Save(path, next(self._numbers), new)
        try:
            yield save
        finally:
            with self.lock:
                del self._running[new]
                if not any(other.path == path for other in self._running.values()):
                    self._replaced.pop(path, None)

    def is_outdated(self, save: _Save) -> bool:
        """Return whether a later save has replaced the file."""
        return self._replaced.get(save.path, 0) > save.number

    def set_replaced(self, save: _Save) -> None:
        """Record that this save has replaced its file."""
        self._replaced[save.path] = save.number


_saves = _Saves()


def _write(
    path: Path, pieces: Iterable[str], *, group: int | None = None, is_synced: bool = True
) -> None:
    fd = os.open(path, WRITE_FLAGS, MODE)
    try:
        if group is not None:
            with contextlib.suppress(OSError):
                os.fchown(fd, -1, group)
                os.fchmod(fd, MODE_FOR_GROUP)
        for piece in pieces:
            data = memoryview(piece.encode())
            while data:
                data = data[os.write(fd, data) :]
        if is_synced:
            os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: Path) -> None:
    """Block until the names in a directory are on the disk.

    Raises:
        OSError: it failed.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some file systems have no fsync of a directory, and need none after a rename.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)
