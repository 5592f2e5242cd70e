"""Tests what readings prove of a lag, and what they do not; time is an argument."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.latches import Latch
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict, SlaveReading
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.slave_tids import SlaveTids
from hammerd.core.replication.tid_clock import TidClock, TidSample, shift_clock
from hammerd.core.tid import Tid
from hammerd.daemon.readings.store import MaxAges, ReadingStore, max_ages
from hammerd.daemon.readings.unknowns import WentBack
from hammerd.daemon.timing.clock import Clock, Instant

A, B = Endpoint("/a"), Endpoint("/b")
PAIR = Pair("ab", A, B)
PULL = Pair("pull", Endpoint("/a", SshHost("far")), B)
WALL = 1_700_000_000.0


class Time(Clock):
    """Two clocks that tests set."""

    def __init__(self) -> None:
        self.at, self.ahead_s = 1000.0, WALL
        super().__init__(lambda: self.at)

    def now(self) -> Instant:
        return Instant(self.at, self.at + self.ahead_s)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def readings(time: Time) -> ReadingStore:
    return ReadingStore(MaxAges(here_s=90.0, remote_s=90.0), time)


def span(began_at: float, ended_at: float | None = None, call: int | None = None) -> ReadSpan:
    return ReadSpan(began_at, began_at if ended_at is None else ended_at, call)


def master(readings: ReadingStore, tid: int, one: ReadSpan, end: Endpoint = A) -> WentBack | None:
    began = Instant(one.began_at, WALL + one.began_at)
    return readings.record_master_reading(end, Tid(tid), began, one)


def slave(readings: ReadingStore, tid: int, one: ReadSpan) -> WentBack | None:
    return readings.slaves.record_reading(B, Tid(tid), one)


# --- a TID that goes back --------------------------------------------------------------------


def test_master_that_went_back_is_unknown_until_confirmed(readings: ReadingStore) -> None:
    slave(readings, 30, span(0))
    master(readings, 30, span(1, 2))

    assert master(readings, 20, span(3, 4)) == WentBack(Tid(30), Tid(20))
    assert readings.lag(PAIR, 5) == Lag(LagVerdict.UNKNOWN, is_unproven=True)
    assert "went back from 0x000000000000001e" in (readings.why_unknown(PAIR, 5) or "")
    assert master(readings, 21, span(5, 6)) is None
    assert readings.lag(PAIR, 7).verdict is LagVerdict.AHEAD


def test_quick_reading_that_began_later_and_read_earlier_shows_no_step_back(
    readings: ReadingStore,
) -> None:
    master(readings, 10, span(0, 1, 1))
    # The batch began at 2 and read at 9; the probe began at 3 and read at once.
    master(readings, 30, span(2, 10, 2))

    assert master(readings, 20, span(3, 4, 3)) is None
    assert readings.clock(A).newest == TidSample(Tid(30), 2)
    assert master(readings, 20, span(11, 12, 4)) == WentBack(Tid(30), Tid(20))


def test_slow_reading_that_comes_last_shows_no_step_back(readings: ReadingStore) -> None:
    master(readings, 30, span(3, 4, 2))

    assert master(readings, 20, span(2, 10, 1)) is None
    assert readings.clock(A).newest == TidSample(Tid(30), 3)


def test_slave_that_went_back_is_reported_unless_the_readings_overlap(
    readings: ReadingStore,
) -> None:
    slave(readings, 30, span(0, 5, 1))

    assert slave(readings, 20, span(4, 6, 2)) is None
    assert slave(readings, 10, span(7, 8, 3)) == WentBack(Tid(20), Tid(10))


def test_slave_that_went_back_from_a_commit_is_reported(readings: ReadingStore) -> None:
    readings.slaves.record_commit(B, Tid(30), 1.0)

    assert slave(readings, 20, span(0.5, 2)) is None
    assert slave(readings, 20, span(3, 4)) == WentBack(Tid(30), Tid(20))


def test_first_reading_after_a_restart_goes_back_from_nothing(readings: ReadingStore) -> None:
    readings.load({"/a": TidClock((TidSample(Tid(90), 0.0),))}, {})

    assert master(readings, 100, span(1, 2)) is None


# --- ahead -------------------------------------------------------------------------------------


def test_slave_is_ahead_only_of_a_master_read_after_it(readings: ReadingStore) -> None:
    slave(readings, 30, span(0, 5, 1))
    master(readings, 20, span(1, 2, 2))
    assert readings.lag(PAIR, 6).verdict is LagVerdict.IN_SYNC

    master(readings, 20, span(6, 7, 3))
    assert readings.lag(PAIR, 8).verdict is LagVerdict.AHEAD


def test_within_one_command_the_order_of_operands_is_the_order_in_time(
    readings: ReadingStore,
) -> None:
    slave(readings, 30, span(0, 5, 1))
    master(readings, 20, span(0.000001, 5, 1))

    assert readings.lag(PAIR, 6).verdict is LagVerdict.AHEAD


# --- what grows old --------------------------------------------------------------------------


def test_old_readings_prove_nothing(readings: ReadingStore) -> None:
    slave(readings, 30, span(0))
    master(readings, 30, span(1))

    assert readings.lag(PAIR, 89).verdict is LagVerdict.IN_SYNC
    lag = readings.lag(PAIR, 92)
    assert (lag.verdict, lag.seconds) == (LagVerdict.UNKNOWN, None)
    assert lag.safe_at is not None
    assert lag.is_unproven
    assert "master /a unseen since 20" in (readings.why_unknown(PAIR, 92) or "")


def test_master_of_a_pull_pair_is_unseen_when_its_stream_is_quiet(readings: ReadingStore) -> None:
    assert readings.why_unknown(PULL, 0) == "master far:/a was not seen yet"
    assert not readings.lag(PULL, 0).is_unproven
    slave(readings, 30, span(0))
    master(readings, 30, span(1), PULL.master)

    assert readings.lag(PULL, 80).verdict is LagVerdict.IN_SYNC
    slave(readings, 30, span(95))
    assert readings.lag(PULL, 96).verdict is LagVerdict.UNKNOWN
    assert readings.lag(PULL, 96).is_unproven
    assert "master far:/a unseen since 20" in (readings.why_unknown(PULL, 96) or "")


def test_slave_of_a_push_pair_is_as_its_stream_left_it(readings: ReadingStore) -> None:
    push = Pair("push", A, Endpoint("/b", SshHost("far")))
    readings.slaves.record_commit(push.slave, Tid(30), 0)
    master(readings, 30, span(1000))

    assert readings.lag(push, 1001).verdict is LagVerdict.IN_SYNC


def test_max_ages_are_three_intervals_and_never_shorter_than_a_batch_may_take() -> None:
    assert max_ages(30.0, 20.0) == MaxAges(here_s=90.0, remote_s=90.0, between_s=30.0)
    assert max_ages(1.0, 20.0) == MaxAges(here_s=41.0, remote_s=3.0, between_s=1.0)


@pytest.mark.parametrize(("options", "age_s"), [((), 32.0), (("ServerAliveInterval=0",), 3.0)])
def test_silent_master_on_another_host_is_trusted_as_long_as_its_silence_proves_something(
    options: tuple[str, ...], age_s: float
) -> None:
    far = SshHost("far", settings=SshSettings(options=options))
    pair = Pair("pull", Endpoint("/m", far), Endpoint("/s"))

    assert max_ages(1.0, 20.0).of(pair) == age_s
    assert max_ages(1.0, 20.0).of(Pair("here", A, B)) == 41.0


def test_another_pfs_at_the_path_is_read_from_scratch(readings: ReadingStore) -> None:
    master(readings, 30, span(1))
    slave(readings, 30, span(1))

    readings.forget_pfs(A)

    assert readings.lag(PAIR, 2).verdict is LagVerdict.UNKNOWN
    assert master(readings, 5, span(2)) is None


# --- clocks that are stepped -----------------------------------------------------------------


@pytest.mark.parametrize("step_s", [-86_400.0, -3.0, 0.0, 3.0, 86_400.0])
def test_wall_clock_that_is_stepped_within_a_run_changes_no_lag(
    readings: ReadingStore, step_s: float
) -> None:
    readings.record_master_reading(A, Tid(10), Instant(0, WALL), span(0))
    readings.record_master_reading(A, Tid(20), Instant(30, WALL + 30 + step_s), span(30))
    slave(readings, 10, span(31))

    lag = readings.lag(PAIR, 40)

    assert (lag.verdict, lag.seconds, lag.is_approximate) == (LagVerdict.BEHIND, 40, False)


def test_clock_of_an_earlier_run_is_approximate(readings: ReadingStore) -> None:
    saved = TidClock((TidSample(Tid(10), 70_000.0), TidSample(Tid(20), 70_030.0)))
    readings.load({"/a": shift_clock(saved, -70_095.0)}, {})
    readings.record_master_reading(A, Tid(30), Instant(6, WALL), span(6))
    slave(readings, 15, span(7))

    lag = readings.lag(PAIR, 15)

    assert (lag.verdict, lag.seconds, lag.is_approximate) == (LagVerdict.BEHIND, 110, True)


@pytest.mark.parametrize(
    ("step_s", "is_dated", "is_left_out"),
    [(3600.0, True, True), (3600.0, False, False), (-3600.0, True, False), (0.5, True, False)],
)
def test_clock_of_an_earlier_boot_is_dropped_when_the_wall_clock_is_set_forward(
    readings: ReadingStore, time: Time, step_s: float, *, is_dated: bool, is_left_out: bool
) -> None:
    old = TidClock((TidSample(Tid(10), 400.0, is_approximate=True),))
    readings.load({"/a": old}, {}, is_dated=is_dated)
    readings.record_master_reading(A, Tid(30), Instant(1000, WALL), span(1000))
    slave(readings, 15, span(1000))
    assert readings.lag(PAIR, 1001).safe_at == 400 - 52

    time.ahead_s += step_s

    assert readings.lag(PAIR, 1001).safe_at == (None if is_left_out else 400 - 52)


def test_suspend_leaves_a_lag_that_is_unknown_until_the_ends_are_read_again(
    readings: ReadingStore,
) -> None:
    slave(readings, 30, span(0))
    master(readings, 30, span(1))

    assert readings.lag(PAIR, 3600).verdict is LagVerdict.UNKNOWN
    slave(readings, 30, span(3601))
    master(readings, 40, span(3602))
    assert readings.lag(PAIR, 3603).seconds == 3602


# --- a long run of a busy pair ---------------------------------------------------------------


@dataclass
class BusyMaster:
    """A master with writes, a stream with commits, and samples that overtake each other."""

    readings: ReadingStore
    random: random.Random
    now: float = 0.0
    master_tid: int = 100
    slave_tid: int = 50
    calls: int = 0
    late_commits: list[tuple[float, int]] = field(default_factory=list)
    backs: list[WentBack | None] = field(default_factory=list)

    def pass_time(self, most_s: float) -> None:
        self.now += self.random.random() * most_s
        if self.random.random() < 0.7:
            self.master_tid += self.random.randrange(1, 9)
        if self.random.random() < 0.5:
            self.slave_tid = self.random.randint(self.slave_tid, self.master_tid)
            self.late_commits.append((self.now + self.random.random() * 2, self.slave_tid))
        for due, tid in [each for each in self.late_commits if each[0] <= self.now]:
            self.readings.slaves.record_commit(B, Tid(tid), self.now)
            self.late_commits.remove((due, tid))

    def read(self) -> None:
        """Read both endpoints by a slow command, and by quick ones that overtake it."""
        asks = self._ask(most_within=2)
        self.random.shuffle(asks)
        for answers in asks:
            self.pass_time(0.5)
            for answer in answers:
                answer(self.now)

    def _ask(self, most_within: int) -> list[list[Callable[[float], None]]]:
        self.calls += 1
        call, began = self.calls, self.now
        self.pass_time(1.0)
        within = [self._ask(0)[0] for _ in range(self.random.randint(0, most_within))]
        slave_tid = self.slave_tid
        self.pass_time(3.0)
        master_tid = self.master_tid

        def slave_answers(ended: float) -> None:
            self.backs.append(slave(self.readings, slave_tid, span(began, ended, call)))

        def master_answers(ended: float) -> None:
            one = span(began + 1e-6, ended, call)
            self.backs.append(master(self.readings, master_tid, one))

        return [[slave_answers, master_answers], *within]


@pytest.mark.parametrize("seed", range(8))
def test_commits_that_race_the_samples_show_neither_divergence_nor_a_step_back(
    readings: ReadingStore, seed: int
) -> None:
    busy = BusyMaster(readings, random.Random(seed))
    for _ in range(2000):
        busy.read()
        busy.pass_time(4.0)

        lag = readings.lag(PAIR, busy.now)
        assert lag.verdict in (LagVerdict.IN_SYNC, LagVerdict.BEHIND), (seed, busy.now)
    assert set(busy.backs) == {None}


def test_idle_stream_proves_a_lag_but_nothing_safe(
    readings: ReadingStore,
) -> None:
    """The stream of a host that is cut off is idle as well."""
    master(readings, 30, span(100), PULL.master)
    readings.slaves.record_commit(B, Tid(30), 101)

    readings.record_idle_master(PULL.master, 290)

    slave(readings, 30, span(299))
    lag = readings.lag(PULL, 300)
    assert (lag.verdict, lag.seconds, lag.held_at) == (LagVerdict.IN_SYNC, 10, 290)
    assert lag.safe_at == 100 - 52


# --- flushes that completed --------------------------------------------------------------------


def test_completed_flush_of_the_master_is_safe_from_its_start(readings: ReadingStore) -> None:
    readings.set_role(A, is_master=True)
    master(readings, 10, span(100))
    readings.record_master_flush(A, Instant(110, WALL), Instant(111, WALL))
    master(readings, 20, span(112))
    slave(readings, 15, span(113))
    assert readings.lag(PAIR, 114).safe_at == 100 - 52

    slave(readings, 20, span(115))

    assert readings.lag(PAIR, 116).safe_at == 110


def test_flush_of_the_master_is_proved_by_a_reading_after_its_end(readings: ReadingStore) -> None:
    """The TID that synctid prints may be below the one that it publishes at last."""
    readings.set_role(A, is_master=True)
    master(readings, 10, span(100))
    slave(readings, 10, span(101))
    readings.record_master_flush(A, Instant(110, WALL), Instant(113, WALL))
    master(readings, 20, span(112))
    slave(readings, 20, span(114))
    assert readings.lag(PAIR, 115).safe_at == 100 - 1

    master(readings, 20, span(116))

    assert readings.lag(PAIR, 117).safe_at == 110


def test_flush_proves_nothing_for_a_master_that_is_a_slave_itself(readings: ReadingStore) -> None:
    """The TIDs of such a PFS are those of another file system."""
    readings.set_role(A, is_master=False)
    master(readings, 10, span(100))
    readings.record_master_flush(A, Instant(105, WALL), Instant(109, WALL))
    master(readings, 10, span(110))
    slave(readings, 10, span(111))

    assert readings.lag(PAIR, 112).safe_at == 110 - 52


def test_flush_that_began_at_another_pfs_proves_nothing_for_this_one(
    readings: ReadingStore, time: Time
) -> None:
    readings.set_role(A, is_master=True)
    master(readings, 10, span(time.at))
    time.at += 10
    readings.forget_pfs(A)
    readings.record_master_flush(A, Instant(time.at - 5, WALL), Instant(time.at, WALL))
    master(readings, 10, span(time.at + 1))
    slave(readings, 10, span(time.at + 2))

    assert readings.lag(PAIR, time.at + 3).safe_at is None


def test_what_is_durable_waits_for_a_flush_of_the_slave(readings: ReadingStore) -> None:
    master(readings, 10, span(100))
    readings.slaves.record_commit(B, Tid(10), 101)
    master(readings, 20, span(200))
    readings.slaves.record_commit(B, Tid(20), 201)
    assert readings.lag(PAIR, 202).durable_at is None

    readings.slaves.record_flush(B, began_at=150)

    lag = readings.lag(PAIR, 203)
    assert (lag.safe_at, lag.durable_at) == (200 - 52, 100 - 52)


# --- disks that were lost ------------------------------------------------------------------------


def test_slave_on_a_disk_that_was_lost_has_what_it_had_before(readings: ReadingStore) -> None:
    master(readings, 10, span(100))
    slave(readings, 10, span(101))
    readings.slaves.record_read_only(B, is_read_only=False, began_at=102)
    master(readings, 20, span(190))
    slave(readings, 20, span(191))
    readings.slaves.record_commit(B, Tid(20), 191)

    readings.slaves.record_read_only(B, is_read_only=True, began_at=192)
    slave(readings, 20, span(193))
    readings.slaves.record_commit(B, Tid(21), 194)

    lag = readings.lag(PAIR, 195)
    assert (lag.verdict, lag.seconds, lag.safe_at) == (LagVerdict.UNKNOWN, None, 100 - 52)
    assert "read-only" in (readings.why_unknown(PAIR, 195) or "")
    readings.slaves.record_read_only(B, is_read_only=False, began_at=300)
    slave(readings, 20, span(301))
    assert readings.lag(PAIR, 302).safe_at == 190 - 52


def test_slave_that_was_never_seen_writable_proves_nothing(readings: ReadingStore) -> None:
    master(readings, 10, span(100))
    slave(readings, 10, span(101))

    readings.slaves.record_read_only(B, is_read_only=True, began_at=102)

    assert readings.lag(PAIR, 103).safe_at is None


def test_nothing_is_safe_on_a_slave_whose_pfs_is_missing(readings: ReadingStore) -> None:
    master(readings, 10, span(100))
    slave(readings, 10, span(101))
    readings.record_unreadable(B, "No such file or directory")
    assert readings.lag(PAIR, 103).safe_at == 100 - 52

    readings.slaves.record_missing(B, None, is_untranslated=True)

    lag = readings.lag(PAIR, 104)
    assert lag.safe_at is None
    assert readings.why_unknown(PAIR, 104) == "slave /b is gone: No such file or directory"
    assert readings.why_unsafe(PAIR, lag) == readings.why_unknown(PAIR, 104)
    assert readings.saved()[1] == {}
    slave(readings, 10, span(105))
    assert readings.lag(PAIR, 106).safe_at == 100 - 52


# --- ends that went different ways ---------------------------------------------------------------


def test_latched_pair_keeps_what_was_safe_before(readings: ReadingStore) -> None:
    master(readings, 10, span(100))
    slave(readings, 10, span(101))
    readings.remember(PAIR, readings.lag(PAIR, 102))
    readings.set_latch(PAIR, Latch("diverged", keeps_safe=True))
    # The restored master has overtaken the slave.
    master(readings, 30, span(200))

    lag = readings.lag(PAIR, 201)
    assert (lag.verdict, lag.seconds, lag.tids) == (LagVerdict.UNKNOWN, None, None)
    assert (lag.safe_at, readings.why_unknown(PAIR, 201)) == (100 - 52, "diverged")
    readings.set_latch(PAIR, None)
    slave(readings, 10, span(202))
    assert readings.lag(PAIR, 203).verdict is LagVerdict.BEHIND


def test_nothing_is_safe_on_a_slave_that_was_a_master(readings: ReadingStore) -> None:
    """Also when it is a slave again: it may have had other writers."""
    master(readings, 10, span(100))
    slave(readings, 10, span(101))
    readings.remember(PAIR, readings.lag(PAIR, 102))

    readings.set_latch(PAIR, Latch("it was a master", keeps_safe=False))

    assert readings.lag(PAIR, 103) == UNKNOWN
    assert readings.why_unknown(PAIR, 103) == "it was a master"
    assert readings.saved()[1] == {}


def test_slave_of_a_master_that_went_back_is_safe_as_it_was_until_it_is_trusted(
    readings: ReadingStore,
) -> None:
    master(readings, 30, span(100))
    slave(readings, 20, span(101))
    master(readings, 30, span(130))
    readings.remember(PAIR, readings.lag(PAIR, 131))
    before = readings.lag(PAIR, 131).safe_at
    back = master(readings, 25, span(160))
    assert back is not None
    readings.slaves.record_fork(B, back.after)
    for tid, at in ((26, 190), (27, 250), (28, 310)):
        master(readings, tid, span(at))
        readings.slaves.record_commit(B, Tid(tid), at + 1)

    lag = readings.lag(PAIR, 312)
    readings.remember(PAIR, lag)
    assert (lag.verdict, lag.safe_at, readings.lag(PAIR, 312).safe_at) == (
        LagVerdict.IN_SYNC,
        before,
        before,
    )
    readings.slaves.trust(B)
    assert readings.lag(PAIR, 312).safe_at == 310 - 52


def test_slave_that_held_what_its_master_lost_stays_ahead_of_it(readings: ReadingStore) -> None:
    master(readings, 30, span(100))
    slave(readings, 30, span(101))
    readings.slaves.record_fork(B, Tid(20))
    master(readings, 40, span(130))

    assert readings.slaves.was_ahead(B)
    readings.forget_pfs(B)
    assert not readings.slaves.was_ahead(B)


def test_reason_why_nothing_is_safe_is_returned(readings: ReadingStore, time: Time) -> None:
    time.at = 102.0
    assert readings.why_unsafe(PAIR, readings.lag(PAIR, 102)) == "master /a was not read yet"
    master(readings, 10, span(100))
    slave(readings, 9, span(101))

    lag = readings.lag(PAIR, 102)

    assert lag.safe_at is None
    assert readings.why_unsafe(PAIR, lag) == (
        "no reading of master /a is as old as what slave /b holds"
    )
    slave(readings, 10, span(103))
    assert readings.why_unsafe(PAIR, readings.lag(PAIR, 104)) is None


# --- TIDs that went back for a reason ------------------------------------------------------------


def test_slave_that_went_back_with_its_host_is_explained(readings: ReadingStore) -> None:
    readings.load({}, {}, {"/b": Tid(30)})

    back = slave(readings, 20, span(3))

    assert back is not None
    assert (back.before, back.after) == (30, 20)
    assert "rebooted" in back.because
    assert slave(readings, 19, span(5)) == WentBack(Tid(20), Tid(19))


def test_slave_that_came_back_with_its_host_unchanged_is_not_reported(
    readings: ReadingStore,
) -> None:
    readings.load({}, {}, {"/b": Tid(30)})

    assert slave(readings, 30, span(3)) is None


def test_slave_that_went_back_without_a_reboot_is_reported(readings: ReadingStore) -> None:
    readings.load({}, {"/b": SlaveTids(SlaveReading(Tid(30), 1.0))})

    assert slave(readings, 20, span(3)) == WentBack(Tid(30), Tid(20))


@pytest.mark.parametrize(
    ("where", "is_untranslated", "is_missing"),
    [(7, False, True), (8, False, False), (None, False, False), (None, True, True)],
    ids=["mounted", "beneath the mount point", "no directory", "untranslated link"],
)
def test_pfs_is_missing_only_where_its_file_system_is_mounted(
    readings: ReadingStore, where: int | None, *, is_untranslated: bool, is_missing: bool
) -> None:
    master(readings, 10, span(100))
    slave(readings, 10, span(101))
    readings.slaves.record_file_system(B, 7)

    readings.record_unreadable(B, "No such file or directory")
    readings.slaves.record_missing(B, where, is_untranslated=is_untranslated)

    assert readings.lag(PAIR, 104).safe_at == (None if is_missing else 100 - 52)


def test_slave_that_was_unmounted_may_come_back_with_a_lower_tid(readings: ReadingStore) -> None:
    slave(readings, 30, span(101))
    readings.slaves.record_file_system(B, 7)
    readings.record_unreadable(B, "No such file or directory")
    readings.slaves.record_missing(B, None, is_untranslated=False)

    back = slave(readings, 20, span(103))

    assert back is not None
    assert "not mounted" in back.because


def test_lag_of_a_slave_that_holds_no_state_yet_is_unknown_for_a_reason(
    readings: ReadingStore,
) -> None:
    master(readings, 10, span(100))
    slave(readings, 1, span(101))

    lag = readings.lag(PAIR, 102)
    assert (lag.verdict, lag.seconds, lag.tids) == (LagVerdict.BEHIND, None, 9)
    assert readings.why_unknown(PAIR, 102) == (
        "slave /b holds no state yet that its master was seen in"
    )


# --- a slave that is none ----------------------------------------------------------------------


def test_slave_of_another_master_proves_nothing_when_it_is_missing(readings: ReadingStore) -> None:
    master(readings, 10, span(0))
    slave(readings, 10, span(0))
    readings.set_obstacle(PAIR, "the uuids differ")
    readings.record_unreadable(B, "path_missing")
    readings.set_obstacle(PAIR, None)

    assert readings.lag(PAIR, 1000.0).safe_at is None
    assert readings.why_unknown(PAIR, 1000.0) == "slave /b cannot be read: path_missing"


def test_slave_of_another_master_is_not_saved(readings: ReadingStore) -> None:
    master(readings, 10, span(0))
    slave(readings, 10, span(0))
    kept = readings.saved()[1]
    readings.set_obstacle(PAIR, "the uuids differ")
    left_out = readings.saved()[1]
    slave(readings, 11, span(1))
    readings.set_obstacle(PAIR, None)

    assert kept.keys() == readings.saved()[1].keys() == {"/b"}
    assert left_out == {}
