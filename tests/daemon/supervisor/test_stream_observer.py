"""Observers of streams: a fault in one of them keeps no event from the pair's machine."""

import time
from dataclasses import replace
from typing import Any, cast

from hammerd.core.hammer.messages import Batch, Committed, FarLocked, WentIdle
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.events import Event, GroupEmpty, MessageRead
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Memory, PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.replication.tid_clock import TidSample
from hammerd.core.tid import Tid
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.readings.unknowns import WentBack
from hammerd.daemon.supervisor.stream_observer import LifeOf, StreamObserver
from hammerd.daemon.timing.clock import Clock

PAIR = Pair("test", Endpoint("/m"), Endpoint("/s"))


class RaisingObserver:
    """An observer that raises at every event."""

    def observe(self, pair: str, event: Event) -> None:
        raise RuntimeError("no observer today")


class StoringObserver:
    """An observer that stores every event."""

    def observe(self, pair: str, event: Event) -> None:
        pass


def stream_observer(foreign: object, life_of: LifeOf) -> tuple[StreamObserver, list[str]]:
    observer = StreamObserver(
        life_of, cast(Any, foreign), ReadingStore(), AnomalyDetector(), Clock(time.monotonic)
    )
    failed: list[str] = []
    observer.on_failed = lambda pair, error: failed.append(f"{pair}: {error}")
    return observer, failed


def test_fault_of_an_observer_is_reported_and_goes_no_further() -> None:
    observer, failed = stream_observer(
        RaisingObserver(), lambda _pair: new_life(PAIR, Memory(), 0.0)
    )

    observer.observe("test", GroupEmpty())
    observer.observe("test", MessageRead(Committed(Tid(7))))

    assert failed == ["test: no observer today"] * 2


def test_event_of_a_removed_pair_goes_no_further() -> None:
    def missing_pair(pair: str) -> PairLife:
        raise KeyError(pair)

    observer, failed = stream_observer(StoringObserver(), missing_pair)

    observer.observe("test", MessageRead(Committed(Tid(7))))

    assert failed == ["test: 'test'"]


def observer_of(
    pair: Pair, readings: ReadingStore, detector: AnomalyDetector | None = None
) -> StreamObserver:
    clock = Clock(lambda: 50.0)
    return StreamObserver(
        lambda _pair: new_life(pair, Memory(), 0.0),
        cast(Any, StoringObserver()),
        readings,
        detector or AnomalyDetector(),
        clock,
    )


def test_move_before_a_far_half_took_the_lock_is_no_jump() -> None:
    slave = Endpoint("/s", SshHost("far"))
    detector, readings = AnomalyDetector(), ReadingStore()
    observer = observer_of(replace(PAIR, slave=slave), readings, detector)
    status = PfsStatus("/s", 1, Tid(1), "shared", "unique", is_master=False)

    detector.compare(slave, status, 49.0, is_slave=True)
    observer.observe("test", MessageRead(FarLocked()))
    for at in (51.0, 52.0):
        detector.compare(slave, replace(status, sync_end_tid=Tid(5)), at, is_slave=True)

    assert detector.take_jump(slave) is None


def test_each_step_of_a_master_that_is_here_is_a_sample_of_its_clock() -> None:
    readings = ReadingStore()
    observer = observer_of(PAIR, readings)
    moments = iter((10.0, 20.0, 30.0))
    observer.unwritten_at = lambda _pair: next(moments)

    for message in (Batch(Tid(2), Tid(20), None), WentIdle(), Batch(Tid(21), Tid(30), None)):
        observer.observe("test", MessageRead(message))

    assert readings.clock(PAIR.master).samples == (
        TidSample(Tid(20), 0.0),
        TidSample(Tid(30), 20.0),
    )


