"""Observers of streams: a fault in one of them takes no event from the pair's machine."""

import time
from typing import Any, cast

from hammerd.core.anomalies import Anomalies
from hammerd.core.pair_events import Event, GroupEmpty, Said
from hammerd.core.pair_machine import new_life
from hammerd.core.pair_states import Memory, PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.stream_sayings import Committed
from hammerd.core.tid import Tid
from hammerd.daemon.clock import Clock
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
