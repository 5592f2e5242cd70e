"""Logs errors of our own code: in the loop, in a pair's step, and the error that ends the daemon.

Nothing is written to stderr: it may be a pipe without a reader, and once the pipe is full, the
next traceback would stop the loop.
"""

import asyncio
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.logging.files import open_log
from hammerd.daemon.logging.setup import Logger, render
from hammerd.daemon.process.fd_limits import SHORTAGE, Reserve
from hammerd.daemon.threads.writer_thread import call_on_loop

QUIET_S = 60.0
RESERVE_RETURNS_S = 5.0
MOST_KINDS = 100


class LoopErrors:
    """Logs the errors of the loop, of asyncio's own log and of failing finalizers.

    The same error is logged once a minute, with the number of repetitions. When the process has
    no fds left, the reserve is released for a moment, so that a client can still get an answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: Logger, reserve: Reserve) -> None:
        self._loop = loop
        self._log = log
        self._reserve = reserve
        self._reported: dict[str, tuple[float, int]] = {}

    def catch(self) -> None:
        """Replace the handlers that write to stderr."""
        self._loop.set_exception_handler(self._report_context)
        asyncio_log = logging.getLogger("asyncio")
        asyncio_log.handlers = [_Handler(self)]
        asyncio_log.propagate = False
        sys.unraisablehook = self._report_unraisable

    def report(self, message: str, error: BaseException | None) -> None:
        """Log an error, unless the same was logged within the last minute."""
        if isinstance(error, OSError) and error.errno in SHORTAGE:
            self._reserve.release()
            self._loop.call_later(RESERVE_RETURNS_S, self._reserve.refill)
        now_at = self._loop.time()
        kind = f"{message}: {error!r}"
        reported_at, repetitions = self._reported.get(kind, (-QUIET_S, 0))
        if now_at - reported_at < QUIET_S:
            self._reported[kind] = (reported_at, repetitions + 1)
            return
        if len(self._reported) >= MOST_KINDS:
            self._reported.clear()
        self._reported[kind] = (now_at, 0)
        self._log.error(
            "daemon.broke",
            because=message,
            error=repr(error) if error else None,
            unsaid=repetitions or None,
            traceback="".join(traceback.format_exception(error)) if error else None,
        )

    def _report_unraisable(self, args: "sys.UnraisableHookArgs") -> None:
        """Report the error of a finalizer, which may run on any thread, from the loop's thread."""
        message = str(args.err_msg or "an exception nobody could catch")
        call_on_loop(self._loop, partial(self.report, message, args.exc_value))

    def _report_context(
        self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, object]
    ) -> None:
        error = context.get("exception")
        message = str(context.get("message", "the loop broke"))
        self.report(message, error if isinstance(error, BaseException) else None)


class _Handler(logging.Handler):
    def __init__(self, errors: LoopErrors) -> None:
        super().__init__(logging.WARNING)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._errors.report(record.getMessage(), error)


MOST_FAULTS = 1000
"""A fault of each kind for every pair of a large config; further ones are not logged."""


class Faults:
    """Faults of our own code, each kind logged once.

    The fault may be in the log itself: no method raises, and a fault that could not be logged is
    logged with the next call.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._kinds: set[str] = set()
        self._pending: dict[str, tuple[str, dict[str, object]]] = {}

    def report(self, kind: str, event: str, error: Exception, **fields: object) -> bool:
        """Log a fault with its traceback, once for each kind; return False if it is pending."""
        if kind in self._kinds or len(self._kinds) >= MOST_FAULTS:
            return kind not in self._pending
        self._kinds.add(kind)
        trace = "".join(traceback.format_exception(error))
        self._pending[kind] = (event, {**fields, "traceback": trace})
        self.report_pending()
        return kind not in self._pending

    def report_pending(self) -> None:
        """Log the faults that could not be logged before."""
        for kind, (event, fields) in tuple(self._pending.items()):
            try:
                self._log.error(event, **fields)
            except Exception:
                return
            del self._pending[kind]


@contextlib.contextmanager
def logging_fatal_error(settings: DaemonConfig) -> Iterator[None]:
    """Log an error that ends a daemon that was ready, and raise it again.

    The line is written directly into the file: the error may be in the loop or the writer thread.
    """
    try:
        yield
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        hint = "please report this; hammerd has ended, its streams have not: start it again"
        line = render(
            settings.log_format,
            "error",
            "daemon.died",
            because=repr(error),
            hint=hint,
            traceback=trace,
        )
        with contextlib.suppress(OSError):
            fd = open_log(Path(settings.log_file))
            os.write(fd, f"{line}\n".encode("utf-8", "backslashreplace"))
            os.close(fd)
        raise
