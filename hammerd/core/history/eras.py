"""Corrects the times of what was recorded while the wall clock was wrong.

An era is a time in which the wall clock was not stepped: it and the monotonic clock advanced
equally. Rows of the history are dated within their era. So what is corrected is where eras begin,
and each correction is computed anew from what the clocks showed:

    a step, and later the opposite one    the eras between were wrong: moved by the step
    a step back alone                     all since the boot were ahead: moved back
    a step forward alone                  the host may have slept: nothing is moved
    the same, and the clock was known     all since the boot were behind: moved forward
    to be behind

A clock is known to be behind if it shows an earlier time than the newest row of before, or one
from before hammerd was made. The monotonic clock begins anew with each boot. An earlier boot whose
rows are later than the first one of the next boot was ahead, if the next boot's clock is trusted:
one that was corrected, or was not stepped for half an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf

EARLIEST_MS = 1_735_689_600_000
"""2025-01-01: hammerd is younger, so a clock that shows an earlier time is wrong."""

SAME_MS = 5_000
"""The largest difference of two steps, or of two times, that count as the same."""

TRUSTED_MS = 1_800_000
"""A clock that was not stepped for so long is trusted."""


@dataclass(frozen=True, slots=True)
class Era:
    """The times of both clocks at the begin of an era, and how long it was, in milliseconds.

    Boots are numbered. Those of `is_fixed` are of an older hammerd, and stay where they are.
    """

    boot: int
    wall_ms: int
    mono_ms: int
    span_ms: int
    is_fixed: bool = False


def corrected_begins(eras: Sequence[Era]) -> list[int]:
    """Return when each era began, by the clock of the last one, in milliseconds of Unix time."""
    boots = [_Boot(list(one)) for _, one in groupby(eras, key=lambda era: era.boot)]
    newest_ms = -inf
    for boot in boots:
        boot.correct_steps(newest_ms)
        newest_ms = max(newest_ms, boot.end_ms)
    for boot, following in zip(reversed(boots[:-1]), reversed(boots[1:]), strict=True):
        boot.correct_by(following)
    return [begin_ms for boot in boots for begin_ms in boot.begins_ms]


class _Boot:
    """The eras of one boot; `offsets` are wall time minus monotonic time of each, corrected."""

    def __init__(self, eras: list[Era]) -> None:
        self._eras = eras
        self._offsets = [era.wall_ms - era.mono_ms for era in eras]
        self.is_fixed = eras[0].is_fixed

    @property
    def begins_ms(self) -> list[int]:
        return [
            era.mono_ms + offset for era, offset in zip(self._eras, self._offsets, strict=True)
        ]

    @property
    def end_ms(self) -> int:
        return self._end_of(len(self._eras) - 1)

    @property
    def is_trusted(self) -> bool:
        """Whether its clock was right in the end, as far as can be known."""
        last = self._eras[-1]
        if self.is_fixed or last.wall_ms < EARLIEST_MS:
            return False
        return last.span_ms >= TRUSTED_MS or self.moved_ms != 0

    @property
    def moved_ms(self) -> int:
        """The distance by which its first era was moved."""
        return self.begins_ms[0] - self._eras[0].wall_ms

    def correct_steps(self, newest_ms: float) -> None:
        """Correct the eras by the steps between them; `newest_ms` is the newest row of before."""
        if self.is_fixed:
            return
        steps: list[tuple[int, int]] = []
        for number in range(1, len(self._eras)):
            step_ms = self._raw(number) - self._raw(number - 1)
            if (matching := _opposite(steps, step_ms)) is not None:
                self._move(range(steps[matching][0], number), step_ms)
                del steps[matching:]
            elif (back := _undone(steps, step_ms)) is not None:
                begin = steps[back][0]
                self._offsets[begin:number] = [self._raw(number)] * (number - begin)
                del steps[back:]
            elif self._was_behind(step_ms, max(EARLIEST_MS, newest_ms - SAME_MS)):
                self._move(range(number), step_ms)
                steps.clear()
            else:
                steps.append((number, step_ms))
        self._order()

    def correct_by(self, following: "_Boot") -> None:
        """Move what is later than the begin of the following boot, if that is trusted."""
        if self.is_fixed or not following.is_trusted:
            return
        limit_ms, moved_ms = following.begins_ms[0], following.moved_ms
        was_behind = self.end_ms < EARLIEST_MS <= limit_ms
        if (moved_ms < 0 and self.end_ms > limit_ms + SAME_MS) or (moved_ms > 0 and was_behind):
            # Both boots began with the time of the same hardware clock.
            self._move(range(len(self._eras)), moved_ms)
        for number in reversed(range(len(self._eras))):
            if (late_ms := self._end_of(number) - limit_ms) > SAME_MS:
                self._offsets[number] -= self._step_before(number, late_ms)
        self._order()

    def _step_before(self, number: int, late_ms: int) -> int:
        """Return the step forward at the begin of an era if it explains the error, else that."""
        step_ms = self._offsets[number] - self._offsets[number - 1] if number else 0
        return max(step_ms, late_ms)

    def _order(self) -> None:
        """Move back each era that would end after a later one began."""
        least = self._offsets[-1]
        for number in reversed(range(len(self._offsets))):
            least = self._offsets[number] = min(least, self._offsets[number])

    def _raw(self, number: int) -> int:
        return self._eras[number].wall_ms - self._eras[number].mono_ms

    def _move(self, numbers: range, by_ms: int) -> None:
        for number in numbers:
            self._offsets[number] += by_ms

    def _end_of(self, number: int) -> int:
        return self.begins_ms[number] + self._eras[number].span_ms

    def _was_behind(self, step_ms: int, least_ms: float) -> bool:
        """Return whether this boot cannot have begun when it seems, but a step later."""
        begin_ms = self.begins_ms[0]
        return begin_ms < least_ms <= begin_ms + step_ms


def _opposite(steps: Sequence[tuple[int, int]], step_ms: int) -> int | None:
    """Return the index of the last step that this one takes back, None without one."""
    for index in reversed(range(len(steps))):
        size_ms = steps[index][1]
        if size_ms * step_ms < 0 and abs(size_ms + step_ms) <= SAME_MS:
            return index
    return None


def _undone(steps: Sequence[tuple[int, int]], step_ms: int) -> int | None:
    """Return the index of the first of the last steps that this one takes back together."""
    total_ms = 0
    for index in reversed(range(len(steps))):
        total_ms += steps[index][1]
        if total_ms * step_ms < 0 and abs(total_ms + step_ms) <= SAME_MS:
            return index
    return None
