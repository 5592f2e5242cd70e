"""A log file that a rotation, a full disk or a missing directory does not stop.

Files are used from the writer thread only. What could not be written is counted and said in the
file as soon as it can be again. Nothing is ever opened that could make us wait for a reader.
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

# NONBLOCK: to open a FIFO that nobody reads would wait for a reader, and all other files with it.
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
PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS}
)
"""What a disk or a system may get over while we mirror."""

DescribeLoss = Callable[[int], str]


def say_lines_lost(log_format: LogFormat, count: int) -> str:
    """Return the line that tells of lines which could not be written, in the log's format."""
    return render(log_format, "warning", "log.lines_lost", count=count)


class LogFile:
    """An append-only file, opened when first needed."""

    def __init__(self, path: Path, describe_loss: DescribeLoss) -> None:
        self._path = path
        self._describe_loss = describe_loss
        self._fd: int | None = None
        self._lost = 0
        self._is_torn = False

    def write_line(self, line: str) -> None:
        """Append a line.

        Raises:
            OSError: it could not be written; it is counted as lost.
        """
        self.write_lines((line,))

    def write_lines(self, lines: Iterable[str]) -> None:
        """Append lines, all at once where the disk has room for them.

        Raises:
            OSError: some could not be written; they are counted as lost.
        """
        left = list(lines)
        try:
            if self._lost:
                self._put([self._describe_loss(self._lost)])
                self._lost = 0
            self._put(left)
        except OSError:
            self._lost += len(left)
            self.reopen()
            raise

    def move(self, path: Path, describe_loss: DescribeLoss) -> None:
        """Write to another file from now on, or to this one anew."""
        self.reopen()
        if path != self._path:
            self._path, self._is_torn = path, False
        self._describe_loss = describe_loss

    def reopen(self) -> None:
        """Close the file; the next line opens it anew by its name, as a rotation wants it."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = None

    def _put(self, lines: list[str]) -> None:
        """Append lines, and take those that stand in the file out of the list."""
        if self._fd is not None and os.fstat(self._fd).st_nlink == 0:
            self.reopen()  # it was removed: nobody would ever read what goes there
        if self._fd is None:
            self._fd = open_log(self._path)
        # What a full disk took of a line must not run into the next one.
        data = b"\n" if self._is_torn else b""
        whole = -len(data)
        data += b"".join(line.encode("utf-8", "backslashreplace") + b"\n" for line in lines)
        try:
            while data:
                written = os.write(self._fd, data)
                self._is_torn = data[:written][-1:] != b"\n"
                whole += data.count(b"\n", 0, written)
                data = data[written:]
        finally:
            del lines[: max(whole, 0)]


def open_log(path: Path) -> int:
    """Open a log for appending, without ever waiting.

    Raises:
        OSError: that cannot be done, or the file is no log but a FIFO or a socket.
    """
    fd = os.open(path, FLAGS, MODE)
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISCHR(mode):
        os.close(fd)
        raise OSError(errno.ENXIO, "it is neither a file nor a device", str(path))
    return fd


def check_log_files(settings: DaemonConfig) -> None:
    """Open each log once, so that a bad path is said where the daemon is started.

    A full disk is no reason not to mirror.

    Raises:
        HammerdError: a log can never be written where it is configured, or is not safe there.
    """
    for key in ("log_file", "lag_log_file"):
        path = Path(getattr(settings, key))
        try:
            check_directory(key, path.parent)
            os.close(open_log(path))
        except OSError as error:
            if error.errno in PASSING:
                continue
            reason = _why_not(path, error)
            message = f"daemon.{key}: {path} cannot be written: {reason}"
            raise HammerdError(
                message, "name a file that hammerd may make or append to"
            ) from error


def _why_not(path: Path, error: OSError) -> str:
    # A FIFO without a reader and a socket fail in open(), with words that help nobody.
    if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
        return f"{path.name} is neither a file nor a device"
    return error.strerror or str(error)


class LogFiles:
    """The daemon's log, for syslogd as well where that is asked for, and the record of lag."""

    def __init__(self, settings: DaemonConfig) -> None:
        describe_loss = partial(say_lines_lost, settings.log_format)
        self.log = LogFile(Path(settings.log_file), describe_loss)
        self.lag = LogFile(Path(settings.lag_log_file), describe_loss)
        self.system = SystemLog(settings.syslog_facility, settings.log_format)

    def write_line(self, level: LogLevel, line: str) -> None:
        """Write a line to the log and to syslogd, to each whatever the other does.

        Raises:
            OSError: the log did not take it; it is counted as lost there.
        """
        try:
            self.log.write_line(line)
        finally:
            self.system.write_line(level, line)

    def take_over(self, settings: DaemonConfig) -> None:
        """Write where and how these settings say from now on."""
        describe_loss = partial(say_lines_lost, settings.log_format)
        self.log.move(Path(settings.log_file), describe_loss)
        self.lag.move(Path(settings.lag_log_file), describe_loss)
        self.system.facility = settings.syslog_facility
        self.system.log_format = settings.log_format

    def reopen(self) -> None:
        """Open both anew by their names with the next line."""
        self.log.reopen()
        self.lag.reopen()


class LineBatch:
    """Lines of one turn of the loop for a file, handed to the writer thread as one job.

    A sample says something of every pair: a job for each line would wake the writer as often, and
    have it wait for the interpreter each time while the loop goes on with the next pair.
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
        """Add a line, which is handed over with all others of this turn of the loop."""
        if not self._lines:
            self._loop.call_soon(self.hand_over)
        self._lines.append(line)

    def hand_over(self) -> None:
        """Hand over what is there now."""
        lines, self._lines = self._lines, []
        if lines:
            write = partial(self._file.write_lines, lines)
            self._writer.submit(write, self._priority, len(lines))
