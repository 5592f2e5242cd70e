"""The model of publishing without files or processes (kernel/file_system/publishing.py)."""

from __future__ import annotations

import pytest

from hammerd.simulator.kernel.file_system.publishing import (
    MANUAL,
    SYNC,
    SYNCER,
    Publishing,
    parse_shape,
    random_shape,
)


def test_groups_publish_the_one_before() -> None:
    publishing = Publishing(10)
    publishing.begin(100.0, (0.1, 0.2, 0.3), [11, 12, 13])

    seen = [publishing.settled(100 + ms / 1000).published for ms in (0, 50, 150, 250, 350, 9999)]

    assert seen == [10, 10, 10, 11, 12, 12]
    assert publishing.last() == 13


def test_empty_flush_publishes_what_waits_and_then_nothing() -> None:
    publishing = Publishing(10)
    publishing.begin(0.0, (0.1,), [11])
    for now in (1.0, 2.0, 3.0):
        publishing.settle(now)
        publishing.begin_empty(now, SYNCER.ends_s)

    publishing.settle(4.0)

    assert (publishing.published, publishing.last(), publishing.groups) == (11, 11, [])


def test_empty_flush_under_a_flush_publishes_its_last_group() -> None:
    publishing = Publishing(10)
    publishing.begin(0.0, (0.1, 0.2), [11, 12])
    for _ in range(2):
        publishing.begin_empty(0.05, SYNCER.ends_s)

    assert [publishing.settled(now).published for now in (0.15, 0.25, 0.35)] == [10, 11, 12]


def test_flush_under_a_flush_begins_after_it() -> None:
    publishing = Publishing(10)
    publishing.begin(0.0, (0.1, 0.2), [11, 12])
    publishing.begin(0.0, (0.1, 0.2), [13, 14])

    seen = [publishing.settled(now).published for now in (0.15, 0.25, 0.35, 0.45)]

    assert seen == [10, 11, 12, 13]


def test_cut_recovers_what_was_finalized_and_no_more() -> None:
    publishing = Publishing(10)
    publishing.begin(0.0, (0.1, 0.2, 0.3), [11, 12, 13])

    assert publishing.recover(0.25) == 12
    assert (publishing.settled(9.0).published, publishing.last()) == (12, 12)


@pytest.mark.parametrize("number", range(200))
def test_random_flush_is_within_the_limits_of_a_kernel(number: int) -> None:
    shape = random_shape("seed", number)

    assert 2 <= len(shape.ends_s) <= 4
    assert 0.05 <= shape.ends_s[-1] <= 1.0
    assert shape.content >= len(shape.ends_s) - 1
    assert shape.ends_s == random_shape("seed", number).ends_s


def test_some_random_flushes_are_late() -> None:
    late = [
        shape.content == len(shape.ends_s) for n in range(400) for shape in [random_shape("", n)]
    ]

    assert 0.15 < sum(late) / len(late) < 0.35


@pytest.mark.parametrize("text", ["0.2 0.1 content 1", "0.1 content 2", "0.1", "soon content 1"])
def test_invalid_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"no flush goes like this: {text}"):
        parse_shape(text)


def test_shape_is_a_name_or_a_list() -> None:
    assert parse_shape("1") is parse_shape("sync") is SYNC
    assert parse_shape("inf inf inf content 2").ends_s == (MANUAL,) * 3
