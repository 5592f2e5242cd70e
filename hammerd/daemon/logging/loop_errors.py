"""What breaks in the loop without anybody to catch it goes to the log, and never to stderr.

stderr of a daemon may be a pipe that nobody reads: a traceback too many would stop the loop. The
same trouble is written once a minute with how often it came. When fds run out the reserve is
given up for a moment, so that a client can still be accepted and answered.
"""

import asyncio
import logging
import sys
import traceback
from collections.abc import Mapping
from functools import partial

from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.process.fd_limits import SHORTAGE, Reserve
from hammerd.daemon.threads.writer_thread import tell_loop

QUIET_S = 60.0
RESERVE_RETURNS_S = 5.0
MOST_KINDS = 100


class LoopErrors:
    """Where the loop, asyncio's own log and failing finalizers report to."""

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
            self._reserve.give()
            self._loop.call_later(RESERVE_RETURNS_S, self._reserve.hold)
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
        tell_loop(self._loop, partial(self.say, message, it.exc_value))

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
