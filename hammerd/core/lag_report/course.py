"""Turns samples of a pair into its course: which lag held from when to when.

    samples   ●────●────●           ●────●        a sample holds until the next one
    course    ├────┼────┼──┤        ├────┼──┤     a gap that is too long holds no data

Old samples are thinned: each is the worst of a span, and holds for about as long as that. So what
is computed from them is pessimistic.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

BEFORE_MS = 7_200_000
"""Samples from so long before a period may hold within it: twice the longest span."""

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
    return [
        Stretch(begin_ms, end_ms, sample.verdict, sample.seconds, sample.time_ms)
        for sample, end_ms in zip(ordered, _ends(ordered, thinned, period.until_ms), strict=True)
        if (begin_ms := max(sample.time_ms, period.since_ms)) < end_ms
    ]


def clip(course: Course, period: Period) -> list[Stretch]:
    """Return the part of a course that lies within a period."""
    return [
        each._replace(begin_ms=begin_ms, end_ms=end_ms)
        for each in course
        if (begin_ms := max(each.begin_ms, period.since_ms))
        < (end_ms := min(each.end_ms, period.until_ms))
    ]


def _ends(ordered: Sequence[Sample], thinned: Thinned, until_ms: int) -> Iterator[int]:
    """Yield until when each sample holds."""
    times = [each.time_ms for each in ordered]
    steps = [_thinned_step(time_ms, thinned) for time_ms in times]
    gaps = [later - time_ms for time_ms, later in zip(times, [*times[1:], until_ms], strict=False)]
    usual_ms = 0
    for index, (time_ms, step_ms, gap_ms) in enumerate(zip(times, steps, gaps, strict=True)):
        if step_ms:
            # Each is the worst of a span, which may be its begin or its end.
            yield time_ms + (gap_ms if gap_ms <= 2 * step_ms else step_ms)
            continue
        if gap_ms > SHORT_GAP_MS and not 0 < gap_ms * 2 <= usual_ms * MOST_STEPS:
            usual_ms = _usual_gap(gaps, steps, index)
        is_explained = gap_ms <= max(SHORT_GAP_MS, MOST_STEPS * usual_ms)
        yield time_ms + (gap_ms if is_explained else usual_ms)


def _thinned_step(time_ms: int, thinned: Thinned) -> int:
    return max((step_ms for step_ms, until_ms in thinned if time_ms < until_ms), default=0)


def _usual_gap(gaps: Sequence[int], steps: Sequence[int], index: int) -> int:
    """Return the usual gap around a sample; the last gap ends with the period, so it is none."""
    around = range(max(0, index - _NEIGHBOURS), min(len(gaps) - 1, index + _NEIGHBOURS + 1))
    near = [gaps[each] for each in around if each != index and gaps[each] and not steps[each]]
    return sorted(near)[(len(near) - 1) // 2] if near else ASSUMED_STEP_MS
