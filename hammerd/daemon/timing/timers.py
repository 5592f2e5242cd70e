"""A timer that can be set again, and the deadlines of all pairs, which share one timer."""

import asyncio
import heapq
from collections.abc import Callable


class Timer:
    """Calls `on_time` once, at the instant that was set last."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_time: Callable[[], object]) -> None:
        self._loop = loop
        self._on_time = on_time
        self._handle: asyncio.TimerHandle | None = None
        self.at: float | None = None
        """The instant of the call (monotonic), None while the timer is not set."""

    def set(self, at: float | None) -> None:
        """Replace the instant of the call; None cancels it."""
        if at == self.at:
            return
        if self._handle is not None:
            self._handle.cancel()
        self.at = at
        self._handle = None if at is None else self._loop.call_at(at, self._call)

    def set_no_later(self, at: float) -> None:
        """Set the instant of the call, unless an earlier one is set."""
        if self.at is None or at < self.at:
            self.set(at)

    def stop(self) -> None:
        """Cancel the call."""
        self.set(None)

    def _call(self) -> None:
        self._handle = self.at = None
        self._on_time()


class Deadlines:
    """The deadline of each pair that has one (monotonic seconds), sorted by a heap.

    Each message of a stream moves its pair's deadline. The old entry stays in the heap until it
    comes to the top, or until most entries are old and the heap is built again.
    """

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def put(self, pair: str, at: float | None) -> None:
        """Set a pair's deadline, None for none."""
        if at is None:
            self._at.pop(pair, None)
        elif self._at.get(pair) != at:
            self._at[pair] = at
            heapq.heappush(self._heap, (at, pair))
        if len(self._heap) > 2 * len(self._at) + 16:
            self._heap = [(at, pair) for pair, at in self._at.items()]
            heapq.heapify(self._heap)

    def earliest_at(self) -> float | None:
        """Return the earliest deadline, None when there is none."""
        while self._heap:
            at, pair = self._heap[0]
            if self._at.get(pair) == at:
                return at
            heapq.heappop(self._heap)
        return None

    def take_due(self, now_at: float) -> list[str]:
        """Return the pairs whose deadline has passed; they have none until the next put()."""
        due = []
        while (at := self.earliest_at()) is not None and at <= now_at:
            pair = heapq.heappop(self._heap)[1]
            del self._at[pair]
            due.append(pair)
        return due
