"""Builds the log, the record of lag and the history of a daemon, with one writer thread."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from hammerd.core.config.model import DaemonConfig, LogLevel
from hammerd.daemon.history.recorder import History
from hammerd.daemon.logging.files import LineBatch, LogFiles
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import LogStyle, make_logger, render
from hammerd.daemon.threads.writer_thread import Priority, WriterThread, call_on_loop
from hammerd.daemon.timing.clock import Clock


class Logs:
    """The log, the record of lag and the history, and the thread that writes them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: DaemonConfig, clock: Clock
    ) -> None:
        self._loop = loop
        self.writer = WriterThread()
        self.writer.on_dropped = self.from_thread("log.lines_dropped", "count")
        self.writer.on_error = self.from_thread("writer.broke", "traceback")
        self.files = LogFiles(settings)
        self.history = history = History(settings, clock, self.writer)
        style = LogStyle(settings.log_format, settings.log_level)
        lag_style = LogStyle(settings.log_format, LogLevel.INFO)
        self.styles = style, lag_style
        lag_lines = LineBatch(loop, self.writer, self.files.lag, Priority.DROPPABLE)
        self.journal = Journal(
            make_logger(self._write_line, style, history.record_event),
            make_logger(lambda _level, line: lag_lines.put(line), lag_style, history.record_lag),
        )
        history.log = self.journal.log

    def from_thread(self, event: str, key: str) -> Callable[[object], None]:
        """Return a function that logs an error from any thread; its argument becomes `key`."""

        def log_error(value: object) -> None:
            call_on_loop(self._loop, lambda: self.journal.log.error(event, **{key: value}))

        return log_error

    def describe(self, unwritten: int) -> Mapping[str, object]:
        """Return the part of a status about logs; `unwritten` lines never came to the thread."""
        return {
            "lines_dropped": self.writer.dropped,
            "writes_failed": self.writer.failed + unwritten,
            **self.files.system.describe(),
        }

    def reopen(self) -> None:
        """Open the log files again, after they were rotated."""
        self.writer.submit(self.files.reopen)

    def write_error(self, event: str, **fields: object) -> None:
        """Write an error on this thread, after the loop has ended."""
        line = render(self.styles[0].format, "error", event, **fields)
        self.files.write_line(LogLevel.ERROR, line)

    def _write_line(self, level: LogLevel, line: str) -> None:
        self.writer.submit(partial(self.files.write_line, level, line))
