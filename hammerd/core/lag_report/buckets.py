"""Cuts a course into buckets of equal length, for tables, sparklines and charts."""

from collections.abc import Sequence
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
    made = [Bucket(begin_ms, min(begin_ms + step_ms, until_ms)) for begin_ms in begins]
    for stretch in course:
        first = max(0, (stretch.begin_ms - since_ms) // step_ms)
        last = min(len(made), -(-(stretch.end_ms - since_ms) // step_ms))
        for index in range(first, last):
            bucket = made[index]
            held_ms = min(stretch.end_ms, bucket.end_ms) - max(stretch.begin_ms, bucket.begin_ms)
            made[index] = _with_lag(bucket, stretch.seconds, held_ms)
    return made


def worst(buckets: Sequence[Bucket]) -> float | None:
    """Return the greatest lag of all buckets, None if none was known."""
    return max((each.max_s for each in buckets if each.max_s is not None), default=None)


def _with_lag(bucket: Bucket, seconds: float | None, held_ms: int) -> Bucket:
    begin_ms, end_ms, min_s, max_s, unknown_ms, data_ms = bucket
    if seconds is None:
        return bucket._replace(unknown_ms=unknown_ms + held_ms, data_ms=data_ms + held_ms)
    return Bucket(
        begin_ms,
        end_ms,
        seconds if min_s is None else min(min_s, seconds),
        seconds if max_s is None else max(max_s, seconds),
        unknown_ms,
        data_ms + held_ms,
    )
