"""Runs calls that may block on a separate thread, one at a time, and awaits them with a deadline.

The writer thread cannot do this: a caller that awaits a result must not wait for a queue of log
lines and a disk that hangs. A thread that hangs stays, as the only one, until its call returns.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from hammerd.daemon.threads.writer_thread import call_on_loop

T = TypeVar("T")


class BlockingCalls:
    """At most one thread, which ends with its call."""

    def __init__(self) -> None:
        self._is_busy = False

    async def run(self, call: Callable[[], T], timeout_s: float) -> T:
        """Return what `call` returns, or raise what it raises.

        Raises:
            TimeoutError: it takes longer, or an earlier call has not returned yet.
        """
        if self._is_busy:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        thread = threading.Thread(
            target=self._run, args=(loop, call, done), name="blocking-call", daemon=True
        )
        thread.start()
        # Only now: after a thread that could not be started the next call may run.
        self._is_busy = True
        return await asyncio.wait_for(done, timeout_s)

    def _run(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[], T], done: asyncio.Future[T]
    ) -> None:
        # Signals are for the loop's thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            settle = partial(done.set_result, call())
        except Exception as error:
            settle = partial(done.set_exception, error)
        call_on_loop(loop, partial(self._finish, done, settle))

    def _finish(self, done: asyncio.Future[T], settle: Callable[[], None]) -> None:
        self._is_busy = False
        if not done.done():
            settle()
