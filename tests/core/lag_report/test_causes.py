"""Episodes of a course, and what explains them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hammerd.core.lag_report.causes import cleanup_marks, explain
from hammerd.core.lag_report.course import Period, Stretch
from hammerd.core.lag_report.episodes import Episode, EpisodeKind, episodes_of, spike_limit
from hammerd.core.lag_report.marks import Mark, MarkKind
from tests.core.lag_report.courses import at, period, stretch

END = 7_200
DAY_S = 86_400


def utc(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1_000, UTC)


def course(*bad: Stretch, end: float = END) -> list[Stretch]:
    """Return a course in sync, but for these stretches."""
    edges = [at(0), *(each for one in bad for each in (one.begin_ms, one.end_ms)), at(end)]
    calm = [
        Stretch(begin, end, "in_sync", 0.0, begin)
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if begin < end
    ]
    return sorted([*calm, *bad])


def mark(kind: MarkKind, begin: float, end: float | None = None) -> Mark:
    return Mark(kind, at(begin), at(begin if end is None else end), "told")


@pytest.mark.parametrize(
    ("warning_s", "median_s", "limit_s"),
    [(120.0, 1.0, 60.0), (120.0, 30.0, 120.0), (None, 30.0, 150.0), (120.0, None, 120.0)],
)
def test_a_spike_is_above_the_warning_or_far_above_the_median(warning_s, median_s, limit_s):
    assert spike_limit(warning_s, median_s) == limit_s


def test_episodes_are_spikes_and_time_without_a_known_lag():
    bad = [
        stretch(600, 630, 100.0),
        stretch(630, 660, 130.0),
        stretch(700, 730, 90.0),
        stretch(2_000, 2_090, None),
        stretch(3_000, 3_200, None),
        stretch(4_000, 4_030, 80.0),
        stretch(4_030, 4_060, 60.0),
    ]
    whole = [each for each in course(*bad) if each.begin_ms != at(4_060)]

    assert episodes_of(whole, period(0, END), 60.0) == [
        Episode(EpisodeKind.SPIKE, at(600), at(730), at(500), 130.0, at(630)),
        Episode(EpisodeKind.UNKNOWN, at(3_000), at(3_200), at(3_000)),
        Episode(EpisodeKind.SPIKE, at(4_000), at(4_030), at(3_920), 80.0, at(4_000)),
        Episode(EpisodeKind.NO_DATA, at(4_060), at(END), at(4_060)),
    ]


@pytest.mark.parametrize(
    ("marks", "cause"),
    [
        ([], None),
        ([mark(MarkKind.PAUSED, 1_000, 1_500)], ("paused", False)),
        # It had ended before the last moment that the slave held.
        ([mark(MarkKind.PAUSED, 100, 900)], None),
        ([mark(MarkKind.PAUSED, 1_700, 1_800)], None),
        # A pause of a minute does not make a lag of ten, one of three may.
        ([mark(MarkKind.PAUSED, 1_300, 1_350)], None),
        ([mark(MarkKind.PAUSED, 1_200, 1_380)], ("paused", True)),
        (
            [mark(MarkKind.WAITING, 1_000 + n * 60, 1_040 + n * 60) for n in range(10)],
            ("waiting", False),
        ),
        ([mark(MarkKind.BULK, 1_000, 1_500), mark(MarkKind.RESTART, 1_000)], ("bulk", True)),
        (
            [mark(MarkKind.BULK, 900, 1_500), mark(MarkKind.LINK_DOWN, 990, 1_500)],
            ("link_down", False),
        ),
        ([mark(MarkKind.RESTART, 1_005)], ("restart", True)),
        ([mark(MarkKind.COMPLAINT, 1_200)], None),
    ],
)
def test_a_spike_is_explained_by_what_happened_since_its_origin(marks, cause):
    spike = episodes_of(course(stretch(1_600, 1_630, 600.0)), period(0, END), 60.0)

    (explained,) = explain(spike, marks, utc)

    found = explained.cause
    assert (found and (found.kind, found.is_likely)) == cause


@pytest.mark.parametrize(
    ("marks", "cause"),
    [
        ([], None),
        ([mark(MarkKind.HOST_UNREADABLE, 990, 1_500)], ("host_unreadable", False)),
        ([mark(MarkKind.LINK_DOWN, 990, 1_500)], ("link_down", True)),
        (
            [mark(MarkKind.DAEMON_DOWN, 900, 1_600), mark(MarkKind.RESTART, 990)],
            ("daemon_down", False),
        ),
    ],
)
def test_time_without_a_lag_is_explained_by_who_could_not_be_read(marks, cause):
    blind = episodes_of(course(stretch(1_000, 1_500, None)), period(0, END), 60.0)

    (explained,) = explain(blind, marks, utc)

    found = explained.cause
    assert (found and (found.kind, found.is_likely)) == cause


def test_what_began_with_the_first_sample_explains_no_time_before_it():
    whole = [each for each in course() if each.end_ms > at(1_000)]
    samples = [each._replace(begin_ms=at(1_000)) for each in whole]
    gap = episodes_of(samples, period(0, END), 60.0)
    waiting = mark(MarkKind.WAITING, 1_000, END)

    assert [each.cause for each in explain(gap, [waiting], utc)] == [None]
    down = mark(MarkKind.DAEMON_DOWN, 0, 1_000)
    assert [each.cause and each.cause.kind for each in explain(gap, [down, waiting], utc)] == [
        MarkKind.DAEMON_DOWN
    ]


def nights(*days: int, hour: float = 19.5) -> list[Episode]:
    """Return the spikes of some days, at an hour after 08:00: at 03:30 without another one."""
    bad = [
        stretch(day * DAY_S + hour * 3_600 + 600, day * DAY_S + hour * 3_600 + 900, 600.0)
        for day in days
    ]
    whole = Period(at(0), at(10 * DAY_S))
    return episodes_of(course(*bad, end=10 * DAY_S), whole, 60.0)


@pytest.mark.parametrize(
    ("spikes", "causes"),
    [
        (nights(0, 2, 3), ["cleanup"] * 3),
        # Twice is no rule, neither are the spikes of one night, nor those of the day.
        (nights(0, 2), [None] * 2),
        (nights(0, 1, 2, hour=12.0), [None] * 3),
    ],
)
def test_spikes_of_several_nights_are_likely_of_the_cleanup(spikes, causes):
    explained = explain(spikes, [], utc)

    assert [each.cause and each.cause.kind for each in explained] == causes
    assert all(each.cause is None or each.cause.is_likely for each in explained)


def test_nights_of_the_cleanup_are_marks():
    spikes = nights(0, 2, 3)

    assert [(each.kind, each.begin_ms, each.text) for each in cleanup_marks(spikes, [], utc)] == [
        (MarkKind.CLEANUP, each.origin_ms, "likely") for each in spikes
    ]
    assert cleanup_marks(nights(0, 2), [], utc) == []


def test_the_hours_of_the_cleanup_are_local():
    east = timezone(timedelta(hours=-7))

    explained = explain(
        nights(0, 1, 2, hour=26.5), [], lambda time_ms: utc(time_ms).astimezone(east)
    )

    assert [each.cause and each.cause.kind for each in explained] == [MarkKind.CLEANUP] * 3


def test_a_spike_that_something_explains_is_none_of_the_cleanup():
    spikes = nights(0, 1, 2, 3)
    paused = Mark(MarkKind.PAUSED, spikes[0].origin_ms, spikes[0].begin_ms)

    kinds = [each.cause and each.cause.kind for each in explain(spikes, [paused], utc)]

    assert kinds == ["paused", "cleanup", "cleanup", "cleanup"]
