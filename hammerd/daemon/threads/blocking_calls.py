"""Does what may block on a thread of its own, one at a time, while the loop waits for it.

The writer thread would do, but for its queue: whoever waits for an answer must not wait for a log
on a disk that hangs. A thread that hangs itself stays, alone, until what it waits for comes.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from hammerd.daemon.threads.writer_thread import tell_loop

T = TypeVar("T")


class BlockingCalls:
    """At most one thread, which lives as long as what it does."""

    def __init__(self) -> None:
        self._is_busy = False

    async def do(self, act: Callable[[], T], timeout_s: float) -> T:
        """Return what `act` returns, or raise what it raises.

        Raises:
            TimeoutError: it takes longer, or an earlier one still does.
        """
        if self._is_busy:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        thread = threading.Thread(
            target=self._run, args=(loop, act, done), name="aside", daemon=True
        )
        thread.start()
        # Only now: a thread that cannot be started leaves nobody busy.
        self._is_busy = True
        return await asyncio.wait_for(done, timeout_s)

    def _run(
        self, loop: asyncio.AbstractEventLoop, act: Callable[[], T], done: asyncio.Future[T]
    ) -> None:
        # Signals are for the loop's thread.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            tell = partial(done.set_result, act())
        except Exception as error:
            tell = partial(done.set_exception, error)
        tell_loop(loop, partial(self._end, done, tell))

    def _end(self, done: asyncio.Future[T], tell: Callable[[], None]) -> None:
        self._is_busy = False
        if not done.done():
            tell()
