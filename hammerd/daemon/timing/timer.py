"""A timer that is set anew again and again; only what was set last counts."""

import asyncio
from collections.abc import Callable


class Timer:
    """Calls `on_time` once, at the instant that was set last."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_time: Callable[[], object]) -> None:
        self._loop = loop
        self._on_time = on_time
        self._handle: asyncio.TimerHandle | None = None
        self.at: float | None = None
        """When it calls (monotonic), None while it is not set."""

    def set(self, at: float | None) -> None:
        """Call at this instant instead of the one set before; None: not at all."""
        if at == self.at:
            return
        if self._handle is not None:
            self._handle.cancel()
        self.at = at
        self._handle = None if at is None else self._loop.call_at(at, self._call)

    def set_no_later(self, at: float) -> None:
        """Call at this instant, unless an earlier one is set."""
        if self.at is None or at < self.at:
            self.set(at)

    def stop(self) -> None:
        """Do not call."""
        self.set(None)

    def _call(self) -> None:
        self._handle = self.at = None
        self._on_time()
