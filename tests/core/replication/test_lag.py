"""The lag is compared with a simulated truth: it is never too small."""

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hammerd.core.replication.lag import (
    UNKNOWN,
    Lag,
    LagVerdict,
    SlaveReading,
    lag_of,
    lag_when_unreadable,
)
from hammerd.core.replication.tid_clock import (
    FlushMark,
    TidClock,
    TidSample,
    record,
    record_flush,
    shift_clock,
)
from hammerd.core.tid import Tid

# --- examples --------------------------------------------------------------------------------


def clock_of(*samples: tuple[int, float]) -> TidClock:
    return TidClock(tuple(TidSample(Tid(tid), at) for tid, at in samples))


CLOCK = clock_of((10, 0.0), (20, 30.0), (30, 60.0))


def reading(tid: int, at: float) -> SlaveReading:
    return SlaveReading(Tid(tid), at)


@pytest.mark.parametrize(
    ("master", "slave"), [(TidClock(), reading(9, 0)), (CLOCK, None), (TidClock(), None)]
)
def test_endpoint_that_was_never_read_makes_the_lag_unknown(
    master: TidClock, slave: SlaveReading | None
) -> None:
    assert lag_of(master, slave, 70) == UNKNOWN


def test_slave_in_sync_is_as_old_as_the_last_reading_of_its_master() -> None:
    assert lag_of(CLOCK, reading(30, 59), 70) == Lag(LagVerdict.IN_SYNC, 0, 10.0, 59, 29)
    assert lag_of(CLOCK, reading(30, 60), 60).seconds == 0


def test_flush_that_completed_bounds_the_lag_too() -> None:
    clock = record_flush(CLOCK, FlushMark(Tid(30), 65.0))

    assert lag_of(clock, reading(30, 68), 70) == Lag(LagVerdict.IN_SYNC, 0, 5.0, 60, 65)
    assert lag_of(clock, reading(20, 68), 70).seconds == 40.0


def test_commit_past_the_last_reading_of_the_master_is_in_sync() -> None:
    assert lag_of(CLOCK, reading(35, 65), 70) == Lag(LagVerdict.IN_SYNC, 0, 10.0, 60, 29)


def test_slave_past_a_later_reading_of_its_master_is_ahead() -> None:
    assert lag_of(CLOCK, reading(35, 59), 70) == Lag(LagVerdict.AHEAD, -5, measured_at=59)


def test_slave_read_at_the_instant_of_its_master_is_not_ahead() -> None:
    assert lag_of(CLOCK, reading(35, 60), 70).verdict is LagVerdict.IN_SYNC


def test_slave_behind_is_as_old_as_the_last_instant_that_it_holds_completely() -> None:
    assert lag_of(CLOCK, reading(25, 65), 70) == Lag(LagVerdict.BEHIND, 5, 40.0, 60, -1)


def test_slave_behind_every_sample_has_an_unknown_lag_in_seconds() -> None:
    assert lag_of(CLOCK, reading(5, 65), 70) == Lag(LagVerdict.BEHIND, 25, None, 60)


def test_lag_of_an_unreadable_endpoint_is_unknown_but_safe_data_stays_safe() -> None:
    slave = reading(25, 65)

    assert lag_when_unreadable(lag_of(CLOCK, slave, 70), slave) == Lag(
        LagVerdict.UNKNOWN, measured_at=60, safe_at=-1
    )


def test_safe_data_is_never_newer_than_the_reading_of_an_unreadable_slave() -> None:
    slave = reading(20, 300)
    lag = lag_of(clock_of((10, 500), (20, 600)), slave, 610, durable_tid=Tid(10))

    assert (lag.safe_at, lag.durable_at) == (548, 448)
    assert (
        lag_when_unreadable(lag, slave).safe_at,
        lag_when_unreadable(lag, slave).durable_at,
    ) == (300, 300)


def test_durable_data_is_proven_by_the_tid_after_a_power_cut() -> None:
    lag = lag_of(CLOCK, reading(30, 65), 70, durable_tid=Tid(20))

    assert (lag.safe_at, lag.durable_at) == (29, -1)
    assert lag_of(CLOCK, reading(30, 65), 70).durable_at is None
    # If the slave went back below its durable TID, only its present TID is durable.
    assert lag_of(CLOCK, reading(20, 65), 70, durable_tid=Tid(30)).durable_at == -1


