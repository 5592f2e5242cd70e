"""Tests claims after readings: of two streams onto one PFS one is ended."""

from dataclasses import dataclass, field, replace

import structlog

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.events import Event, Misdirected
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys
from hammerd.core.pair.states import Memory, MisdirectedCause, PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.timing.clock import Instant

HOME, WORK = (Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}")) for name in "hw")
PAIRS = (HOME, WORK)


@dataclass
class Setup:
    """Two running pairs; a test changes links and reads unique-uuids."""

    targets: dict[Endpoint, str] = field(default_factory=dict)
    posted: list[tuple[str, Event]] = field(default_factory=list)
    reads: int = 0

    def __post_init__(self) -> None:
        log = structlog.get_logger()
        self.ingest = ReadingIngest(ReadingStore(), AnomalyDetector(), Journal(log, log))
        self.slaves = SlaveClaims()
        ours = OwnStreams(frozenset, lambda _pair: None, self.lives, self.post, "hammer")
        self.claims = Claims(self.slaves, self, self.ingest, ours)

    def lives(self) -> list[PairLife]:
        return [new_life(pair, Memory(), 0.0) for pair in PAIRS]

    def post(self, pair: str, event: Event) -> None:
        self.posted.append((pair, event))

    def target(self, end: Endpoint) -> Endpoint:
        return replace(end, path=self.targets.get(end, end.path))

    def names(self, end: Endpoint) -> tuple[Endpoint, ...]:
        return end, self.target(end)

    def launch(self, *pairs: Pair) -> None:
        for pair in pairs:
            assert self.slaves.take(Claim(pair.name, self.claims.keys(pair.slave))) is None

    def read(self, end: Endpoint, uuid: str) -> None:
        """Read the unique-uuid of a slave."""
        self.reads += 1
        at = float(self.reads)
        status = PfsStatus("", 1, Tid(5), "shared", uuid, is_master=False)
        reading = EndpointReading(end, Instant(at, at), status, at, self.reads)
        self.ingest.record((reading,), PAIRS)

    def troubles(self) -> list[tuple[str, str]]:
        return [
            (name, event.trouble.because)
            for name, event in self.posted
            if isinstance(event, Misdirected)
        ]


def test_slave_is_known_by_its_names_and_its_uuid_once_it_was_read() -> None:
    setup = Setup(targets={HOME.slave: "/real/h"})
    names = (HOME.slave, Endpoint("/real/h"))
    assert setup.claims.keys(HOME.slave) == slave_keys(names, None)

    setup.read(HOME.slave, "one")

    assert setup.claims.keys(HOME.slave) == slave_keys(names, "one")


def test_two_streams_onto_what_turns_out_to_be_one_slave_end_the_younger() -> None:
    setup = Setup()
    setup.launch(HOME, WORK)
    for pair in PAIRS:
        setup.read(pair.slave, "one")
    setup.claims.compare(PAIRS)

    assert setup.troubles() == [(WORK.name, MisdirectedCause.SLAVE_IS_HELD)]


def test_our_stream_makes_way_for_an_orphan_that_claimed_its_slave_later() -> None:
    setup = Setup()
    setup.launch(HOME)
    setup.slaves.hold(Claim("orphan group 4711 of x", slave_keys((), "one")))
    setup.read(HOME.slave, "one")
    setup.claims.compare(PAIRS)

    assert setup.troubles() == [(HOME.name, MisdirectedCause.SLAVE_IS_HELD)]


def test_stream_whose_slave_is_another_pfs_now_gets_one_event() -> None:
    setup = Setup()
    setup.read(HOME.slave, "one")
    setup.launch(HOME, WORK)
    setup.read(HOME.slave, "two")
    setup.read(WORK.slave, "two")
    setup.claims.compare(PAIRS)

    assert setup.troubles() == [(HOME.name, MisdirectedCause.SLAVE_IS_ANOTHER)]


def test_changed_link_is_posted_to_the_pairs_of_that_endpoint_only() -> None:
    setup = Setup()
    setup.claims.report_repointed(HOME.master, "/before", "/after")

    assert setup.troubles() == [(HOME.name, MisdirectedCause.ENDPOINT_REPOINTED)]


def test_claim_behind_a_changed_link_keeps_its_keys() -> None:
    setup = Setup()
    setup.launch(HOME)
    before = setup.slaves.held_by(HOME.name)
    setup.targets[HOME.slave] = "/elsewhere"
    setup.claims.compare(PAIRS)

    assert setup.slaves.held_by(HOME.name) == before
    assert setup.posted == []


def test_pair_without_a_claim_gets_no_event() -> None:
    setup = Setup()
    for pair in PAIRS:
        setup.read(pair.slave, "one")
    setup.claims.compare(PAIRS)

    assert setup.posted == []
