"""Unexplained moves of a slave are posted to its pairs; moves by an orphan are explained."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import cast

import structlog

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.events import Event, SlaveMoved
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Memory, PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor.slave_moves import SlaveMoves
from hammerd.daemon.timing.clock import Instant
from tests.daemon.quiet_engine import quiet_engine

HOME = Pair("home", Endpoint("/m/h"), Endpoint("/s/h"))
ALIAS = replace(HOME, name="alias", master=Endpoint("/m/a"))
WORK = Pair("work", Endpoint("/m/w"), Endpoint("/s/w"))


@dataclass
class Setup:
    """Three idle pairs, two of them onto one slave, and the events posted to them."""

    posted: list[tuple[str, Event]] = field(default_factory=list)
    reads: int = 0
    written: set[Endpoint] = field(default_factory=set)

    def __post_init__(self) -> None:
        log, store, anomaly_detector = (
            cast(Logger, structlog.get_logger()),
            ReadingStore(),
            AnomalyDetector(),
        )
        self.ingest = ReadingIngest(store, anomaly_detector, Journal(log, log))
        self.engine = quiet_engine(Journal(log, log), store)
        self.moves = SlaveMoves(
            self.lives,
            self.post,
            anomaly_detector,
            lambda slave, then: None if slave in self.written else then(),
        )
        self.moves.connect(self.ingest, self.engine)

    def lives(self) -> list[PairLife]:
        return [new_life(pair, Memory(), 0.0) for pair in (HOME, ALIAS, WORK)]

    def post(self, pair: str, event: Event) -> None:
        self.posted.append((pair, event))

    def read(self, slave: Endpoint, tid: int) -> None:
        self.reads += 1
        at = float(self.reads)
        status = PfsStatus("", 1, Tid(tid), "shared", "unique", is_master=False)
        reading = EndpointReading(slave, Instant(at, at), status, at, self.reads)
        self.ingest.record((reading,), (HOME, WORK))


async def make_setup() -> Setup:
    return Setup()


def test_unexplained_move_is_posted_to_all_pairs_of_the_slave() -> None:
    setup = asyncio.run(make_setup())
    for tid in (5, 9, 9, 9):  # a stream's own message may follow until the next reading
        setup.read(HOME.slave, tid)

    moved = SlaveMoved(Tid(5), Tid(9))
    assert setup.posted == [("home", moved), ("alias", moved)]


def test_move_that_a_foreign_stream_explains_is_not_posted() -> None:
    setup = asyncio.run(make_setup())
    setup.written.add(HOME.slave)
    for slave in (HOME.slave, WORK.slave):
        for tid in (5, 9, 9):
            setup.read(slave, tid)

    assert [name for name, _ in setup.posted] == ["work"]


def test_step_of_a_slave_that_was_waited_for_is_none_of_its_own() -> None:
    setup = asyncio.run(make_setup())
    for tid in (5, 9):
        setup.read(HOME.slave, tid)
    setup.moves.slave_freed("home")
    for tid in (9, 9):
        setup.read(HOME.slave, tid)

    assert setup.posted == []


def test_orphan_that_ended_explains_moves_of_idle_slaves_and_frees_slaves() -> None:
    setup = asyncio.run(make_setup())
    for slave in (HOME.slave, WORK.slave):
        for tid in (5, 9):
            setup.read(slave, tid)
    freed: list[str] = []
    setup.engine.on_slave_freed = freed.append
    setup.moves.orphan_ended()
    for slave in (HOME.slave, WORK.slave):
        for tid in (9, 9):
            setup.read(slave, tid)

    assert setup.posted == []
    assert freed == [], "nobody waits for a slave"
