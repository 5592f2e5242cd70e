"""A TID clock returns when the master held a TID."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.replication.tid_clock import (
    AGE_PER_GAP,
    MAX_SAMPLES,
    FlushMark,
    TidClock,
    TidSample,
    last_held,
    record,
    record_flush,
    shift_clock,
    thin_out,
)
from hammerd.core.tid import Tid


def sample(tid: int, at: float) -> TidSample:
    return TidSample(Tid(tid), at)


def clock_of(*samples: tuple[int, float]) -> TidClock:
    clock = TidClock()
    for tid, at in samples:
        clock = record(clock, sample(tid, at)).clock
    return clock


def test_empty_clock_has_no_samples() -> None:
    assert TidClock().newest is None
    assert last_held(TidClock(), Tid(9)) is None


def test_tid_was_held_at_the_last_sample_that_is_not_above_it() -> None:
    clock = clock_of((10, 0), (20, 30), (30, 60))

    assert last_held(clock, Tid(20)) == sample(20, 30)
    assert last_held(clock, Tid(29)) == sample(20, 30)
    assert last_held(clock, Tid(99)) == sample(30, 60)


def test_tid_below_every_sample_was_held_at_an_unknown_time() -> None:
    assert last_held(clock_of((10, 0)), Tid(9)) is None


def test_unchanged_master_has_one_sample_at_the_latest_time() -> None:
    assert clock_of((10, 0), (10, 30), (10, 60)).samples == (sample(10, 60),)


def test_late_reading_with_the_same_tid_changes_nothing() -> None:
    assert clock_of((10, 30), (10, 0)).samples == (sample(10, 30),)


def test_master_that_goes_back_cuts_the_clock_and_gives_the_lost_tid() -> None:
    recorded = record(clock_of((10, 0), (20, 30), (30, 60)), sample(15, 90))

    assert recorded.clock.samples == (sample(10, 0), sample(15, 90))
    assert recorded.clock.restored_at == 90
    assert recorded.went_back_from == 30


def test_master_that_goes_back_to_a_known_tid_holds_it_now() -> None:
    recorded = record(clock_of((10, 0), (20, 30)), sample(10, 60))

    assert recorded.clock.samples == (sample(10, 60),)


def test_late_result_of_an_older_reading_is_no_step_back() -> None:
    clock = clock_of((20, 30))

    recorded = record(clock, sample(10, 0))

    assert recorded.clock == clock
    assert recorded.went_back_from is None


def test_samples_stay_in_order_of_time_when_the_older_reading_read_last() -> None:
    """Two readings overlap: at 30 the TID was at most 10, so it was at most 20 then, too."""
    assert clock_of((10, 30), (20, 0)).samples == (sample(10, 30), sample(20, 30))


def test_thinned_clock_is_bounded_and_no_gap_is_wider_than_a_hundredth_of_its_age() -> None:
    clock, longest = TidClock(), 0
    for number in range(5 * MAX_SAMPLES):
        clock = record(clock, sample(number, 30.0 * number)).clock
        longest = max(longest, len(clock.samples))
    now_at = clock.samples[-1].at
    gaps = [(after.at - before.at, now_at - after.at) for before, after in pairwise(clock.samples)]

    assert longest <= MAX_SAMPLES
    assert clock.samples[0] == sample(0, 0)
    assert all(gap <= max(30.0, age / AGE_PER_GAP) for gap, age in gaps)


def test_shifted_clock_of_an_earlier_run_is_approximate() -> None:
    clock = TidClock((sample(10, 400),), (FlushMark(Tid(9), 390),), restored_at=380)

    assert shift_clock(clock, -493.0) == TidClock(
        (TidSample(Tid(10), -93.0, is_approximate=True),),
        (FlushMark(Tid(9), -103.0, is_approximate=True),),
        restored_at=-113.0,
    )


# --- flushes that completed --------------------------------------------------------------------


def flushes(*marks: tuple[int, float]) -> TidClock:
    clock = TidClock()
    for tid, at in marks:
        clock = record_flush(clock, FlushMark(Tid(tid), at))
    return clock


def test_flush_with_the_same_tid_counts_from_its_own_start() -> None:
    assert flushes((10, 0), (10, 30)).marks == (FlushMark(Tid(10), 30),)


def test_flushes_that_are_reported_late_change_nothing() -> None:
    assert flushes((10, 30), (10, 0), (9, 40)).marks == (FlushMark(Tid(10), 30),)


def test_flush_from_before_a_restore_is_ignored() -> None:
    clock = record(clock_of((10, 0), (30, 60)), sample(20, 90)).clock

    assert record_flush(clock, FlushMark(Tid(25), 80)).marks == ()
    assert record_flush(clock, FlushMark(Tid(25), 91)).marks == (FlushMark(Tid(25), 91),)


def test_master_that_goes_back_loses_its_flushes() -> None:
    clock = record_flush(clock_of((10, 0), (30, 60)), FlushMark(Tid(5), 1))
    clock = record_flush(clock, FlushMark(Tid(25), 50))

    assert record(clock, sample(20, 90)).clock.marks == (FlushMark(Tid(5), 1),)


def test_flushes_are_bounded_as_samples_are() -> None:
    clock = TidClock()
    for number in range(2 * MAX_SAMPLES):
        clock = record_flush(clock, FlushMark(Tid(number), float(number)))
        assert len(clock.marks) <= MAX_SAMPLES


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), max_size=30))
def test_samples_are_in_order_of_tid_and_of_time(readings: list[tuple[int, int]]) -> None:
    samples = clock_of(*readings).samples

    assert all(a.tid < b.tid and a.at <= b.at for a, b in pairwise(samples))


def test_clock_of_one_sample_keeps_it_when_thinned() -> None:
    only = (TidSample(Tid(5), at=1.0),)

    assert thin_out(only) == only
    assert thin_out(()) == ()
