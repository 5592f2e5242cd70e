"""Defines which events of the history are wanted, as conditions of SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.config.model import LogLevel

LEVELS = tuple(level.value for level in LogLevel)
"""The levels of events, the least important first."""

FEW_PAIRS = 8


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Conditions that an event must all meet; those that are left out admit every event.

    `pairs`: None for all, and for the events of hammerd itself. `names`: names of events and
    patterns like `pair.*`, of which one must match. `level`: this one or a more important one.
    `until_ms`, `after_id` and `before_id`: up to that time, and ids between these two.
    """

    pairs: Sequence[str] | None = None
    names: Sequence[str] = ()
    level: str = LEVELS[0]
    since_ms: int = 0
    until_ms: int | None = None
    after_id: int = 0
    before_id: int | None = None

    def condition(self) -> tuple[str, list[object]]:
        """Return the condition after WHERE, and its values."""
        parts = list(self._parts())
        return " AND ".join(text for text, _ in parts), [each for _, few in parts for each in few]

    def _parts(self) -> Iterator[tuple[str, Sequence[object]]]:
        yield "time_ms >= ?", (self.since_ms,)
        if self.until_ms is not None:
            yield "time_ms <= ?", (self.until_ms,)
        if self.after_id:
            yield "id > ?", (self.after_id,)
        if self.before_id is not None:
            yield "id < ?", (self.before_id,)
        if self.pairs is not None:
            # Of many pairs the last events are found faster without the index by pair.
            column = "pair" if len(self.pairs) <= FEW_PAIRS else "+pair"
            yield f"{column} IN ({_marks(self.pairs)})", self.pairs
        if self.names:
            globs = [name.replace("[!", "[^") for name in self.names]
            yield f"({' OR '.join('event GLOB ?' for _ in globs)})", globs
        if self.level != LEVELS[0]:
            levels = LEVELS[LEVELS.index(self.level) :]
            yield f"level IN ({_marks(levels)})", levels


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
