"""The TIDs of a slave are kept with their times, and only flushed ones are durable."""

from hammerd.core.replication.lag import SlaveReading
from hammerd.core.replication.slave_tids import (
    MAX_HELD,
    SlaveTids,
    known_at,
    record_reading,
    record_slave_flush,
    tid_at,
)
from hammerd.core.tid import Tid


def slave_with(*commits: tuple[int, float]) -> SlaveTids:
    known: SlaveTids | None = None
    for tid, at in commits:
        known = record_reading(known, SlaveReading(Tid(tid), at), at)
    assert known is not None
    return known


def test_commit_is_durable_only_after_a_flush_that_began_after_it() -> None:
    known = slave_with((10, 0), (20, 10), (30, 20))

    assert known.durable_tid is None
    assert record_slave_flush(known, 15).durable_tid == 20
    assert record_slave_flush(known, 20).durable_tid == 30


def test_flush_that_began_before_all_known_tids_makes_nothing_durable() -> None:
    assert record_slave_flush(slave_with((10, 5)), 4).durable_tid is None


def test_flush_that_is_reported_late_changes_nothing() -> None:
    known = record_slave_flush(slave_with((10, 0), (20, 10)), 11)

    assert record_slave_flush(known, 5).durable_tid == 20


def test_reading_counts_from_its_end_not_from_its_beginning() -> None:
    known = record_reading(slave_with((10, 0)), SlaveReading(Tid(20), 5), had_at=9)

    assert tid_at(known, 8) == 10
    assert tid_at(known, 9) == 20


def test_durable_tid_is_never_above_a_slave_that_went_back() -> None:
    known = record_slave_flush(slave_with((10, 0), (20, 10)), 11)

    known = record_reading(known, SlaveReading(Tid(15), 20), 20)

    assert known.durable_tid == 15
    assert tid_at(known, 12) is None


def test_slave_at_an_instant_has_nothing_from_later() -> None:
    known = slave_with((10, 0), (20, 10), (30, 20))
    then = known_at(known, 15)

    assert then is not None
    assert (then.reading.tid, tid_at(then, 99)) == (20, 20)
    assert known_at(known, -1) is None


def test_kept_tids_of_a_busy_slave_are_bounded_and_never_too_high() -> None:
    truth = [(n, n * 0.1) for n in range(5000)]
    known = slave_with(*truth)

    assert len(known.held) <= MAX_HELD
    assert known.held[-1].at - known.held[0].at >= MAX_HELD / 2
    for tid, at in truth:
        kept = tid_at(known, at)
        assert kept is None or tid - 20 <= kept <= tid


def test_reading_that_ended_before_the_last_commit_stays_in_order() -> None:
    known = record_reading(slave_with((10, 0), (20, 10)), SlaveReading(Tid(30), 4), had_at=9)

    assert [each.at for each in known.held] == sorted(each.at for each in known.held)
    assert tid_at(known, 9.5) == 10
