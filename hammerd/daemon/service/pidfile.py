"""The pid file, locked as long as the daemon lives: never two hammerds with one run_dir.

    open ── lock ── does the name still lead to the file that we locked? ── write our pid

An earlier hammerd deletes its file as it exits, perhaps after we opened it and before we locked
it: the lock on a deleted file excludes nobody, so we start again with a new file.
"""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path

from hammerd.core.errors import AlreadyRunning, HammerdError
from hammerd.core.lock_text import LONGEST_LOCK_BYTES, read_lock
from hammerd.daemon.service.os_errors import naming_path

FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
UNWRITABLE = frozenset({errno.EROFS, errno.ENOSPC, errno.EDQUOT})


class PidFile:
    """A pid file that this process holds the lock of."""

    def __init__(self, path: Path, *, is_lock_only: bool = False, text: str = "") -> None:
        """Take the lock and write our pid, or a text that begins with it.

        `is_lock_only`: on a disk that is full or read-only, the lock without the text is enough.

        Raises:
            AlreadyRunning: another process holds the lock; the message names it.
            HammerdError: an existing file is not one of hammerd.
            OSError: the file cannot be made.
        """
        self._path = path
        self._is_lock_only = is_lock_only
        self._text = text or f"{os.getpid()}\n"
        self._is_written = False
        with naming_path(path):
            self._fd = self._locked()
        try:
            self.write()
        except OSError:
            self.__exit__()
            raise

    def write(self) -> None:
        """Write the text, unless it was written before.

        Raises:
            OSError: it cannot be written, and the lock alone is not enough.
        """
        if self._is_written:
            return
        try:
            with naming_path(self._path):
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, self._text.encode(), 0)
        except OSError:
            if not self._is_lock_only:
                raise
        else:
            self._is_written = True

    def is_present(self) -> bool:
        """Return whether the path still leads to our file."""
        return self._has_our_name(self._fd)

    def release(self) -> None:
        """Release the lock of a file that was deleted or replaced."""
        os.close(self._fd)

    def __enter__(self) -> "PidFile":
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the file, then release the lock: the reverse could delete another's file."""
        with contextlib.suppress(OSError):
            if self.is_present():
                self._path.unlink()
        os.close(self._fd)

    def _locked(self) -> int:
        while True:
            fd = self._open()
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._has_our_name(fd):
                    self._refuse_foreign_file(fd)
                    return fd
            except HammerdError:
                os.close(fd)
                raise
            except BlockingIOError as error:
                holder, run_dir = _holder(fd)
                message = f"hammerd is already running as pid {holder} (lock on {self._path})"
                os.close(fd)
                raise AlreadyRunning(message, self._stop_hint(holder, run_dir)) from error
            os.close(fd)

    def _open(self) -> int:
        try:
            return os.open(self._path, FLAGS, 0o644)
        except OSError as error:
            if not self._is_lock_only or error.errno not in UNWRITABLE:
                raise
        # A file that cannot be written can be locked; if it is missing, its directory can.
        with contextlib.suppress(FileNotFoundError):
            return os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)

    def _stop_hint(self, holder: str, run_dir: str) -> str:
        if not self._is_lock_only:
            return "stop it first: service hammerd stop"
        # The service script cannot find it: we took the pid file of this run_dir already.
        where = f", whose run_dir is {run_dir}," if run_dir else ""
        return f"stop that one{where} first: kill {holder}"

    def _refuse_foreign_file(self, fd: int) -> None:
        """Raise if the file is not one of hammerd: writing our pid would destroy its text."""
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

    def _has_our_name(self, fd: int) -> bool:
        locked = os.fstat(fd)
        for path in (self._path, self._path.parent):
            with contextlib.suppress(FileNotFoundError):
                named = os.stat(path, follow_symlinks=False)
                return (locked.st_dev, locked.st_ino) == (named.st_dev, named.st_ino)
        return False


def _holder(fd: int) -> tuple[str, str]:
    """Return the pid in a lock file, and the run_dir on its second line, "" for none."""
    try:
        text = os.read(fd, LONGEST_LOCK_BYTES).decode("utf-8", "replace")
    except OSError:
        text = ""
    pid, run_dir = read_lock(text)
    return pid or "unknown", run_dir
