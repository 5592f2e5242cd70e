"""Writes log files, through rotations, full disks and missing directories.

Only the writer thread uses the files. Lines that could not be written are counted, and the count
is the next line of the file. A FIFO is never opened, because that could wait for its reader.
"""

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from hammerd.core.config.model import DaemonConfig, LogFormat, LogLevel
from hammerd.core.errors import HammerdError
from hammerd.daemon.logging.setup import render
from hammerd.daemon.logging.syslog import SystemLog
from hammerd.daemon.service.directories import check_directory
from hammerd.daemon.threads.writer_thread import Priority, WriterThread

# NONBLOCK: opening a FIFO would wait for a reader, and hold up all other files.
FLAGS = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | os.O_CLOEXEC
    | os.O_NOFOLLOW
    | os.O_NONBLOCK
    | os.O_NOCTTY
)
MODE = 0o640
TEMPORARY = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS}
)
"""Errors that may be cured while we mirror."""

DescribeLoss = Callable[[int], str]


def render_lines_lost(log_format: LogFormat, count: int) -> str:
    """Return the line about `count` lines that could not be written, in the log's format."""
    return render(log_format, "warning", "log.lines_lost", count=count)


class LogFile:
    """An append-only file, opened at the first line."""

    def __init__(self, path: Path, describe_loss: DescribeLoss) -> None:
        self._path = path
        self._describe_loss = describe_loss
        self._fd: int | None = None
        self._lost = 0
        self._has_partial_line = False

    def write_line(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: it could not be written; it is counted as lost.
        """
        self.write_lines((line,))

    def write_lines(self, lines: Iterable[str]) -> None:
        """Append lines, all in one write if the disk has space for them.

        Raises:
            OSError: some could not be written; they are counted as lost.
        """
        unwritten = list(lines)
        try:
            if self._lost:
                self._put([self._describe_loss(self._lost)])
                self._lost = 0
            self._put(unwritten)
        except OSError:
            self._lost += len(unwritten)
            self.reopen()
            raise

    def move(self, path: Path, describe_loss: DescribeLoss) -> None:
        """Close the file, and write to this path from now on."""
        self.reopen()
        if path != self._path:
            self._path, self._has_partial_line = path, False
        self._describe_loss = describe_loss

    def reopen(self) -> None:
        """Close the file; the next line opens it by its name again, as rotations need it."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = None

    def _put(self, lines: list[str]) -> None:
        """Append lines, and remove the written ones from the list."""
        if self._fd is not None and os.fstat(self._fd).st_nlink == 0:
            self.reopen()  # the file was deleted: nobody could read the lines
        if self._fd is None:
            self._fd = open_log(self._path)
        # After a full disk cut a line, the next one must not continue it.
        data = b"\n" if self._has_partial_line else b""
        whole = -len(data)
        data += b"".join(line.encode("utf-8", "backslashreplace") + b"\n" for line in lines)
        try:
            while data:
                written = os.write(self._fd, data)
                self._has_partial_line = data[:written][-1:] != b"\n"
                whole += data.count(b"\n", 0, written)
                data = data[written:]
        finally:
            del lines[: max(whole, 0)]


def open_log(path: Path) -> int:
    """Open a log for appending; never wait.

    Raises:
        OSError: the file cannot be opened, or is a FIFO or a socket.
    """
    fd = os.open(path, FLAGS, MODE)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISCHR(mode):
        os.close(fd)
        raise OSError(errno.ENXIO, "it is neither a file nor a device", str(path))
    return fd


def check_log_files(settings: DaemonConfig) -> None:
    """Open each log once, so that a bad path is an error of the daemon's start.

    Temporary errors, such as a full disk, are no reason not to mirror.

    Raises:
        HammerdError: a log cannot be written at its path, or is not safe there.
    """
    for key in ("log_file", "lag_log_file"):
        path = Path(getattr(settings, key))
        try:
            check_directory(key, path.parent)
            os.close(open_log(path))
        except OSError as error:
            if error.errno in TEMPORARY:
                continue
            reason = _reason(path, error)
            message = f"daemon.{key}: {path} cannot be written: {reason}"
            raise HammerdError(
                message, "name a file that hammerd may make or append to"
            ) from error


def _reason(path: Path, error: OSError) -> str:
    # A FIFO without a reader and a socket fail in open(), with a text that does not help.
    if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
        return f"{path.name} is neither a file nor a device"
    return error.strerror or str(error)


class LogFiles:
    """The daemon's log, the record of lag, and syslog, if the config names a facility."""

    def __init__(self, settings: DaemonConfig) -> None:
        describe_loss = partial(render_lines_lost, settings.log_format)
        self.log = LogFile(Path(settings.log_file), describe_loss)
        self.lag = LogFile(Path(settings.lag_log_file), describe_loss)
        self.system = SystemLog(settings.syslog_facility, settings.log_format)

    def write_line(self, level: LogLevel, line: str) -> None:
        """Write a line to the log and to syslogd; an error of one does not affect the other.

        Raises:
            OSError: the line could not be written to the log, and is counted as lost there.
        """
        try:
            self.log.write_line(line)
        finally:
            self.system.write_line(level, line)

    def take_over(self, settings: DaemonConfig) -> None:
        """Use these settings from now on."""
        describe_loss = partial(render_lines_lost, settings.log_format)
        self.log.move(Path(settings.log_file), describe_loss)
        self.lag.move(Path(settings.lag_log_file), describe_loss)
        self.system.facility = settings.syslog_facility
        self.system.log_format = settings.log_format

    def reopen(self) -> None:
        """Close both files; the next line opens each by its name again."""
        self.log.reopen()
        self.lag.reopen()


class LineBatch:
    """The lines of one turn of the loop, written to a file by one job of the writer thread.

    A sample has a line for every pair: a job for each line would wake the writer as often, and
    each time it would wait for the interpreter while the loop goes on with the next pair.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        writer: WriterThread,
        file: LogFile,
        priority: Priority,
    ) -> None:
        self._loop = loop
        self._writer = writer
        self._file = file
        self._priority = priority
        self._lines: list[str] = []

    def put(self, line: str) -> None:
        """Add a line; all lines of this turn of the loop are submitted together."""
        if not self._lines:
            self._loop.call_soon(self._submit)
        self._lines.append(line)

    def _submit(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            write = partial(self._file.write_lines, lines)
            self._writer.submit(write, self._priority, len(lines))
