"""When did the master hold a TID?"""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.tid import Tid
from hammerd.core.tid_clock import (
    AGE_PER_GAP,
    MAX_SAMPLES,
    TidClock,
    TidSample,
    rebased,
    record,
    safe_until,
    thinned,
)


def sample(tid: int, at: float) -> TidSample:
    return TidSample(Tid(tid), at, time=at + 1_000_000)


def clock_of(*samples: tuple[int, float]) -> TidClock:
    clock = TidClock()
    for tid, at in samples:
        clock = record(clock, sample(tid, at)).clock
    return clock


def test_empty_clock_knows_nothing() -> None:
    assert TidClock().newest is None
    assert safe_until(TidClock(), Tid(9)) is None


def test_tid_is_safe_until_the_last_sample_that_is_not_past_it() -> None:
    clock = clock_of((10, 0), (20, 30), (30, 60))

    assert safe_until(clock, Tid(20)) == sample(20, 30)
    assert safe_until(clock, Tid(29)) == sample(20, 30)
    assert safe_until(clock, Tid(99)) == sample(30, 60)


def test_tid_before_every_sample_is_safe_until_nobody_knows_when() -> None:
    assert safe_until(clock_of((10, 0)), Tid(9)) is None


def test_master_that_rests_is_sampled_at_the_latest_time() -> None:
    assert clock_of((10, 0), (10, 30), (10, 60)).samples == (sample(10, 60),)


def test_late_answer_of_a_reading_that_says_the_same_changes_nothing() -> None:
    assert clock_of((10, 30), (10, 0)).samples == (sample(10, 30),)


def test_master_that_goes_back_cuts_the_clock_and_says_from_where() -> None:
    recorded = record(clock_of((10, 0), (20, 30), (30, 60)), sample(15, 90))

    assert recorded.clock.samples == (sample(10, 0), sample(15, 90))
    assert recorded.went_back_from == 30


def test_master_that_goes_back_to_a_known_tid_holds_it_now() -> None:
    recorded = record(clock_of((10, 0), (20, 30)), sample(10, 60))

    assert recorded.clock.samples == (sample(10, 60),)


def test_late_answer_of_an_older_reading_is_no_going_back() -> None:
    clock = clock_of((20, 30))

    recorded = record(clock, sample(10, 0))

    assert recorded.clock == clock
    assert recorded.went_back_from is None


def test_samples_stay_in_order_of_time_when_the_older_reading_read_last() -> None:
    """Two readings at once: at 30 the master held 10, so it held no more than 20 then."""
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


def test_clock_of_an_earlier_run_is_carried_over_by_the_wall_clock() -> None:
    clock = TidClock((TidSample(Tid(10), 5_000.0, 400.0), TidSample(Tid(20), 5_030.0, 430.0)))

    assert rebased(clock, now_at=7.0, now_time=500.0) == TidClock(
        (
            TidSample(Tid(10), -93.0, 400.0, is_approximate=True),
            TidSample(Tid(20), -63.0, 430.0, is_approximate=True),
        )
    )


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9), st.floats(0, 1e6), st.floats(0, 1e9))
def test_no_sample_of_an_earlier_run_is_in_the_future(
    times: list[float], now_at: float, now_time: float
) -> None:
    clock = TidClock(tuple(TidSample(Tid(n), 0.0, time) for n, time in enumerate(times)))

    samples = rebased(clock, now_at, now_time).samples

    assert all(one.at <= now_at and one.is_approximate for one in samples)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), max_size=30))
def test_samples_are_in_order_of_tid_and_of_time(readings: list[tuple[int, int]]) -> None:
    samples = clock_of(*readings).samples

    assert all(a.tid < b.tid and a.at <= b.at for a, b in pairwise(samples))


def test_clock_of_one_sample_is_thinned_to_that_one() -> None:
    only = (TidSample(Tid(5), at=1.0, time=1.0),)

    assert thinned(only) == only
    assert thinned(()) == ()
