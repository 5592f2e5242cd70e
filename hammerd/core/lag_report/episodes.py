"""Finds the episodes of a course that are to be explained: spikes, and time of unknown lag."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import inf

from hammerd.core.lag_report.course import Course, Period, Stretch
from hammerd.core.lag_report.marks import MarkKind

TIMES_MEDIAN, LEAST_SPIKE_S = 5, 60.0
"""A lag of so many times the median, and of so many seconds at least, is a spike."""

SHORTEST_BLIND_MS = 120_000
"""A shorter time without a known lag is left out: a slow host explains it."""

SAME_SPIKE_MS = 300_000
"""Spikes with no more time between them are one."""


class EpisodeKind(StrEnum):
    """The kind of an episode; programs of others match these words."""

    SPIKE = "spike"
    UNKNOWN = "unknown"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Cause:
    """A mark that explains an episode; `is_likely`: no event shows that it is the cause."""

    kind: MarkKind
    text: str
    begin_ms: int
    end_ms: int
    is_likely: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """A part of a course, and its cause if the history knows one.

    `origin_ms`: the last moment that the slave held at its beginning; there the cause began.
    `max_s`, `max_ms`: the greatest lag of a spike, and its time.
    """

    kind: EpisodeKind
    begin_ms: int
    end_ms: int
    origin_ms: int
    max_s: float | None = None
    max_ms: int = 0
    cause: Cause | None = None

    @property
    def peak_ms(self) -> int:
        """The end of the time in which a cause can lie."""
        return max(self.origin_ms, self.max_ms) if self.max_s is not None else self.end_ms


def spike_limit(warning_s: float | None, median_s: float | None) -> float:
    """Return the lag above which it is a spike: lag_warning, or what is far above the median."""
    unusual_s = inf if median_s is None else max(LEAST_SPIKE_S, TIMES_MEDIAN * median_s)
    return min(unusual_s, inf if warning_s is None else warning_s)


def episodes_of(course: Course, period: Period, limit_s: float) -> list[Episode]:
    """Return the episodes in order of time; `limit_s` is the greatest lag that is no spike."""
    found = [
        *_merged(_spikes(course, limit_s), SAME_SPIKE_MS),
        *(each for each in _merged(_unknown(course), 0) if _is_long(each)),
        *(each for each in _gaps(course, period) if _is_long(each)),
    ]
    return sorted(found, key=lambda each: (each.begin_ms, each.kind))


def _is_long(episode: Episode) -> bool:
    return episode.end_ms - episode.begin_ms >= SHORTEST_BLIND_MS


def _spikes(course: Course, limit_s: float) -> Iterator[Episode]:
    for each in course:
        if each.seconds is not None and each.seconds > limit_s:
            origin_ms = each.at_ms - round(each.seconds * 1_000)
            yield _episode(EpisodeKind.SPIKE, each, origin_ms, each.seconds)


def _unknown(course: Course) -> Iterator[Episode]:
    return (
        _episode(EpisodeKind.UNKNOWN, each, each.begin_ms)
        for each in course
        if each.seconds is None
    )


def _gaps(course: Course, period: Period) -> Iterator[Episode]:
    edges = [
        (period.since_ms, period.since_ms),
        *((each.begin_ms, each.end_ms) for each in course),
        (period.until_ms, period.until_ms),
    ]
    for (_, end_ms), (begin_ms, _) in pairwise(edges):
        if begin_ms > end_ms:
            yield Episode(EpisodeKind.NO_DATA, end_ms, begin_ms, end_ms)


def _episode(
    kind: EpisodeKind, stretch: Stretch, origin_ms: int, max_s: float | None = None
) -> Episode:
    at_ms = 0 if max_s is None else stretch.at_ms
    return Episode(kind, stretch.begin_ms, stretch.end_ms, origin_ms, max_s, at_ms)


def _merged(episodes: Iterator[Episode], most_between_ms: int) -> Iterator[Episode]:
    before = None
    for each in episodes:
        if before is not None and each.begin_ms - before.end_ms <= most_between_ms:
            is_worse = each.max_s is not None and each.max_s > (before.max_s or 0.0)
            worst = each if is_worse else before
            before = replace(before, end_ms=each.end_ms, max_s=worst.max_s, max_ms=worst.max_ms)
            continue
        if before is not None:
            yield before
        before = each
    if before is not None:
        yield before
