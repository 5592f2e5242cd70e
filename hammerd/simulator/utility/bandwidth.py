"""Holds the source half back to so many bytes a second (HAMMER.md 13, -b)."""

from __future__ import annotations

from hammerd.simulator import clock
from hammerd.simulator.utility import wire


class Throttle:
    """Sends on fd 1; after each full budget it sleeps to the end of the second."""

    __slots__ = ("budget", "started", "used")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.started = clock.now()

    def send(self, data: bytes) -> None:
        """Send everything, in pieces of the budget when there is one."""
        while self.budget and self.used + len(data) >= self.budget:
            piece, data = data[: self.budget - self.used], data[self.budget - self.used :]
            wire.send(piece)
            self._pause()
        wire.send(data)
        self.used += len(data)

    def _pause(self) -> None:
        passed_s = clock.now() - self.started
        if 0 <= passed_s < 1:
            clock.sleep(1 - passed_s, "bandwidth")
        self.started = clock.now()
        self.used = 0
