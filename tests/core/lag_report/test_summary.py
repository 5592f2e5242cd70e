"""Summary of a course: weighted by time, held against a model that counts seconds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hammerd.core.lag_report.buckets import buckets_by_step, buckets_of, worst
from hammerd.core.lag_report.course import Period, Stretch, clip
from hammerd.core.lag_report.summary import Summary, summarize
from tests.core.lag_report.courses import at, period, stretch

LENGTH = 60

lags = some.none() | some.sampled_from([0.0, 1.0, 5.0, 20.0])


@some.composite
def courses(draw: some.DrawFn) -> list[Stretch]:
    cuts = sorted(draw(some.sets(some.integers(0, LENGTH), max_size=10)))
    spans = [*pairwise(cuts)]
    made = [stretch(*span, draw(lags), draw(some.sampled_from(["", "ahead"]))) for span in spans]
    return [each for each in made if draw(some.booleans())]


def seconds_of(course: list[Stretch]) -> list[tuple[str, float | None]]:
    """Return verdict and lag of each second that holds data."""
    return [
        (each.verdict, each.seconds)
        for each in course
        for _ in range((each.end_ms - each.begin_ms) // 1_000)
    ]


@given(courses())
def test_a_summary_counts_each_second_once(course: list[Stretch]):
    every = seconds_of(course)
    known = sorted(lag for _, lag in every if lag is not None)

    summary = summarize(course, period(0, LENGTH), warning_s=5.0)

    assert (summary.known_s, summary.unknown_s) == (len(known), len(every) - len(known))
    assert summary.no_data_s == LENGTH - len(every)
    assert summary.diverged_s == every.count(("ahead", None))
    assert summary.in_sync_s == every.count(("in_sync", 0.0))
    assert summary.within_s == sum(lag <= 5.0 for lag in known)
    assert (summary.min_s, summary.max_s) == ((known[0], known[-1]) if known else (None, None))
    for share, quantile in ((0.5, summary.median_s), (0.95, summary.p95_s)):
        if quantile is None:
            assert known == []
        else:
            assert sum(lag <= quantile for lag in known) >= share * len(known)
            assert sum(lag < quantile for lag in known) < share * len(known)


@given(courses(), some.integers(1, LENGTH * 1_000))
def test_buckets_hold_the_least_and_the_greatest_lag_of_each_part(course, step_ms):
    whole = period(0, LENGTH)

    buckets = buckets_by_step(course, whole, max(500, step_ms))

    edges = [each.begin_ms for each in buckets] + [whole.until_ms]
    assert [each.end_ms for each in buckets] == edges[1:]
    assert sum(each.data_ms for each in buckets) == 1_000 * len(seconds_of(course))
    assert worst(buckets) == summarize(course, whole).max_s
    for bucket in buckets:
        part = summarize_part(course, Period(bucket.begin_ms, bucket.end_ms))
        assert (bucket.min_s, bucket.max_s) == (part.min_s, part.max_s)
        assert bucket.unknown_ms == round(part.unknown_s * 1_000)


def summarize_part(course: list[Stretch], part: Period) -> Summary:
    return summarize(clip(course, part), part)


def test_a_lag_counts_for_as_long_as_it_held():
    course = [stretch(0, 90, 0.0), stretch(90, 100, 600.0), stretch(100, 120, None)]

    summary = summarize(course, period(0, 160), warning_s=60.0)

    assert summary == Summary(
        period_s=160.0,
        known_s=100.0,
        unknown_s=20.0,
        in_sync_s=90.0,
        within_s=90.0,
        min_s=0.0,
        median_s=0.0,
        p95_s=600.0,
        max_s=600.0,
        max_ms=at(90),
    )
    assert (summary.in_sync_share, summary.within_share) == (0.75, 0.75)
    assert (summary.unknown_share, summary.no_data_share) == (20 / 120, 0.25)


def test_of_two_greatest_lags_the_first_is_told():
    course = [stretch(0, 30, 5.0), stretch(30, 60, 9.0), stretch(60, 90, 9.0)]

    assert summarize(course, period(0, 90)).max_ms == at(30)


@pytest.mark.parametrize("length", [0, 60])
def test_without_samples_all_is_unknown(length: int):
    summary = summarize([], period(0, length))

    assert summary == Summary(period_s=length)
    assert (summary.in_sync_share, summary.within_share, summary.unknown_share) == (None,) * 3
    assert summary.no_data_share == (1.0 if length else None)


def test_without_a_threshold_no_share_is_within_it():
    course = [stretch(0, 60, 1.0)]

    assert summarize(course, period(0, 60)).within_share is None
    assert summarize(course, period(0, 60), 1.0).within_share == 1.0


@pytest.mark.parametrize(("points", "lengths"), [(1, [100]), (3, [34, 34, 32]), (50, [2] * 50)])
def test_a_period_is_cut_into_so_many_buckets(points: int, lengths: list[int]):
    whole = period(0, 100)
    exact = Period(0, 100) if points < 50 else whole

    buckets = buckets_of([], exact, points)

    scale = 1 if points < 50 else 1_000
    assert [(each.end_ms - each.begin_ms) // scale for each in buckets] == lengths
