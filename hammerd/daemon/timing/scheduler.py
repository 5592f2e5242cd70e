"""What is done at intervals: each act at its own, all counted from one start.

    start ── 1 interval ── 2 intervals ── ...      late: the next one that leaves time to rest

Acts that fall on the same instant share one timer, so an idle daemon is woken once for all of
them. One that is still under way is not begun again.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from hammerd.daemon.timing.timers import Timer

REST_SHARE = 0.5
"""How much of its interval an act must be left to rest, however long it took."""

Act = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Ticking:
    act: Act
    interval_s: float
    due_at: float
    task: asyncio.Task[None] | None = None


class Scheduler:
    """The acts, and the one timer for all of them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_broken: Callable[[Exception], object]
    ) -> None:
        self._loop = loop
        self._on_broken = on_broken
        self._ticking: tuple[_Ticking, ...] = ()
        self._timer = Timer(loop, self._tick)
        self._started_at = 0.0

    def start(self, acts: Iterable[tuple[Act, float]]) -> None:
        """Begin each act now, in this order, and again after each interval (seconds)."""
        self._started_at = now_at = self._loop.time()
        self._ticking = tuple(_Ticking(act, interval_s, now_at) for act, interval_s in acts)
        self._tick()

    def stop(self) -> None:
        """Begin nothing more, and cancel what is under way."""
        self._timer.stop()
        for each in self._ticking:
            if each.task is not None:
                each.task.cancel()
        self._ticking = ()

    def _tick(self) -> None:
        now_at = self._loop.time()
        for each in self._ticking:
            if each.task is None and each.due_at <= now_at:
                each.task = self._loop.create_task(self._do(each))
        self._set_timer()

    async def _do(self, each: _Ticking) -> None:
        try:
            await each.act()
        except Exception as error:
            self._on_broken(error)
        finally:
            each.task, each.due_at = None, self._next_at(each.interval_s)
            self._set_timer()

    def _next_at(self, interval_s: float) -> float:
        rested_s = self._loop.time() + REST_SHARE * interval_s - self._started_at
        return self._started_at + math.ceil(rested_s / interval_s) * interval_s

    def _set_timer(self) -> None:
        due_at = min((each.due_at for each in self._ticking if each.task is None), default=None)
        self._timer.set(due_at)
