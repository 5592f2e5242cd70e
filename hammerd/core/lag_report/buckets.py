"""Cuts a course into buckets of equal length, for tables, sparklines and charts."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from hammerd.core.lag_report.course import Course, Period


class Bucket(NamedTuple):
    """The least and the greatest lag of a part of a period, None if none was known in it.

    `unknown_ms`: the time with samples of unknown lag. `data_ms`: the time with samples.
    """

    begin_ms: int
    end_ms: int
    min_s: float | None = None
    max_s: float | None = None
    unknown_ms: int = 0
    data_ms: int = 0


def step_for(period: Period, points: int) -> int:
    """Return the length in milliseconds of so many buckets; short periods have fewer."""
    return max(1, -(-period.length_ms // max(1, points)))


def buckets_of(course: Course, period: Period, points: int) -> list[Bucket]:
    """Return at most so many buckets of a period; the last one may be shorter."""
    return buckets_by_step(course, period, step_for(period, points))


def buckets_by_step(course: Course, period: Period, step_ms: int) -> list[Bucket]:
    """Return the buckets of a period that are step_ms long."""
    since_ms, until_ms = period.since_ms, period.until_ms
    begins = range(since_ms, until_ms, step_ms)
    # Of hundreds of pairs there are a million stretches: lists are faster than values.
    least, most = [inf] * len(begins), [-inf] * len(begins)
    unknown, data = [0] * len(begins), [0] * len(begins)
    for begin_ms, end_ms, _, seconds, _ in course:
        first = max(0, (begin_ms - since_ms) // step_ms)
        last = min(len(begins), -(-(end_ms - since_ms) // step_ms))
        for index in range(first, last):
            bucket_ms = since_ms + index * step_ms
            held_ms = min(end_ms, bucket_ms + step_ms) - max(begin_ms, bucket_ms)
            data[index] += held_ms
            if seconds is None:
                unknown[index] += held_ms
                continue
            if seconds < least[index]:
                least[index] = seconds
            if seconds > most[index]:
                most[index] = seconds
    return [
        Bucket(
            begin_ms,
            min(begin_ms + step_ms, until_ms),
            None if least[index] == inf else least[index],
            None if most[index] == -inf else most[index],
            unknown[index],
            data[index],
        )
        for index, begin_ms in enumerate(begins)
    ]


def worst(buckets: Sequence[Bucket]) -> float | None:
    """Return the greatest lag of all buckets, None if none was known."""
    return max((each.max_s for each in buckets if each.max_s is not None), default=None)
