"""The turn goes to the slave that is there, while no stream and no latch keeps it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
import structlog
from structlog.testing import capture_logs

from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.events import Misdirected
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeResult
from hammerd.core.pair.states import (
    IdlePhase,
    Memory,
    MisdirectedCause,
    Probing,
    State,
    Stopped,
    Streaming,
    Trouble,
    WaitingForMount,
)
from hammerd.core.pairs import Endpoint, Gear, Pair, Rotation
from hammerd.core.replication.read_order import ReadSpan
from hammerd.core.tid import Tid
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.readings.rotations import Rotations
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.supervisor.turns import Turns
from hammerd.daemon.timing.clock import Clock, Instant
from tests.daemon.quiet_engine import quiet_engine

M, A, B = Endpoint("/m"), Endpoint("/a"), Endpoint("/b")
PAIR = Pair("home", M, A, rotate=Rotation(takes_turns=True, paths=("/a", "/b")))
SINGLE = Pair("single", M, A)
MASTER = PfsStatus("/m", 1, Tid(0x100), "shared", "m", is_master=True)
OLD = replace(MASTER, unique_uuid="old", sync_end_tid=Tid(0x50), is_master=False)
FRESH = replace(OLD, unique_uuid="fresh", sync_end_tid=Tid(0x100))
complaint = diagnose("hammer: Failed to open /a: No such file or directory")
assert complaint is not None
AWAY = ProbeFailed(complaint)

NO_SLAVE = WaitingForMount(0.0, 10.0, Trouble("slave_away"))
STREAMING = Streaming(0.0, 0.0, Gear.FOLLOWING, IdlePhase(), 0.0)


class Setup:
    """An engine with a pair whose slaves take turns, in a state."""

    def __init__(self, state: State, memory: Memory) -> None:
        log = cast(Logger, structlog.get_logger())
        self.store = ReadingStore()
        self.engine: Engine = quiet_engine(Journal(log, log), self.store)
        for pair in (PAIR, SINGLE):
            self.engine.add(replace(new_life(pair, memory, 0.0), state=state))
        rotations = Rotations(self.store, Clock(time.monotonic), log)
        self.turns = Turns(rotations, self.store)
        self.turns.life_of, self.turns.take_turn = self.engine.find, self.engine.take_turn

    def read(self, **results: ProbeResult) -> dict[Endpoint, EndpointReading]:
        """Record readings of two minutes ago of the master, and of now of all."""
        now_at = time.monotonic()
        for at, tid in ((now_at - 400.0, 0x50), (now_at - 300.0, 0xF0), (now_at, 0x100)):
            span, began = ReadSpan(at, at), Instant(at, at)
            self.store.record_master_reading(M, Tid(tid), began, span)
        for name, result in results.items():
            if isinstance(result, PfsStatus):
                span = ReadSpan(now_at, now_at)
                slaves = self.store.slaves
                slaves.record_reading(Endpoint(f"/{name}"), result.sync_end_tid, span)
        seen = {M: MASTER, **{Endpoint(f"/{name}"): one for name, one in results.items()}}
        began = Instant(now_at, now_at)
        return {one: EndpointReading(one, began, seen[one], now_at, 1) for one in seen}


def play(
    state: State, story: Callable[[Setup], None], memory: Memory | None = None
) -> list[object]:
    """Play a story, and return the names of the logged events."""

    async def main() -> None:
        story(Setup(state, memory or Memory()))

    with capture_logs() as logs:
        asyncio.run(main())
    return [line["event"] for line in logs]


@pytest.mark.parametrize(
    ("state", "memory", "slave"),
    [
        (Probing(0.0, 9.0), Memory(), B),
        (NO_SLAVE, Memory(), B),
        (Stopped(0.0), Memory(), B),
        (STREAMING, Memory(), A),
        (Probing(0.0, 9.0), Memory(is_diverged=True), A),
    ],
    ids=["probing", "waiting", "stopped", "streaming", "latched"],
)
def test_turn_is_taken_without_a_stream_and_a_latch(
    state: State, memory: Memory, slave: Endpoint
) -> None:
    def story(setup: Setup) -> None:
        chosen = setup.turns.choose(PAIR, setup.read(a=AWAY, b=OLD).values())

        assert chosen is not None
        assert slave == chosen.slave == setup.engine.life("home").pair.slave

    assert ("slave.turn" in play(state, story, memory)) is (slave == B)


def test_turn_of_another_pair_is_nobody_s() -> None:
    def story(setup: Setup) -> None:
        readings = setup.read(a=AWAY, b=OLD)

        assert setup.turns.choose(SINGLE, readings.values()) == SINGLE
        assert setup.turns.choose(replace(PAIR, name="gone"), readings.values()) is None
        assert setup.turns.sampled(SINGLE, readings) is None
        assert setup.engine.take_turn("home", Endpoint("/c")) == PAIR

    play(Probing(0.0, 9.0), story)


@pytest.mark.parametrize(
    ("state", "slaves", "may_begin"),
    [
        (NO_SLAVE, {"a": AWAY, "b": OLD}, True),
        (NO_SLAVE, {"a": AWAY, "b": AWAY}, False),
        (NO_SLAVE, {"a": AWAY}, False),
        (WaitingForMount(0.0, 10.0, Trouble("pfs_missing")), {"a": AWAY, "b": OLD}, False),
        (STREAMING, {"a": AWAY, "b": OLD}, False),
    ],
)
def test_pair_that_waits_for_any_slave_is_probed_when_one_is_there(
    state: State, slaves: dict[str, ProbeResult], *, may_begin: bool
) -> None:
    def story(setup: Setup) -> None:
        assert may_begin is setup.turns.may_begin(PAIR, setup.read(**slaves))

    play(state, story)


@pytest.mark.parametrize(
    ("state", "slaves", "ends"),
    [
        (STREAMING, {"a": FRESH, "b": OLD}, True),
        (STREAMING, {"a": FRESH, "b": AWAY}, False),
        (STREAMING, {"a": OLD, "b": OLD}, False),
        (NO_SLAVE, {"a": FRESH, "b": OLD}, False),
    ],
)
def test_turn_ends_for_a_slave_that_gets_old(
    state: State, slaves: dict[str, ProbeResult], *, ends: bool
) -> None:
    def story(setup: Setup) -> None:
        event = setup.turns.sampled(PAIR, setup.read(**slaves))

        assert ends is isinstance(event, Misdirected)
        if isinstance(event, Misdirected):
            assert event.trouble.because == MisdirectedCause.SLAVE_TURN

    play(state, story)


def test_slave_that_was_none_before_may_have_its_turn() -> None:
    def story(setup: Setup) -> None:
        readings = setup.read(a=FRESH, b=OLD)
        setup.store.set_obstacle(replace(PAIR, slave=B), "another master's")
        setup.store.set_obstacle(PAIR, None)

        assert isinstance(setup.turns.sampled(PAIR, readings), Misdirected)

    play(STREAMING, story)
