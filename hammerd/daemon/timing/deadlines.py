"""The deadlines of all pairs: which is the earliest, without looking at every one.

A stream that says something moves its pair's deadline; what was put before stays in the heap as
a stale entry until it comes up, or until there are more stale ones than others.
"""

import heapq


class Deadlines:
    """One instant for each pair that has one (monotonic seconds)."""

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
        """Return the pairs whose deadline has come; they have none until the next put()."""
        due = []
        while (at := self.earliest_at()) is not None and at <= now_at:
            pair = heapq.heappop(self._heap)[1]
            del self._at[pair]
            due.append(pair)
        return due
