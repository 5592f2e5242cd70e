"""Which of two readings was the earlier one?"""

import pytest

from hammerd.core.replication.read_spans import ReadSpan, heard


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ReadSpan(0, 1, 1), ReadSpan(1, 2, 2)),
        (ReadSpan(0, 1), ReadSpan(1, 2)),
        (heard(1), ReadSpan(1, 2, 1)),
        (ReadSpan(0, 1, 1), heard(1)),
        (ReadSpan(0, 9, 1), ReadSpan(0.1, 9, 1)),
    ],
)
def test_reading_that_was_over_or_stood_before_is_the_earlier_one(
    first: ReadSpan, second: ReadSpan
) -> None:
    assert first.is_before(second)
    assert not second.is_before(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ReadSpan(0, 5, 1), ReadSpan(1, 2, 2)),
        (ReadSpan(0, 2, 1), ReadSpan(1, 3, 2)),
        (ReadSpan(0, 5, 1), heard(3)),
        (ReadSpan(0, 5, None), ReadSpan(1, 5, None)),
    ],
)
def test_readings_that_overlap_prove_nothing(one: ReadSpan, other: ReadSpan) -> None:
    assert not one.is_before(other)
    assert not other.is_before(one)
