"""An event loop of timers only, whose time passes when a test moves it."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast


@dataclass(slots=True, eq=False)
class VirtualTimer:
    """The result of call_at(): the part of asyncio.TimerHandle that the daemon uses."""

    at: float
    callback: Callable[[], object]
    timers: "list[VirtualTimer]"
    is_cancelled: bool = False

    def when(self) -> float:
        return self.at

    def cancelled(self) -> bool:
        return self.is_cancelled

    def cancel(self) -> None:
        self.is_cancelled = True
        if self in self.timers:
            self.timers.remove(self)


class VirtualLoop:
    """A loop that runs its timers one at a time, and has nothing else."""

    def __init__(self, now_at: float) -> None:
        self.now_at = now_at
        self.timers: list[VirtualTimer] = []
        self._is_early = False

    def time(self) -> float:
        return self.now_at

    def call_at(self, when: float, callback: Callable[[], object]) -> VirtualTimer:
        timer = VirtualTimer(when, callback, self.timers)
        self.timers.append(timer)
        return timer

    def as_loop(self) -> asyncio.AbstractEventLoop:
        """Return this loop typed as the daemon's parts take it."""
        return cast(asyncio.AbstractEventLoop, self)

    def next_at(self) -> float | None:
        """Return when the earliest timer is due, None when none is set."""
        return min((timer.at for timer in self.timers), default=None)

    def run_next(self) -> None:
        """Move the time to the earliest timer and run it.

        Every other one runs a little too early: asyncio lets one by as much as its clock resolves.
        """
        self._is_early = not self._is_early
        timer = min(self.timers, key=VirtualTimer.when)
        self.timers.remove(timer)
        at = math.nextafter(timer.at, -math.inf) if self._is_early else timer.at
        self.now_at = max(self.now_at, at)
        timer.callback()
