"""Turns samples of a pair into its course: which lag held from when to when.

    samples   ●────●────●           ●────●        a sample holds until the next one
    course    ├────┼────┼──┤        ├────┼──┤     a gap that is too long holds no data

A sample that stands for a span, because old samples were thinned, holds for all of that span. It
is the worst of the span, so what is computed from old samples is pessimistic.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

BEFORE_MS = 3_600_000
"""Samples from so long before a period may hold within it; an hour is the longest span."""

SHORT_GAP_MS = 15_000
"""A gap that any sampling explains."""

ASSUMED_STEP_MS = 30_000
"""The step of samples that have no neighbours: the default of `sample_interval`."""

MOST_STEPS = 3
"""A gap of more than so many steps holds no data: a host that hangs delays its samples."""

_NEIGHBOURS = 4


class Sample(Protocol):
    """The part of a LagRow that a course needs."""

    @property
    def time_ms(self) -> int:
        """The time of the sample."""

    @property
    def verdict(self) -> str:
        """The result of the comparison of both TIDs."""

    @property
    def seconds(self) -> float | None:
        """The lag, None if unknown."""


class Point(NamedTuple):
    """A sample without its TIDs."""

    time_ms: int
    verdict: str
    seconds: float | None


Thinned = Sequence[tuple[int, int]]
"""Pairs (step_ms, until_ms): samples before until_ms are the worst of spans of step_ms."""

DAY_MS = 86_400_000
THINNED_AFTER = ((2 * DAY_MS, 300_000), (30 * DAY_MS, 3_600_000))
"""Pairs (age, step): of samples above an age the history keeps the worst of each step."""


def thinned_before(newest_ms: int) -> Thinned:
    """Return which samples of a history are thinned, by the time of its newest one.

    The daemon thins once an hour: of the last hour some may not be thinned, which is no matter.
    """
    return [(step_ms, newest_ms - age_ms) for age_ms, step_ms in THINNED_AFTER]


@dataclass(frozen=True, slots=True)
class Period:
    """A period that is reported; its end is not part of it."""

    since_ms: int
    until_ms: int

    @property
    def length_ms(self) -> int:
        """The length, 0 if the period ends before it begins."""
        return max(0, self.until_ms - self.since_ms)


class Stretch(NamedTuple):
    """A part of a course with one lag, None if that was unknown; at_ms is its sample's time."""

    begin_ms: int
    end_ms: int
    verdict: str
    seconds: float | None
    at_ms: int


Course = Sequence[Stretch]
"""Stretches in order of time, without overlaps; what lies between them holds no data."""


def course_of(samples: Iterable[Sample], period: Period, thinned: Thinned = ()) -> list[Stretch]:
    """Return the course within a period; samples of before it (BEFORE_MS) count, too."""
    ordered = sorted(
        (each for each in samples if each.time_ms < period.until_ms), key=lambda each: each.time_ms
    )
    spans = list(_spans(ordered, thinned, period.until_ms))
    begins = [begin_ms for begin_ms, _ in spans[1:]]
    return [
        Stretch(begin_ms, end_ms, sample.verdict, sample.seconds, sample.time_ms)
        for sample, span, next_ms in zip(ordered, spans, [*begins, period.until_ms], strict=False)
        if (begin_ms := max(span[0], period.since_ms)) < (end_ms := min(span[1], next_ms))
    ]


def clip(course: Course, period: Period) -> list[Stretch]:
    """Return the part of a course that lies within a period."""
    return [
        each._replace(begin_ms=begin_ms, end_ms=end_ms)
        for each in course
        if (begin_ms := max(each.begin_ms, period.since_ms))
        < (end_ms := min(each.end_ms, period.until_ms))
    ]


def _spans(
    ordered: Sequence[Sample], thinned: Thinned, until_ms: int
) -> Iterator[tuple[int, int]]:
    """Yield from when to when each sample holds, if no later one follows before that."""
    times = [each.time_ms for each in ordered]
    steps = [_thinned_step(time_ms, thinned) for time_ms in times]
    gaps = [later - time_ms for time_ms, later in zip(times, [*times[1:], until_ms], strict=False)]
    usual_ms = 0
    for index, (time_ms, step_ms) in enumerate(zip(times, steps, strict=True)):
        if step_ms:
            begin_ms = time_ms - time_ms % step_ms
            is_first = index == 0 or times[index - 1] < begin_ms
            yield (begin_ms if is_first else time_ms), begin_ms + step_ms
            continue
        gap_ms = gaps[index]
        if gap_ms > SHORT_GAP_MS and not 0 < gap_ms * 2 <= usual_ms * MOST_STEPS:
            usual_ms = _usual_gap(gaps, steps, index)
        if gap_ms <= max(SHORT_GAP_MS, MOST_STEPS * usual_ms):
            yield time_ms, time_ms + gap_ms
        else:
            yield time_ms, time_ms + usual_ms


def _thinned_step(time_ms: int, thinned: Thinned) -> int:
    return max((step_ms for step_ms, until_ms in thinned if time_ms < until_ms), default=0)


def _usual_gap(gaps: Sequence[int], steps: Sequence[int], index: int) -> int:
    """Return the usual gap around a sample; the last gap ends with the period, so it is none."""
    around = range(max(0, index - _NEIGHBOURS), min(len(gaps) - 1, index + _NEIGHBOURS + 1))
    near = [gaps[each] for each in around if each != index and gaps[each] and not steps[each]]
    return sorted(near)[(len(near) - 1) // 2] if near else ASSUMED_STEP_MS
