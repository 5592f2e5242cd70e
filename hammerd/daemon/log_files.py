"""A log file that a rotation, a full disk or a missing directory does not stop.

Used from the writer thread only. What could not be written is counted and said in the file as
soon as it can be again.
"""

import contextlib
import errno
import os
from pathlib import Path

from hammerd.core.daemon_config import DaemonConfig
from hammerd.core.errors import HammerdError

FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
MODE = 0o640


class LogFile:
    """An append-only file, opened when first needed; `None` as path means stderr."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._fd: int | None = None
        self._lost = 0

    def write_line(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: it could not be written; it is counted as lost.
        """
        try:
            if self._lost:
                self._put(f"# {self._lost} lines before this one could not be written")
                self._lost = 0
            self._put(line)
        except OSError:
            self._lost += 1
            self.reopen()
            raise

    def reopen(self) -> None:
        """Close the file; the next line opens it anew by its name, as a rotation wants it."""
        if self._fd is not None and self._path is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = None

    def _put(self, line: str) -> None:
        if self._fd is None:
            self._fd = self._open()
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        while data:
            data = data[os.write(self._fd, data) :]

    def _open(self) -> int:
        if self._path is None:
            return 2
        return os.open(self._path, FLAGS, MODE)


def check_log_files(settings: DaemonConfig) -> None:
    """Open each log once, so that a bad path is said where the daemon is started.

    A full disk is no reason not to mirror.

    Raises:
        HammerdError: a log can never be written where it is configured.
    """
    for key in ("log_file", "lag_log_file"):
        path = Path(getattr(settings, key))
        try:
            os.close(os.open(path, FLAGS, MODE))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE):
                continue
            message = f"daemon.{key}: {path} cannot be written: {error.strerror}"
            raise HammerdError(
                message, "name a file that hammerd may make or append to"
            ) from error


class LogFiles:
    """The daemon's log and the record of lag."""

    def __init__(self, settings: DaemonConfig) -> None:
        self.log = LogFile(Path(settings.log_file))
        self.lag = LogFile(Path(settings.lag_log_file))

    def reopen(self) -> None:
        """Open both anew by their names with the next line."""
        self.log.reopen()
        self.lag.reopen()
