"""Course of a pair: how long a sample holds, and what is no data."""

import pytest

from hammerd.core.lag_report.course import Course, clip, course_of
from tests.core.lag_report.courses import at, period, points, stretch


def spans(course: Course) -> list[tuple[float, float]]:
    """Return the seconds from when to when each stretch holds."""
    return [((each.begin_ms - at(0)) / 1_000, (each.end_ms - at(0)) / 1_000) for each in course]


@pytest.mark.parametrize(
    ("times", "end", "wanted"),
    [
        ((), 600, []),
        # A sample holds until the next one, the last one to the end of the period.
        ((0, 30, 60), 90, [(0, 30), (30, 60), (60, 90)]),
        # One delayed sample is no gap, a daemon that was down is one.
        ((0, 30, 60, 150, 180), 200, [(0, 30), (30, 60), (60, 150), (150, 180), (180, 200)]),
        ((0, 30, 60, 300, 330), 350, [(0, 30), (30, 60), (60, 90), (300, 330), (330, 350)]),
        # The last sample does not hold for longer than its step.
        ((0, 30, 60), 1_000, [(0, 30), (30, 60), (60, 90)]),
        # The step is that of the samples around.
        ((0, 300, 600, 900), 1_200, [(0, 300), (300, 600), (600, 900), (900, 1_200)]),
        (
            (0, 2, 4, 6, 40, 42, 44),
            45,
            [(0, 2), (2, 4), (4, 6), (6, 8), *((40, 42), (42, 44)), (44, 45)],
        ),
        # Of a sample alone the usual step is assumed.
        ((100,), 600, [(100, 130)]),
        ((0, 600), 620, [(0, 30), (600, 620)]),
        # Samples that a wrong clock put out of order.
        ((30, 0, 60), 90, [(0, 30), (30, 60), (60, 90)]),
        ((0, 30, 30, 60), 90, [(0, 30), (30, 60), (60, 90)]),
    ],
)
def test_a_sample_holds_until_the_next_one_that_sampling_explains(times, end, wanted):
    assert spans(course_of(points(*times), period(0, end))) == wanted


def test_a_sample_from_before_the_period_holds_within_it():
    course = course_of(points(-40, -10, 20), period(0, 50))

    assert spans(course) == [(0, 20), (20, 50)]
    assert course[0].at_ms == at(-10)


def test_samples_from_after_the_period_are_left_out():
    assert spans(course_of(points(0, 30, 60), period(0, 30))) == [(0, 30)]


def test_a_thinned_sample_holds_for_up_to_two_spans():
    thinned = [(300_000, at(900)), (3_600_000, at(-3_600))]
    times = (-7_000, -3_700, -2_000, -1_300, 290, 310, 850, 900, 930)

    course = course_of(points(*times), period(-7_200, 960), thinned)

    assert spans(course) == [
        *((-7_000, -3_700), (-3_700, -2_000), (-2_000, -1_700)),
        (-1_300, -1_000),
        *((290, 310), (310, 850), (850, 900), (900, 930), (930, 960)),
    ]


def test_a_course_is_clipped_to_a_part_of_it():
    course = [stretch(0, 30), stretch(30, 60, 5.0), stretch(90, 120)]

    assert spans(clip(course, period(40, 100))) == [(40, 60), (90, 100)]
    assert clip(course, period(60, 90)) == []
