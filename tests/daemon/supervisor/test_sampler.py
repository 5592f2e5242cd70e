"""Samples, probes and glances, interrupted at each await: a later probe is always answered."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import structlog

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import Host
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.events import Event, ForeignSeen, Glanced, ProbeAnswered, Sampled
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.probe_verdict import Go, Park, ProbeFailed, ProbeTrouble, ProbeVerdict
from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pair.states import Memory, Trouble, WaitingForMount
from hammerd.core.pairs import Endpoint, Pair, Rotation
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.read_order import far_chains_of
from hammerd.core.tid import Tid
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.rotations import Rotations
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor import far_samples as far_module
from hammerd.daemon.supervisor import sampler as sampler_module
from hammerd.daemon.supervisor.far_samples import SLAVES_FIRST_S
from hammerd.daemon.supervisor.sampler import Probes, Sampler, SamplerCallbacks
from hammerd.daemon.supervisor.turns import Turns
from hammerd.daemon.timing.clock import Clock, Instant
from tests.daemon.at_each_await import (
    Scenario,
    Stop,
    Unexpected,
    interrupt,
    missed,
    until_tasks_end,
)
from tests.daemon.timing.fast_loop import FastLoop

HOME, WORK = (Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}")) for name in "hw")
PAIRS = (HOME, WORK)
OFFICE, BACKUP = SshHost("office"), SshHost("backup", "root")
PULL = Pair("pull", Endpoint("/m/pull", OFFICE), Endpoint("/s/pull"))
PUSH = Pair("push", Endpoint("/m/push"), Endpoint("/s/push", BACKUP))
FAR = (PULL, PUSH)
BETWEEN = Pair("between", Endpoint("/m/between", OFFICE), Endpoint("/s/between", BACKUP))
FOREIGN = ForeignSeen(4711, "hammer mirror-stream")


@dataclass
class Reader:
    """A fake reader: answers after a turn of the loop; never while `gate` is closed."""

    shared_uuid: str = "shared"
    is_unreadable: bool = False
    gate: asyncio.Event | None = None
    reads: int = 0
    on_read: Callable[[str], object] = lambda _path: None
    is_closed: bool = False

    async def probe(
        self, pairs: Iterable[Pair], _timeout_s: float, held: Collection[str] = ()
    ) -> Sequence[EndpointReading]:
        assert not held
        both = [end for pair in pairs for end in (pair.slave, pair.master)]
        ends = [end for end in both if end.host.shares_paths]
        await self._wait(self.gate)
        return [self._reading(end) for end in ends]

    sample = probe

    async def are_as_read(self, _pair: Pair) -> bool:
        await self._wait(self.gate)
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

    async def _wait(self, gate: asyncio.Event | None) -> None:
        if gate is not None:
            await gate.wait()
        else:
            await asyncio.sleep(0)

    def _reading(self, end: Endpoint) -> EndpointReading:
        self.reads += 1
        self.on_read(end.path)
        is_master = end.path.startswith("/m")
        shared = "shared" if is_master else self.shared_uuid
        status = PfsStatus("", 1, Tid(5), shared, end.path, is_master)
        seen = ProbeFailed(ProbeTrouble.PROBE_SILENT) if self.is_unreadable else status
        at = float(self.reads)
        return EndpointReading(end, Instant(at, at), seen, at, self.reads)


@dataclass
class FarReader:
    """A fake reader of other hosts: answers after a turn of the loop, or as ssh that fails."""

    reader: Reader
    off: set[Host] = field(default_factory=set)
    hanging: set[Host] = field(default_factory=set)
    gate: asyncio.Event | None = None
    is_closed: bool = False

    def to_sample(self, pairs: Iterable[Pair]) -> dict[Host, tuple[Pair, ...]]:
        pairs = tuple(pairs)
        return {
            host: tuple(one for one in pairs if host in (one.master.host, one.slave.host))
            for host in far_chains_of(pairs)
        }

    async def sample(self, host: Host, pairs: Iterable[Pair]) -> list[EndpointReading]:
        ends = [end for chain in far_chains_of(pairs)[host] for end in chain]
        await self.reader._wait(asyncio.Event() if host in self.hanging else self.gate)
        return [] if host in self.off else [self.reader._reading(end) for end in ends]

    async def probe(self, pair: Pair) -> list[EndpointReading]:
        hosts = far_chains_of([pair])
        found = [await self.sample(host, [pair]) for host in hosts]
        if not hosts:
            await asyncio.sleep(0)
        return [reading for part in found for reading in part]

    def forget_all_but(self, endpoints: Iterable[Endpoint]) -> None:
        self.kept = set(endpoints)

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.is_closed = True


@dataclass
class Setup:
    """A sampler and the events that it posted."""

    reader: Reader = field(default_factory=Reader)
    foreign: ForeignSeen | None = None
    posted: list[tuple[str, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.far = FarReader(self.reader)
        log = cast(Logger, structlog.get_logger())
        journal, readings = Journal(log, log), ReadingStore()
        ingest = ReadingIngest(readings, AnomalyDetector(), journal)
        ours = OwnStreams(frozenset, lambda _pair: None, list, self.post, "hammer")
        claims = Claims(SlaveClaims(), self.reader, ingest, ours)
        turns = Turns(Rotations(readings, Clock(time.monotonic), log), readings)
        callbacks = SamplerCallbacks(self.post, lambda _pair: 0.0, self.find, claims, turns)
        probes = Probes(self.reader, self.far)
        self.sampler = Sampler(probes, readings, ingest, journal, callbacks)

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


async def a_probe_of_another_host(stop: Stop) -> None:
    setup = Setup()
    with structlog.testing.capture_logs() as log, stop.in_all_tasks():
        setup.sampler.probe(PULL)
        await until_tasks_end()

    is_lost = stop.was_reached
    assert setup.posted == ([] if is_lost else [(PULL.name, ProbeAnswered(Go()))])
    assert broken(cast(Any, log)) == ([PULL.name] if stop.error and is_lost else [])
    await setup.assert_answered(PULL)


async def a_sample_of_other_hosts(stop: Stop) -> None:
    setup = Setup()
    with structlog.testing.capture_logs() as log, stop.in_all_tasks():
        await setup.sampler.sample((HOME, *FAR, BETWEEN), 20)
        await until_tasks_end()

    answered = {name for name, _ in setup.posted}
    assert {HOME.name, PUSH.name} <= answered, "they do not wait for another host"
    assert {PULL.name, BETWEEN.name} <= answered or stop.was_reached
    hosts = [line["host"] for line in log if line["event"] == "probe.broke"]
    assert len(hosts) == (1 if stop.error and stop.was_reached else 0)
    setup.posted.clear()
    await setup.sampler.sample((HOME, *FAR), 20)
    await until_tasks_end()
    assert {name for name, _ in setup.posted} == {HOME.name, PULL.name, PUSH.name}


async def a_close_while_all_ends_hang(stop: Stop) -> None:
    setup = Setup()
    setup.far.gate = asyncio.Event()
    await setup.sampler.sample(FAR, 20)
    setup.posted.clear()
    setup.reader.gate = asyncio.Event()
    for pair in (*PAIRS, PULL):
        setup.sampler.probe(pair)
        setup.sampler.probe(pair)
        setup.sampler.glance(pair)
    await asyncio.sleep(0)

    await stop.run(setup.sampler.close())
    await setup.sampler.close()

    assert setup.posted == []
    assert setup.reader.is_closed
    assert setup.far.is_closed


SCENARIOS = (
    two_probes,
    a_probe_that_finds_a_foreign_stream,
    a_probe_that_is_asked_for_again,
    two_glances,
    a_sample,
    a_probe_of_another_host,
    a_sample_of_other_hosts,
    a_close_while_all_ends_hang,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interruption_leaves_all_pairs_answered_or_probed_again(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(24, "Too many open files"))


@pytest.mark.parametrize("module", [sampler_module, far_module])
def test_no_await_is_left_out(module: object) -> None:
    assert missed(module, SCENARIOS) == []  # type: ignore[arg-type]


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


# --- other hosts -----------------------------------------------------------------------------


def sampled(setup: Setup, *pairs: Pair) -> Setup:
    async def main() -> None:
        await setup.sampler.sample(pairs, 20)
        await until_tasks_end()

    asyncio.run(main())
    return setup


@pytest.mark.parametrize("because", ["slave_away", "pfs_missing"])
def test_pair_that_waits_for_any_slave_is_probed_when_a_sample_finds_one(because: str) -> None:
    rotation = Rotation(takes_turns=True, paths=(HOME.slave.path, "/s/other"))
    pair, setup = replace(HOME, rotate=rotation), Setup()
    state = WaitingForMount(0.0, 10.0, Trouble(because))
    setup.sampler.turns.life_of = lambda _pair: replace(new_life(pair, Memory(), 0.0), state=state)
    setup.sampler.turns.take_turn = lambda _pair, slave: replace(pair, slave=slave)

    events = sampled(setup, pair).events_of(pair)

    is_probed = because == "slave_away"
    assert ([Sampled(Go()), ProbeAnswered(Go())] if is_probed else [Sampled(Go())]) == events


def test_pair_with_a_master_on_another_host_is_sampled_once_after_that_was_read() -> None:
    setup = sampled(Setup(), PULL)

    assert setup.posted == [(PULL.name, Sampled(Go()))]


def test_host_that_cannot_be_read_changes_no_verdict() -> None:
    setup = Setup()
    setup.far.off = {OFFICE, BACKUP}

    assert sampled(setup, *FAR).posted == [(pair.name, Sampled(Go())) for pair in (PUSH, PULL)]
    setup.posted.clear()
    play(lambda setup: setup.sampler.probe(PULL), setup)
    assert setup.posted == [(PULL.name, ProbeAnswered(Go()))]


def test_hanging_host_delays_no_other_pair() -> None:
    async def main() -> list[str]:
        setup = Setup()
        setup.far.gate = asyncio.Event()
        await setup.sampler.sample((PULL, HOME, PUSH), 20)
        posted = [name for name, _ in setup.posted]
        await setup.sampler.close()
        return posted

    assert asyncio.run(main()) == [HOME.name, PUSH.name]


def test_slave_on_another_host_that_does_not_fit_is_told_at_once() -> None:
    setup = sampled(Setup(Reader(shared_uuid="another")), PUSH)

    verdicts = [type(event.verdict) for _, event in setup.posted if isinstance(event, Sampled)]
    assert verdicts == [Go, Park], "of the master alone, and of both"


def test_slave_is_read_before_its_master_on_another_host() -> None:
    setup = Setup()
    read: list[str] = []
    setup.reader.on_read = read.append

    assert sampled(setup, BETWEEN).events_of(BETWEEN) == [Sampled(Go())] * 2
    assert read == ["/s/between", "/m/between"]


def test_master_waits_only_a_moment_for_the_host_of_its_slave() -> None:
    async def main(setup: Setup) -> list[tuple[str, Event]]:
        setup.far.hanging = {BACKUP}
        await setup.sampler.sample((BETWEEN, PULL), 20)
        await asyncio.sleep(2 * SLAVES_FIRST_S)
        await setup.sampler.close()
        return setup.posted

    with asyncio.Runner(loop_factory=FastLoop) as runner:
        posted = runner.run(main(Setup()))
    assert posted == [(pair.name, Sampled(Go())) for pair in (BETWEEN, PULL)]


def test_late_answer_about_a_pair_that_was_removed_does_not_count() -> None:
    async def main() -> list[tuple[str, Event]]:
        setup = Setup()
        setup.far.gate = asyncio.Event()
        await setup.sampler.sample((PULL,), 20)
        setup.sampler.forget(PULL.name)
        setup.far.gate.set()
        await until_tasks_end()
        return setup.posted

    assert asyncio.run(main()) == []


def test_probe_reads_the_ends_on_both_hosts() -> None:
    setup = play(lambda setup: setup.sampler.probe(PUSH), Setup(Reader(shared_uuid="another")))

    assert isinstance(verdict_in(setup.events_of(PUSH)[0]), Park)
