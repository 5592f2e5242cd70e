"""Reports to the log what breaks in our own code: in the loop, in a pair's step, at the end.

stderr of a daemon may be a pipe that nobody reads: a traceback too many would stop the loop.
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
    """Where the loop, asyncio's own log and failing finalizers report to.

    The same trouble is written once a minute with how often it came. When fds run out the reserve
    is given up for a moment, so that a client can still be accepted and answered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, log: Logger, reserve: Reserve) -> None:
        self._loop = loop
        self._log = log
        self._reserve = reserve
        self._said: dict[str, tuple[float, int]] = {}

    def catch(self) -> None:
        """From now on take what would go to stderr."""
        self._loop.set_exception_handler(self._broke)
        asyncio_log = logging.getLogger("asyncio")
        asyncio_log.handlers = [_Handler(self)]
        asyncio_log.propagate = False
        sys.unraisablehook = self._unraisable

    def say(self, message: str, error: BaseException | None) -> None:
        """Log a trouble, unless the same was logged a moment ago."""
        if isinstance(error, OSError) and error.errno in SHORTAGE:
            self._reserve.release()
            self._loop.call_later(RESERVE_RETURNS_S, self._reserve.refill)
        now_at = self._loop.time()
        kind = f"{message}: {error!r}"
        said_at, unsaid = self._said.get(kind, (-QUIET_S, 0))
        if now_at - said_at < QUIET_S:
            self._said[kind] = (said_at, unsaid + 1)
            return
        if len(self._said) >= MOST_KINDS:
            self._said.clear()
        self._said[kind] = (now_at, 0)
        self._log.error(
            "daemon.broke",
            because=message,
            error=repr(error) if error else None,
            unsaid=unsaid or None,
            traceback="".join(traceback.format_exception(error)) if error else None,
        )

    def _unraisable(self, it: "sys.UnraisableHookArgs") -> None:
        """Take what a finalizer raised, on whatever thread that is; the log is the loop's."""
        message = str(it.err_msg or "an exception nobody could catch")
        call_on_loop(self._loop, partial(self.say, message, it.exc_value))

    def _broke(self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        error = context.get("exception")
        message = str(context.get("message", "the loop broke"))
        self.say(message, error if isinstance(error, BaseException) else None)


class _Handler(logging.Handler):
    """Takes asyncio's own warnings."""

    def __init__(self, errors: LoopErrors) -> None:
        super().__init__(logging.WARNING)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._errors.say(record.getMessage(), error)


MOST_FAULTS = 1000
"""A fault of each kind for every pair of a large config; more say nothing new."""


class Faults:
    """Faults of our own code, each kind logged once.

    A fault in what writes the log may be what is to be told: nothing here raises, and what could
    not be told is tried again when something was written.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._kinds: set[str] = set()
        self._untold: dict[str, tuple[str, dict[str, object]]] = {}

    def tell(self, kind: str, event: str, error: Exception, **fields: object) -> bool:
        """Log a fault with its traceback, unless one of its kind was; False if it has to wait."""
        if kind in self._kinds or len(self._kinds) >= MOST_FAULTS:
            return kind not in self._untold
        self._kinds.add(kind)
        trace = "".join(traceback.format_exception(error))
        self._untold[kind] = (event, {**fields, "traceback": trace})
        self.tell_rest()
        return kind not in self._untold

    def tell_rest(self) -> None:
        """Log what could not be logged before."""
        for kind, (event, fields) in tuple(self._untold.items()):
            try:
                self._log.error(event, **fields)
            except Exception:
                return
            del self._untold[kind]


@contextlib.contextmanager
def last_words(settings: DaemonConfig) -> Iterator[None]:
    """Log what ends a daemon that was ready, and let it go on.

    The line is written at once and by hand: the loop and the writer thread may be what broke.
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