def test_lag_grows_with_the_clock() -> None:
    assert lag_of(CLOCK, reading(25, 65), 170).seconds == 140


@pytest.mark.parametrize("tid", [25, 30])
def test_lag_by_samples_of_an_earlier_run_is_approximate(tid: int) -> None:
    lag = lag_of(shift_clock(CLOCK, -95.0), reading(tid, 0.0), 5.0)

    assert lag.is_approximate


# --- a world that knows the truth ------------------------------------------------------------


@dataclass(slots=True)
class Truth:
    """A master that flushes, a slave that commits, and the readings of both with their times."""

    now: int = 0
    master: int = 10
    slave: int = 5
    flushes: list[tuple[int, int]] = field(default_factory=lambda: [(10, 0)])
    clock: TidClock = field(default_factory=TidClock)
    read: SlaveReading | None = None
    began: list[int] = field(default_factory=list)
    longest_reading: int = 0

    def flush(self, tids: int) -> None:
        self.master += tids
        self.flushes.append((self.master, self.now))

    def wait(self, seconds: int) -> None:
        self.now += seconds

    def read_master(self, flushed_meanwhile: int, took: int) -> None:
        began = self.now
        self.now += took
        if flushed_meanwhile:
            self.flush(flushed_meanwhile)
        recorded = record(self.clock, TidSample(Tid(self.master), began))
        assert recorded.went_back_from is None
        self.clock = recorded.clock
        self.began.append(began)
        self.longest_reading = max(self.longest_reading, took)

    def read_slave(self, committed_meanwhile: int, took: int) -> None:
        began = self.now
        self.now += took
        self.slave = min(self.slave + committed_meanwhile, self.master)
        self.read = SlaveReading(Tid(self.slave), began)

    def commit(self, tids: int, read_after: int) -> None:
        self.slave = min(self.slave + tids, self.master)
        self.now += read_after
        self.read = SlaveReading(Tid(self.slave), self.now)

    # --- the truth -----------------------------------------------------------------------------

    def age_of_what_is_missing(self) -> int | None:
        """Return the age of the oldest flush that the slave does not hold, None in sync."""
        missing = [at for tid, at in self.flushes if tid > self.slave]
        return self.now - min(missing) if missing else None

    def interval_after(self, at: float) -> float:
        return min((began for began in self.began if began > at), default=self.now) - at

    def lag(self) -> Lag:
        return lag_of(self.clock, self.read, self.now)


TIDS, SECONDS = st.integers(0, 9), st.integers(0, 40)
MOVES = st.one_of(
    st.tuples(st.just(Truth.flush), st.tuples(st.integers(1, 9))),
    st.tuples(st.just(Truth.wait), st.tuples(SECONDS)),
    st.tuples(st.just(Truth.read_master), st.tuples(TIDS, st.integers(0, 3))),
    st.tuples(st.just(Truth.read_slave), st.tuples(TIDS, st.integers(0, 3))),
    st.tuples(st.just(Truth.commit), st.tuples(TIDS, st.integers(0, 3))),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(MOVES, min_size=5, max_size=40))
@example([(Truth.read_master, (0, 0)), (Truth.flush, (1,)), (Truth.commit, (6, 0))])
def test_lag_never_understates_and_overstates_by_one_interval_at_most(moves: list) -> None:  # type: ignore[type-arg]
    truth = Truth()
    for move, arguments in moves:
        move(truth, *arguments)
        lag, age = truth.lag(), truth.age_of_what_is_missing()

        assert lag.verdict is not LagVerdict.AHEAD, "no slave runs ahead in this world"
        for known in (lag, lag_when_unreadable(lag, truth.read)):
            _assert_safe(truth, known)
        if lag.verdict is LagVerdict.IN_SYNC:
            assert lag.seconds == truth.now - truth.began[-1]
            assert age is None or age <= lag.seconds
        if lag.verdict is LagVerdict.BEHIND and lag.seconds is not None:
            assert age is not None
            assert age <= lag.seconds
            interval = truth.interval_after(truth.now - lag.seconds)
            assert lag.seconds <= age + interval + truth.longest_reading


def _assert_safe(truth: Truth, lag: Lag) -> None:
    """Assert that everything that was flushed before `safe_at` is on the slave."""
    if lag.safe_at is not None:
        assert all(tid <= truth.slave for tid, at in truth.flushes if at < lag.safe_at)
