"""The pid file, locked for as long as the daemon lives: never two hammerds on one run_dir.

    open ── lock ── is the file that we locked still the one of that name? ── write our pid

The one before us removes its file as it ends, perhaps after we opened it and before we locked it:
the lock of a file without a name keeps nobody out, so that we begin again with the new file.
"""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path

from hammerd.core.errors import AlreadyRunning, HammerdError

FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NO_ROOM = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT})


class PidFile:
    """A pid file that this process holds the lock of."""

    def __init__(self, path: Path, *, is_lock_only: bool = False) -> None:
        """Take the lock and write our pid.

        `is_lock_only`: on a disk that is full or read-only, the lock is enough.

        Raises:
            AlreadyRunning: another process holds the lock; the message names it.
            HammerdError: what is there is no file of hammerd's.
            OSError: the file cannot be made.
        """
        self._path = path
        self._is_lock_only = is_lock_only
        self._fd = self._locked()
        try:
            os.ftruncate(self._fd, 0)
            os.write(self._fd, f"{os.getpid()}\n".encode())
        except OSError:
            if not is_lock_only:
                self.__exit__()
                raise

    def __enter__(self) -> "PidFile":
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file, then let the lock go, in this order: no other may hold ours."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._fd)

    def _locked(self) -> int:
        while True:
            fd = self._open()
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_of_that_name(fd):
                    self._refuse_what_is_not_ours(fd)
                    return fd
            except HammerdError:
                os.close(fd)
                raise
            except BlockingIOError as error:
                holder = _holder(fd)
                message = f"hammerd is already running as pid {holder} (lock on {self._path})"
                os.close(fd)
                raise AlreadyRunning(message, "stop it first: service hammerd stop") from error
            os.close(fd)

    def _open(self) -> int:
        try:
            return os.open(self._path, FLAGS, 0o644)
        except OSError as error:
            if not self._is_lock_only or error.errno not in NO_ROOM:
                raise
        # What is there can be locked though it cannot be written to: the file, or its directory.
        with contextlib.suppress(FileNotFoundError):
            return os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)

    def _refuse_what_is_not_ours(self, fd: int) -> None:
        """Leave alone what somebody put there: to write our pid would cut it."""
        found = os.fstat(fd)
        if self._is_lock_only and stat.S_ISDIR(found.st_mode):
            return
        if not stat.S_ISREG(found.st_mode):
            what = "is no file"
        elif found.st_nlink > 1:
            what = "has a second name, and may be the file of somebody else"
        elif found.st_uid not in (0, os.geteuid()):
            what = f"is a file of user {found.st_uid}"
        else:
            return
        hint = "look at what it is, and move it away"
        raise HammerdError(f"{self._path} {what}: hammerd does not write to it", hint)

    def _is_of_that_name(self, fd: int) -> bool:
        locked = os.fstat(fd)
        for path in (self._path, self._path.parent):
            with contextlib.suppress(FileNotFoundError):
                named = os.stat(path, follow_symlinks=False)
                return (locked.st_dev, locked.st_ino) == (named.st_dev, named.st_ino)
        return False


def _holder(fd: int) -> str:
    try:
        return os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
    except OSError:
        return "unknown"
