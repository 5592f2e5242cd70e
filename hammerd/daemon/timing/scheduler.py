"""Runs actions at intervals, all counted from one start.

    start ── 1 interval ── 2 intervals ── ...   a late action skips intervals until it has idled

Actions that are due at the same instant share one timer, so that an idle daemon wakes once for
all of them. An action that still runs is not started a second time.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from hammerd.daemon.timing.timers import Timer

IDLE_SHARE = 0.5
"""The share of its interval that an action is idle before the next run, however long it took."""

Action = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Scheduled:
    action: Action
    interval_s: float
    due_at: float
    task: asyncio.Task[None] | None = None


class Scheduler:
    """The actions, and one timer for all of them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_error: Callable[[Exception], object]
    ) -> None:
        self._loop = loop
        self._on_error = on_error
        self._scheduled: tuple[_Scheduled, ...] = ()
        self._timer = Timer(loop, self._tick)
        self._started_at = 0.0

    def start(self, actions: Iterable[tuple[Action, float]]) -> None:
        """Run each action now, in this order, and again after each interval (seconds)."""
        self._started_at = now_at = self._loop.time()
        self._scheduled = tuple(
            _Scheduled(action, interval_s, now_at) for action, interval_s in actions
        )
        self._tick()

    def stop(self) -> None:
        """Start no action any more, and cancel those that run."""
        self._timer.stop()
        for each in self._scheduled:
            if each.task is not None:
                each.task.cancel()
        self._scheduled = ()

    def _tick(self) -> None:
        now_at = self._loop.time()
        for each in self._scheduled:
            if each.task is None and each.due_at <= now_at:
                each.task = self._loop.create_task(self._run(each))
        self._set_timer()

    async def _run(self, each: _Scheduled) -> None:
        try:
            await each.action()
        except Exception as error:
            self._on_error(error)
        finally:
            each.task, each.due_at = None, self._next_at(each.interval_s)
            self._set_timer()

    def _next_at(self, interval_s: float) -> float:
        idle_until_s = self._loop.time() + IDLE_SHARE * interval_s - self._started_at
        return self._started_at + math.ceil(idle_until_s / interval_s) * interval_s

    def _set_timer(self) -> None:
        due_at = min((each.due_at for each in self._scheduled if each.task is None), default=None)
        self._timer.set(due_at)
