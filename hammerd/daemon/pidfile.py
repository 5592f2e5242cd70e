"""The pid file, locked for as long as the daemon lives: never two hammerds on one run_dir."""

import contextlib
import fcntl
import os
from pathlib import Path

from hammerd.core.errors import AlreadyRunning


class PidFile:
    """A pid file that this process holds the lock of."""

    def __init__(self, path: Path) -> None:
        """Take the lock and write our pid.

        Raises:
            AlreadyRunning: another process holds the lock; the message names it.
            OSError: the file cannot be made.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._path = path
        self._fd = os.open(path, flags, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            message = f"hammerd is already running as pid {holder} (lock on {path})"
            raise AlreadyRunning(message, "stop it first: service hammerd stop") from error
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def __enter__(self) -> "PidFile":
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file, then let the lock go, in this order: no other may hold ours."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._fd)
