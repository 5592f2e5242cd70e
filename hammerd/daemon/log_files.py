"""A log file that a rotation, a full disk or a missing directory does not stop.

Used from the writer thread only. What could not be written is counted and said in the file as
soon as it can be again.
"""

import contextlib
import os
from pathlib import Path

from hammerd.core.daemon_config import DaemonConfig


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
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._path, flags, 0o640)


class LogFiles:
    """The daemon's log and the record of lag."""

    def __init__(self, settings: DaemonConfig) -> None:
        self.log = LogFile(Path(settings.log_file))
        self.lag = LogFile(Path(settings.lag_log_file))

    def reopen(self) -> None:
        """Open both anew by their names with the next line."""
        self.log.reopen()
        self.lag.reopen()
