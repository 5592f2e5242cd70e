"""What a stream shows of a master that nobody here can ask."""

from hammerd.core.master_sightings import Listening, Sighting
from hammerd.core.stream_sayings import Batch, Committed, Idle, NoWork, Saying
from hammerd.core.tid import Tid

QUIRK = Batch(Tid(20), Tid(0), (1 << 64) - 1)


def batch(begin: int, end: int) -> Batch:
    return Batch(Tid(begin), Tid(end), 100)


def hear(*sayings: tuple[float, Saying], launched_at: float = 0.0) -> list[Sighting]:
    listening, seen = Listening(launched_at), []
    for now_at, saying in sayings:
        listening, sighting = listening.hear(saying, now_at)
        seen += [sighting] if sighting else []
    return seen


def test_rest_after_a_batch_shows_what_the_master_held_after_the_rest_before() -> None:
    seen = hear(
        (1, batch(2, 20)), (2, Committed(Tid(20))), (3, Idle()), (8, batch(21, 30)), (9, Idle())
    )

    assert seen == [Sighting(Tid(20), 0), Sighting(Tid(30), 3)]


def test_slices_show_the_end_of_the_last_one() -> None:
    assert hear((1, batch(2, 20)), (2, batch(21, 40)), (3, Idle())) == [Sighting(Tid(40), 0)]


def test_slice_that_is_under_way_shows_nothing_yet() -> None:
    assert hear((1, batch(2, 20)), (2, batch(21, 40))) == []


def test_batch_without_work_shows_nothing() -> None:
    assert hear((1, QUIRK), (1, NoWork()), (6, Idle()), (7, Idle())) == []


def test_rest_of_the_quirk_is_a_rest() -> None:
    seen = hear((1, QUIRK), (1, NoWork()), (6, Idle()), (11, batch(20, 30)), (12, Idle()))

    assert seen == [Sighting(Tid(30), 6)]
