"""What a stream shows of a master that nobody here can ask."""

import pytest

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    LostLink,
    Message,
    NoWork,
    Prescan,
    Remark,
    WentIdle,
)
from hammerd.core.replication.master_inference import IDLE_PROVES_S, MasterInference, Observation
from hammerd.core.tid import Tid

QUIRK = Batch(Tid(20), Tid(0), (1 << 64) - 1)


def batch(begin: int, end: int) -> Batch:
    return Batch(Tid(begin), Tid(end), 100)


def whole(begin: int, end: int) -> Batch:
    return Batch(Tid(begin), Tid(end), None)


def hear(
    *messages: tuple[float, Message], launched_at: float = 0.0, is_source_remote: bool = False
) -> list[Observation]:
    listening, seen = MasterInference(launched_at, is_source_remote), []
    for unwritten_at, message in messages:
        listening, observation = listening.add(message, unwritten_at)
        seen += [observation] if observation else []
    return seen


def test_rest_after_a_batch_shows_what_the_master_held_after_the_rest_before() -> None:
    seen = hear(
        (1, batch(2, 20)),
        (2, Committed(Tid(20))),
        (3, WentIdle()),
        (8, batch(21, 30)),
        (9, WentIdle()),
    )

    assert seen == [Observation(Tid(20), 0), Observation(Tid(30), 3)]


def test_slices_show_the_end_of_the_last_one() -> None:
    assert hear((1, batch(2, 20)), (2, batch(21, 40)), (3, WentIdle())) == [
        Observation(Tid(40), 0)
    ]


def test_slice_that_is_under_way_shows_nothing_yet() -> None:
    assert hear((1, batch(2, 20)), (2, batch(21, 40))) == []


def test_batch_in_one_piece_shows_the_master_at_once() -> None:
    seen = hear((1, whole(2, 20)), (2, WentIdle()), (8, whole(21, 30)), (9, WentIdle()))

    assert seen == [Observation(Tid(20), 0), Observation(Tid(30), 2)]


def test_batch_without_work_shows_nothing() -> None:
    assert hear((1, QUIRK), (1, NoWork()), (6, WentIdle()), (7, WentIdle())) == []


def test_rest_of_the_quirk_is_a_rest() -> None:
    seen = hear((1, QUIRK), (1, NoWork()), (6, WentIdle()), (11, batch(20, 30)), (12, WentIdle()))

    assert seen == [Observation(Tid(30), 6)]


def test_what_another_host_says_is_as_old_as_what_our_half_said_before() -> None:
    """A word of the far half may have been under way since it was asked for that batch."""
    seen = hear(
        (1, whole(2, 20)),
        (2, Committed(Tid(20))),
        (3, WentIdle()),
        (8, whole(21, 30)),
        (9, Committed(Tid(30))),
        (10, WentIdle()),
        (15, whole(31, 40)),
        is_source_remote=True,
    )

    assert seen == [Observation(Tid(20), 0), Observation(Tid(30), 0), Observation(Tid(40), 2)]


def test_rest_that_was_heard_late_takes_no_moment_back() -> None:
    seen = hear((5, WentIdle()), (3, WentIdle()), (8, whole(21, 30)))

    assert seen == [Observation(Tid(30), 5)]


def rested(*messages: tuple[float, Message]) -> MasterInference:
    listening = MasterInference(0.0)
    for now_at, message in messages:
        listening, _ = listening.add(message, now_at)
    return listening


def test_master_seems_to_stay_as_long_as_its_stream_rests_but_for_the_last_seconds() -> None:
    resting = rested((1, batch(2, 20)), (3, WentIdle()), (4, Remark("a line of ssh's")))

    assert resting.held_until_at(3 + IDLE_PROVES_S - 1) is None
    assert resting.held_until_at(3 + IDLE_PROVES_S) == 3
    assert resting.held_until_at(500) == 500 - IDLE_PROVES_S


@pytest.mark.parametrize("message", [batch(21, 30), QUIRK, LostLink(), Prescan()])
def test_what_a_source_half_says_ends_its_rest(message: Message) -> None:
    assert rested((3, WentIdle()), (4, message)).held_until_at(500) is None


def test_stream_that_is_copying_proves_nothing() -> None:
    assert rested((1, batch(2, 20)), (2, NoWork())).held_until_at(500) is None


@pytest.mark.parametrize("bulk_bytes", [0, 100, None])
def test_look_that_found_no_work_was_made_after_the_rest_before(bulk_bytes: int | None) -> None:
    nothing = Batch(Tid(20), Tid(0), bulk_bytes)

    assert rested((1, nothing), (1, NoWork())).held_until_at(500) == 0
    looked = rested((1, nothing), (1, NoWork()), (6, WentIdle()), (11, nothing), (11, NoWork()))
    assert looked.held_until_at(12) == 6


def test_quirk_is_no_look() -> None:
    assert rested((3, WentIdle()), (4, QUIRK), (4, NoWork())).held_until_at(500) is None
