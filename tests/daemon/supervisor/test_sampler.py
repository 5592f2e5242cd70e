"""Samples, probes and glances, interrupted at each await: a later probe is always answered."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import structlog

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.events import Event, ForeignSeen, Glanced, ProbeAnswered, Sampled
from hammerd.core.pair.probe_verdict import Go, Park, ProbeFailed, ProbeTrouble, ProbeVerdict
from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.tid import Tid
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor import sampler as sampler_module
from hammerd.daemon.supervisor.sampler import Sampler, SamplerCallbacks
from hammerd.daemon.timing.clock import Instant
from tests.daemon.at_each_await import (
    Scenario,
    Stop,
    Unexpected,
    interrupt,
    missed,
    until_tasks_end,
)

HOME, WORK = (Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}")) for name in "hw")
PAIRS = (HOME, WORK)
FOREIGN = ForeignSeen(4711, "hammer mirror-stream")


@dataclass
class Reader:
    """A fake reader: answers after a turn of the loop; never while `gate` is closed."""

    shared_uuid: str = "shared"
    is_unreadable: bool = False
    gate: asyncio.Event | None = None
    reads: int = 0
    is_closed: bool = False

    async def probe(self, pairs: Iterable[Pair], _timeout_s: float) -> Sequence[EndpointReading]:
        ends = [end for pair in pairs for end in (pair.slave, pair.master)]
        await self._wait()
        return [self._reading(end) for end in ends]

    sample = probe

    async def are_as_read(self, _pair: Pair) -> bool:
        await self._wait()
        return True

    def target(self, end: Endpoint) -> Endpoint:
        return end

    def names(self, end: Endpoint) -> tuple[Endpoint, ...]:
        return end, end, end

    @property
    def paths(self) -> "Reader":
        return self

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.is_closed = True

    async def _wait(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        else:
            await asyncio.sleep(0)

    def _reading(self, end: Endpoint) -> EndpointReading:
        self.reads += 1
        is_master = end.path.startswith("/m")
        shared = "shared" if is_master else self.shared_uuid
        status = PfsStatus("", 1, Tid(5), shared, end.path, is_master)
        seen = ProbeFailed(ProbeTrouble.PROBE_SILENT) if self.is_unreadable else status
        at = float(self.reads)
        return EndpointReading(end, Instant(at, at), seen, at, self.reads)


@dataclass
class Setup:
    """A sampler and the events that it posted."""

    reader: Reader = field(default_factory=Reader)
    foreign: ForeignSeen | None = None
    posted: list[tuple[str, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        log = cast(Logger, structlog.get_logger())
        journal, readings = Journal(log, log), ReadingStore()
        ingest = ReadingIngest(readings, AnomalyDetector(), journal)
        ours = OwnStreams(frozenset, lambda _pair: None, list, self.post, "hammer")
        claims = Claims(SlaveClaims(), self.reader, ingest, ours)
        callbacks = SamplerCallbacks(self.post, lambda _pair: 0.0, self.find, claims)
        self.sampler = Sampler(self.reader, readings, ingest, journal, callbacks)

    def post(self, pair: str, event: Event) -> None:
        self.posted.append((pair, event))

    async def find(self, _pair: Pair) -> ForeignSeen | None:
        await asyncio.sleep(0)
        return self.foreign

    def events_of(self, pair: Pair) -> list[Event]:
        return [event for name, event in self.posted if name == pair.name]

    async def assert_answered(self, pair: Pair) -> None:
        """Assert that one more probe of a pair is answered once."""
        self.posted.clear()
        self.sampler.probe(pair)
        await until_tasks_end()
        assert self.posted == [(pair.name, ProbeAnswered(Go()))]


def verdict_in(event: Event) -> ProbeVerdict:
    assert isinstance(event, ProbeAnswered)
    return event.verdict


def broken(log: Sequence[dict[str, Any]]) -> list[str]:
    return [line["pair"] for line in log if line["event"] == "probe.broke"]


# --- what must hold at each await ------------------------------------------------------------


async def two_probes(stop: Stop) -> None:
    setup = Setup()
    with structlog.testing.capture_logs() as log, stop.in_all_tasks():
        for pair in PAIRS:
            setup.sampler.probe(pair)
        await until_tasks_end()

    answered = [pair for pair in PAIRS if setup.events_of(pair) == [ProbeAnswered(Go())]]
    silent = [pair.name for pair in PAIRS if pair not in answered]
    assert len(silent) == (1 if stop.was_reached else 0), "another probe lost its answer"
    assert broken(cast(Any, log)) == (silent if stop.error else [])
    for pair in PAIRS:
        await setup.assert_answered(pair)


async def a_probe_that_finds_a_foreign_stream(stop: Stop) -> None:
    setup = Setup(foreign=FOREIGN)
    with stop.in_all_tasks():
        setup.sampler.probe(HOME)
        await until_tasks_end()

    assert setup.posted == ([] if stop.was_reached else [(HOME.name, FOREIGN)])
    setup.foreign = None
    await setup.assert_answered(HOME)


async def a_probe_that_is_asked_for_again(stop: Stop) -> None:
    setup = Setup(Reader(shared_uuid="another"))
    with structlog.testing.capture_logs() as log, stop.in_all_tasks():
        for _ in range(3):
            setup.sampler.probe(HOME)
        await until_tasks_end()

    is_second = stop.at > 0
    answers = [type(verdict_in(each)) for each in setup.events_of(HOME)]
    assert answers == ([] if stop.was_reached and is_second else [Park]), "another one follows"
    assert broken(cast(Any, log)) == ([HOME.name] if stop.was_reached and stop.error else [])
    setup.reader.shared_uuid = "shared"
    await setup.assert_answered(HOME)


async def two_glances(stop: Stop) -> None:
    setup = Setup()
    with stop.in_all_tasks():
        for pair in (HOME, HOME, WORK):
            setup.sampler.glance(pair)
        await until_tasks_end()

    glanced = [len(setup.events_of(pair)) for pair in PAIRS]
    assert sum(glanced) == (1 if stop.was_reached else 2), "only the last one of a pair answers"
    setup.posted.clear()
    setup.sampler.glance(HOME)
    await until_tasks_end()
    assert setup.posted == [(HOME.name, Glanced(are_as_read=True))]


async def a_sample(stop: Stop) -> None:
    setup = Setup()
    task = await stop.run(setup.sampler.sample(PAIRS, 20))

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "the caller gets no error"
        assert setup.posted == []
    setup.posted.clear()
    await setup.sampler.sample(PAIRS, 20)
    assert setup.posted == [(pair.name, Sampled(Go())) for pair in PAIRS]


async def a_close_while_all_ends_hang(stop: Stop) -> None:
    setup = Setup(Reader(gate=asyncio.Event()))
    for pair in PAIRS:
        setup.sampler.probe(pair)
        setup.sampler.probe(pair)
        setup.sampler.glance(pair)
    await asyncio.sleep(0)

    await stop.run(setup.sampler.close())
    await setup.sampler.close()

    assert setup.posted == []
    assert setup.reader.is_closed


SCENARIOS = (
    two_probes,
    a_probe_that_finds_a_foreign_stream,
    a_probe_that_is_asked_for_again,
    two_glances,
    a_sample,
    a_close_while_all_ends_hang,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interruption_leaves_all_pairs_answered_or_probed_again(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(24, "Too many open files"))


def test_no_await_is_left_out() -> None:
    assert missed(sampler_module, SCENARIOS) == []


# --- without interruptions -------------------------------------------------------------------


def play(act: Callable[[Setup], None], setup: Setup | None = None) -> Setup:
    """Call `act` with a setup, and wait until all its tasks have ended."""
    setup = setup or Setup()

    async def main() -> None:
        act(setup)
        await until_tasks_end()

    asyncio.run(main())
    return setup


@pytest.mark.parametrize("begin", [Sampler.probe, Sampler.glance])
def test_pair_that_is_forgotten_gets_no_event(begin: Callable[[Sampler, Pair], None]) -> None:
    def forget(setup: Setup) -> None:
        for pair in PAIRS:
            begin(setup.sampler, pair)
            begin(setup.sampler, pair)
        setup.sampler.forget(HOME.name)

    assert {name for name, _ in play(forget).posted} == {WORK.name}


def test_good_answer_is_not_followed_by_another_probe() -> None:
    def ask_twice(setup: Setup) -> None:
        setup.sampler.probe(HOME)
        setup.sampler.probe(HOME)

    setup = play(ask_twice)

    assert setup.posted == [(HOME.name, ProbeAnswered(Go()))]
    assert setup.reader.reads == 2


def test_end_that_cannot_be_read_is_an_answer_too() -> None:
    setup = play(lambda setup: setup.sampler.probe(HOME), Setup(Reader(is_unreadable=True)))

    [answer] = setup.events_of(HOME)
    assert not isinstance(verdict_in(answer), Go)
