"""Reads the wall clock for the whole daemon; rules count in monotonic seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hammerd.core.rfc3339 import rfc3339


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks: `at` for rules (monotonic), `time` for people (wall)."""

    at: float
    time: float

    def later(self, span_s: float) -> "Instant":
        """Return the instant `span_s` seconds after this one."""
        return Instant(self.at + span_s, self.time + span_s)


class Clock:
    """Reads the monotonic and the wall clock, and converts between them."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take the loop's clock: deadlines and readings must count on the same one."""
        self._monotonic = monotonic

    def now(self) -> Instant:
        """Return the present instant."""
        return Instant(self._monotonic(), time.time())

    def wall_time(self, at: float) -> float:
        """Return the wall time of a monotonic instant, by the wall clock as it is now."""
        now = self.now()
        return now.time + (at - now.at)

    def monotonic_at(self, wall_time: float) -> float:
        """Return the monotonic instant of a wall time, by the wall clock as it is now."""
        now = self.now()
        return now.at + (wall_time - now.time)

    def rfc3339(self, at: float) -> str:
        """Render a monotonic instant for people and scripts: RFC 3339, UTC, milliseconds."""
        return rfc3339(self.wall_time(at))
