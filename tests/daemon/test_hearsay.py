"""Observers of streams: a fault in one of them takes no event from the pair's machine."""

import time
from typing import Any, cast

from hammerd.core.anomalies import Anomalies
from hammerd.core.pair_events import Event, GroupEmpty, Said
from hammerd.core.pair_machine import new_life
from hammerd.core.pair_states import Memory, PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.stream_sayings import Batch, Committed, Idle
from hammerd.core.tid import Tid
from hammerd.core.tid_clock import TidSample
from hammerd.daemon.clock import Clock
from hammerd.daemon.doubts import WentBack
from hammerd.daemon.hearsay import Hearsay, LifeOf
from hammerd.daemon.readings import Readings

PAIR = Pair("test", Endpoint("/m"), Endpoint("/s"))


class Broken:
    """Fails at every event."""

    def heard(self, pair: str, event: Event) -> None:
        raise RuntimeError("no observer today")


class Listening:
    """Hears every event."""

    def heard(self, pair: str, event: Event) -> None:
        pass


def hearsay(foreign: object, life_of: LifeOf) -> tuple[Hearsay, list[str]]:
    observer = Hearsay(life_of, cast(Any, foreign), Readings(), Anomalies(), Clock(time.monotonic))
    failed: list[str] = []
    observer.on_failed = lambda pair, error: failed.append(f"{pair}: {error}")
    return observer, failed


def test_fault_of_an_observer_is_reported_and_goes_no_further() -> None:
    observer, failed = hearsay(Broken(), lambda _pair: new_life(PAIR, Memory(), 0.0))

    observer.heard("test", GroupEmpty())
    observer.heard("test", Said(Committed(Tid(7))))

    assert failed == ["test: no observer today"] * 2


def test_event_of_a_pair_that_is_gone_goes_no_further() -> None:
    def gone(pair: str) -> PairLife:
        raise KeyError(pair)

    observer, failed = hearsay(Listening(), gone)

    observer.heard("test", Said(Committed(Tid(7))))

    assert failed == ["test: 'test'"]


def listening_to(pair: Pair, readings: Readings) -> Hearsay:
    clock = Clock(lambda: 50.0)
    return Hearsay(
        lambda _pair: new_life(pair, Memory(), 0.0),
        cast(Any, Listening()),
        readings,
        Anomalies(),
        clock,
    )


def test_each_step_of_a_master_that_is_here_is_a_sample_of_its_clock() -> None:
    readings = Readings()
    observer = listening_to(PAIR, readings)
    moments = iter((10.0, 20.0, 30.0))
    observer.unsaid_at = lambda _pair: next(moments)

    for saying in (Batch(Tid(2), Tid(20), None), Idle(), Batch(Tid(21), Tid(30), None)):
        observer.heard("test", Said(saying))

    assert readings.clock(PAIR.master).samples == (
        TidSample(Tid(20), 0.0),
        TidSample(Tid(30), 20.0),
    )


def test_stream_is_no_answer_of_a_master_that_does_not_answer() -> None:
    readings = Readings()
    readings.unread(PAIR.master, "it hangs")

    listening_to(PAIR, readings).heard("test", Said(Batch(Tid(2), Tid(20), None)))

    assert readings.is_unreadable(PAIR.master)


def test_slice_of_a_master_that_is_here_shows_nothing() -> None:
    """A line that was lost could have been the last slice."""
    readings = Readings()
    observer = listening_to(PAIR, readings)

    observer.heard("test", Said(Batch(Tid(2), Tid(20), 100)))
    observer.heard("test", Said(Idle()))

    assert readings.clock(PAIR.master).samples == ()


def test_slave_on_another_host_that_begins_lower_has_no_more_than_that() -> None:
    """Nothing else tells of a power cut there."""
    push = Pair("test", Endpoint("/m"), Endpoint("/s", host="far"))
    readings = Readings()
    observer = listening_to(push, readings)
    backs: list[tuple[Endpoint, WentBack]] = []
    observer.on_rolled_back = lambda slave, back: backs.append((slave, back))
    readings.committed(push.slave, Tid(30), 1.0)

    observer.heard("test", Said(Batch(Tid(31), Tid(40), None)))
    assert backs == []
    observer.heard("test", Said(Batch(Tid(21), Tid(40), None)))

    ((slave, back),) = backs
    assert (slave, back.before, back.after) == (push.slave, 30, 20)
    read = readings.slave(push.slave)
    assert read is not None
    assert read.tid == 20