def test_stream_is_no_answer_of_a_master_that_does_not_answer() -> None:
    readings = ReadingStore()
    readings.record_unreadable(PAIR.master, "it hangs")

    observer_of(PAIR, readings).observe("test", MessageRead(Batch(Tid(2), Tid(20), None)))

    assert readings.is_unreadable(PAIR.master)


def test_slice_of_a_master_that_is_here_shows_nothing() -> None:
    """The last slice may be in a line that was lost."""
    readings = ReadingStore()
    observer = observer_of(PAIR, readings)

    observer.observe("test", MessageRead(Batch(Tid(2), Tid(20), 100)))
    observer.observe("test", MessageRead(WentIdle()))

    assert readings.clock(PAIR.master).samples == ()


def test_slave_on_another_host_that_begins_lower_has_no_more_than_that() -> None:
    """Nothing else shows a power cut of that host."""
    push = Pair("test", Endpoint("/m"), Endpoint("/s", SshHost("far")))
    readings = ReadingStore()
    observer = observer_of(push, readings)
    backs: list[tuple[Endpoint, WentBack]] = []
    observer.on_rolled_back = lambda slave, back: backs.append((slave, back))
    readings.slaves.record_commit(push.slave, Tid(30), 1.0)

    observer.observe("test", MessageRead(Batch(Tid(31), Tid(40), None)))
    assert backs == []
    observer.observe("test", MessageRead(Batch(Tid(21), Tid(40), None)))

    ((slave, back),) = backs
    assert (slave, back.before, back.after) == (push.slave, 30, 20)
    read = readings.slave(push.slave)
    assert read is not None
    assert read.tid == 20


PUSH = Pair("test", Endpoint("/m"), Endpoint("/s", SshHost("far")))


def read_slave(readings: ReadingStore, tid: int, began_at: float) -> WentBack | None:
    span = ReadSpan(began_at, began_at + 0.5, 1)
    return readings.slaves.record_reading(PUSH.slave, Tid(tid), span)


def test_message_that_may_be_older_than_a_reading_rolls_no_slave_back() -> None:
    readings = ReadingStore()
    observer = observer_of(PUSH, readings)
    backs: list[WentBack] = []
    observer.on_rolled_back = lambda _slave, back: backs.append(back)
    read_slave(readings, 40, began_at=10.0)

    observer.unwritten_at = lambda _pair: 10.4
    observer.observe("test", MessageRead(Batch(Tid(21), Tid(40), None)))
    assert backs == []

    observer.unwritten_at = lambda _pair: 10.6
    observer.observe("test", MessageRead(Batch(Tid(21), Tid(40), None)))
    assert [back.after for back in backs] == [20]


def test_slave_moves_unseen_only_where_the_source_half_is_on_another_host_too() -> None:
    """What such a source half announced may be lost with its link."""
    both = Pair("test", Endpoint("/m", SshHost("far")), PUSH.slave)
    for pair, is_jump in ((PUSH, True), (both, False)):
        observer = observer_of(pair, ReadingStore())
        detector = observer._anomaly_detector
        status = PfsStatus("/s", 1, Tid(20), "shared", "unique", is_master=False)
        detector.compare(pair.slave, status, 1.0, is_slave=True)

        observer.observe("test", GroupEmpty())
        for at in (2.0, 3.0):
            found = detector.compare(
                pair.slave, replace(status, sync_end_tid=Tid(40)), at, is_slave=True
            )
        assert bool(found) == is_jump


def test_slave_on_another_host_is_lower_after_its_stream_was_cut_for_a_reason() -> None:
    """Its host may have been rebooted, and nothing here shows that."""
    readings = ReadingStore()
    observer = observer_of(PUSH, readings)
    read_slave(readings, 40, began_at=10.0)
    back = read_slave(readings, 30, began_at=20.0)
    assert back is not None
    assert back.because == "", "a stream lived all the time: an anomaly"

    observer.observe("test", GroupEmpty())
    back = read_slave(readings, 20, began_at=30.0)
    assert back is not None
    assert "was rebooted" in back.because
