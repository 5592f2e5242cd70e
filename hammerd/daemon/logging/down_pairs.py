"""Knows which pairs are down, so that the log tells each of them once, and again after hours.

    pair.waiting because=link_lost         warning
    ... another try, the same cause        debug
    pair.still_down failures=52            warning, every four hours
    ... another try, another cause         warning
    pair.streaming                         the next loss is told again

A pair is down while it waits because of a fault, is parked, or its group survives SIGKILL. The
tries in between belong to it. The history leaves out debug: it holds the first line and the last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from hammerd.core.config.model import LogLevel
from hammerd.core.pair.state_table import Row
from hammerd.core.pair.states import UNKILLABLE, Memory, Trouble

TELL_AGAIN_S = 4 * 3600.0

MOST_AT_ONCE = 100
"""The pairs that are told of in one go: a thousand lines would hold the loop up."""

_TRIES = frozenset({"probing", "launching", "stopping"})
_FAULTS = frozenset({LogLevel.WARNING, LogLevel.ERROR})


@dataclass(slots=True)
class Down:
    """A pair that is down since `since_at`, and was told of at `told_at` last.

    `failures`, `refusals`: those of the pair's memory. `told`: the causes that a line was about
    since the pair entered the state `word`.
    """

    pair: str
    since_at: float
    told_at: float
    word: str
    trouble: Trouble
    waiting_for: str | None = None
    failures: int = 0
    refusals: int = 0
    told: set[str] = field(default_factory=set)


class DownPairs:
    """The pairs that are down."""

    def __init__(self) -> None:
        self._down: dict[str, Down] = {}

    def take(self, pair: str, row: Row, memory: Memory, now_at: float) -> LogLevel:
        """Take the state that a pair is in now, and return the level of its line."""
        down = self._down.get(pair)
        if row.trouble is not None and _is_down(row):
            return self._fail(pair, row, row.trouble, memory, now_at)
        if down is None:
            return row.level
        if _has_ended(row):
            del self._down[pair]
            return row.level
        return LogLevel.DEBUG if row.level is LogLevel.INFO else row.level

    def due(self, now_at: float) -> Iterator[Down]:
        """Yield pairs of which nothing was told for hours; they count as told then."""
        due = (one for one in self._down.values() if now_at - one.told_at >= TELL_AGAIN_S)
        for down in islice(due, MOST_AT_ONCE):
            down.told_at = now_at
            yield down

    def forget(self, pair: str) -> None:
        """Forget a pair that was removed."""
        self._down.pop(pair, None)

    def _fail(
        self, pair: str, row: Row, trouble: Trouble, memory: Memory, now_at: float
    ) -> LogLevel:
        down = self._down.setdefault(pair, Down(pair, now_at, now_at, row.word, trouble))
        if down.word != row.word:
            down.told.clear()
        is_told = trouble.because in down.told
        down.word, down.trouble, down.waiting_for = row.word, trouble, row.waiting_for
        down.failures, down.refusals = memory.failures, memory.refusals
        if is_told:
            return LogLevel.DEBUG
        down.told.add(trouble.because)
        down.told_at = now_at
        return row.level


def _is_down(row: Row) -> bool:
    if row.word == "stopping":
        return row.trouble == UNKILLABLE
    return row.word in {"waiting", "parked"} and row.level in _FAULTS


def _has_ended(row: Row) -> bool:
    """Return whether a pair that was down lives, rests, or begins anew by a person's wish."""
    if row.word in _TRIES:
        return not row.is_another_try
    # A disk that is away while others take turns is no fault; a slave that drains is waited for.
    return row.word != "waiting" or row.waiting_for == "mount"
