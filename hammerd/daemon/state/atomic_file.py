"""A small text file that is whole at any moment: the old text or the new one, nothing between.

    NAME.new  written, fsynced ── renamed over NAME ── directory fsynced

Whoever dies between two of these steps leaves the old file or the new one, and at worst a
NAME.new that the next save replaces. Two threads may save one file, when the disk of the first
hangs: each has a new file of its own, and what was begun earlier never replaces what was begun
later. A file that could not be read is evidence: it is kept as
NAME.bad before anything is written over it.
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
    """Return a file's text, None when there is no file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text file of a size that we ever write.
    """
    try:
        fd = os.open(path, READ_FLAGS)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
            raise ValueError("it is not a file that hammerd has written")
        # What stands in it decides what root ends and starts.
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & WRITABLE_BY_OTHERS:
            raise ValueError("another user could have written it")
        return file.read().decode()


def replace(path: Path, pieces: Iterable[str], group: int | None = None) -> None:
    """Replace a file's text by these pieces, joined; blocks until they are on the disk.

    Nobody else may read it but this group, and not even that one where the system refuses.

    Raises:
        OSError: that failed; the file holds the old text or, at the very end, the new one.
    """
    _replace(path, partial(_write, pieces=pieces, group=group))
    _sync_directory(path.parent)


def replace_soon(path: Path, text: str) -> None:
    """Replace a file's text, as whole at any moment, without waiting for the disk.

    Raises:
        OSError: that failed; the file holds what it held.
    """
    _replace(path, partial(_write, pieces=(text,), is_synced=False))


def set_aside(path: Path) -> None:
    """Keep what is there as NAME.bad; nothing to do when nothing is there.

    Raises:
        OSError: it cannot be kept, and so must not be written over.
    """
    bad = path.with_name(path.name + ".bad")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(bad)
    with contextlib.suppress(FileNotFoundError):
        try:
            # A second name, so that a death before the next save loses neither.
            os.link(path, bad, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError:
            os.replace(path, bad)


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    with _turns.begun(path) as turn:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(turn.new)
        try:
            write(turn.new)
            with _turns.lock:
                if _turns.is_overtaken(turn):
                    os.unlink(turn.new)
                else:
                    os.replace(turn.new, path)
                    _turns.replaced(turn)
        except OSError:
            # Half a file takes room that a full disk does not have.
            with contextlib.suppress(OSError):
                os.unlink(turn.new)
            raise


@dataclass(frozen=True, slots=True)
class _Turn:
    """One save of a file: when it was begun among all, and the file that it writes."""

    path: Path
    number: int
    new: Path


class _Turns:
    """The saves of this process that are under way."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._under_way: dict[Path, _Turn] = {}
        self._replaced: dict[Path, int] = {}

    @contextlib.contextmanager
    def begun(self, path: Path) -> Iterator[_Turn]:
        """Take a turn, and a name that no other turn writes to."""
        with self.lock:
            names = (path.with_name(f"{path.name}.new{more}") for more in ("", "2", "3", "4"))
            new = next(name for name in names if name not in self._under_way)
            turn = self._under_way[new] = _Turn(path, next(self._numbers), new)
        try:
            yield turn
        finally:
            with self.lock:
                del self._under_way[new]
                if not any(other.path == path for other in self._under_way.values()):
                    self._replaced.pop(path, None)

    def is_overtaken(self, turn: _Turn) -> bool:
        """Tell whether a later turn has replaced the file."""
        return self._replaced.get(turn.path, 0) > turn.number

    def replaced(self, turn: _Turn) -> None:
        """Take down that this turn has replaced its file."""
        self._replaced[turn.path] = turn.number


_turns = _Turns()


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


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some file systems have no fsync of a directory, and nothing to add to a rename.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)
