"""Requests that are interrupted at each await: each takes effect once, or not at all."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import structlog

from hammerd.core.api.protocol import (
    PLAN_VERBS,
    STOPPING,
    Answer,
    Refusal,
    Reply,
    Request,
    Verb,
)
from hammerd.core.exit_codes import Exit
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.events import HoldAsked, HoldReleased
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Memory, Paused
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.control import handlers as handlers_module
from hammerd.daemon.control.handlers import Handlers, SlowRequests
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.supervisor.holds import Holds
from hammerd.daemon.timing.clock import Clock
from tests.daemon.at_each_await import Scenario, Stop, Unexpected, interrupt, missed
from tests.daemon.quiet_engine import Prober, quiet_engine

HOME, WORK = (Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}")) for name in "hw")
RUNNING = Hold("switchover", HoldStage.RUNNING, 0.0)
PROMOTED = Hold("promote", HoldStage.PROMOTED, 0.0)
DISABLED = replace(HOME, name="rest", slave=Endpoint("/s/rest"), enabled=False)


@dataclass
class FakeHolds:
    """Holds pairs at once, without a record."""

    engine: Engine
    lifted: list[str] = field(default_factory=list)

    async def hold(self, pair: str, hold: Hold = RUNNING) -> Reply:
        await asyncio.sleep(0)
        self.engine.post(pair, HoldAsked(hold))
        return Answer({"state": "stopped"})

    async def release(self, pair: str) -> Reply:
        await asyncio.sleep(0)
        self.engine.post(pair, HoldReleased())
        return Answer({"pairs": [pair]})

    async def lift(self, pair: str) -> Refusal | None:
        await asyncio.sleep(0)
        self.lifted.append(pair)
        self.engine.post(pair, HoldReleased())
        return None


@dataclass
class Setup:
    """The handlers for two pairs that are up and one that is disabled."""

    state: str = "running"
    unsaved_because: str | None = None
    saves: int = 0
    reloads: int = 0
    is_hanging: bool = False
    acknowledged: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        log, loop = cast(Logger, structlog.get_logger()), asyncio.get_running_loop()
        self.prober = Prober()
        self.engine = quiet_engine(Journal(log, log), ReadingStore(), self.prober)
        for pair in (HOME, WORK, DISABLED):
            self.engine.add(new_life(pair, Memory(), 0.0))
        clock = Clock(loop.time)
        self.holds = FakeHolds(self.engine)
        self.handlers = Handlers(
            self.engine,
            clock,
            self.describe,
            SlowRequests(
                self.save, self.reload, cast(Holds, self.holds), self.read_result, self.notify
            ),
        )
        self.handlers.on_acknowledged = self.acknowledged.append
        self.handlers.on_all_acknowledged = lambda: self.acknowledged.append("all")

    def describe(self) -> Mapping[str, object]:
        return {"state": self.state, "started_time": "", "config": ""}

    async def save(self) -> str | None:
        await asyncio.sleep(0)
        self.saves += 1
        return self.unsaved_because

    async def reload(self) -> Reply:
        await asyncio.sleep(0)
        self.reloads += 1
        return Answer({"started": []})

    async def read_result(self, pair: str) -> None:
        await asyncio.sleep(0)
        if self.is_hanging:
            raise TimeoutError
        self.read.append(pair)

    async def notify(self, kind: str | None, pairs: tuple[str, ...]) -> Reply:
        await asyncio.sleep(0)
        return Answer({"ran": [], "kind": kind, "pairs": list(pairs)})

    def ask(self, verb: Verb, *pairs: str) -> Coroutine[Any, Any, Reply]:
        return self.handlers.answer(Request(verb, pairs))

    def paused(self) -> list[str]:
        lives = self.engine.lives()
        return [one.pair.name for one in lives if isinstance(one.memory.wanted, Paused)]


# --- what must hold at each await ------------------------------------------------------------


async def a_pause(stop: Stop) -> None:
    setup = Setup()
    task = await stop.run(setup.ask(Verb.PAUSE, "h"))

    assert setup.paused() == ["h"], "what was asked is done before anything is waited for"
    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error, "the save is reported"
    reply = await setup.ask(Verb.PAUSE)
    assert isinstance(reply, Answer)
    assert reply.data["unsaved_because"] is None
    assert setup.paused() == ["h", "w"]
    assert isinstance(await setup.ask(Verb.RESUME), Answer)
    assert setup.paused() == []
    assert setup.prober.probed == ["h", "w"]


async def a_reload(stop: Stop) -> None:
    setup = Setup()
    task = await stop.run(setup.ask(Verb.RELOAD))

    if stop.was_reached:
        assert task.cancelled() or task.exception() is stop.error
    before = setup.reloads
    reply = await setup.ask(Verb.RELOAD)
    assert reply == Answer({"started": [], "unsaved_because": None})
    assert setup.reloads == before + 1


async def a_result(stop: Stop) -> None:
    setup = Setup()
    await stop.run(setup.ask(Verb.VERIFIED, "h"))
    before = len(setup.read)

    assert isinstance(await setup.ask(Verb.VERIFIED, "h"), Answer)
    assert setup.read[before:] == ["h"]


async def a_test_of_notifications(stop: Stop) -> None:
    setup = Setup()
    await stop.run(setup.ask(Verb.NOTIFY, "h"))

    reply = await setup.ask(Verb.NOTIFY, "h")
    assert isinstance(reply, Answer)
    assert reply.data["pairs"] == ["h"]


async def a_hold(stop: Stop) -> None:
    setup = Setup()
    await stop.run(setup.ask(Verb.HOLD, "h"))

    assert isinstance(await setup.ask(Verb.HOLD, "h"), Answer)
    assert setup.engine.life("h").memory.hold == RUNNING


async def a_release(stop: Stop) -> None:
    setup = Setup()
    await setup.ask(Verb.HOLD, "h")
    await stop.run(setup.ask(Verb.RELEASE, "h"))

    assert isinstance(await setup.ask(Verb.RELEASE, "h"), Answer)
    assert setup.prober.probed == ["h"]


async def a_resume_after_a_promotion(stop: Stop) -> None:
    setup = Setup()
    await setup.holds.hold("h", PROMOTED)
    await stop.run(setup.ask(Verb.RESUME, "h"))

    assert isinstance(await setup.ask(Verb.RESUME, "h"), Answer)
    assert "h" in setup.holds.lifted
    assert setup.prober.probed == ["h"]


SCENARIOS = (
    a_pause,
    a_reload,
    a_result,
    a_test_of_notifications,
    a_hold,
    a_release,
    a_resume_after_a_promotion,
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_request_that_is_interrupted_happens_once_or_not_at_all(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(28, "No space left on device"))


def test_no_await_is_left_out() -> None:
    assert missed(handlers_module, SCENARIOS) == []


# --- replies ---------------------------------------------------------------------------------


def replies(*verbs: Verb, pairs: tuple[str, ...] = (), **setup: str) -> tuple[list[Reply], Setup]:
    """Ask a setup for these, one after the other."""

    async def main() -> tuple[list[Reply], Setup]:
        made = Setup(**setup)  # type: ignore[arg-type]
        return [await made.ask(verb, *pairs) for verb in verbs], made

    return asyncio.run(main())


def test_answer_says_why_a_change_was_not_saved() -> None:
    [reply], _ = replies(Verb.PAUSE, unsaved_because="the disk is full")

    assert isinstance(reply, Answer)
    assert reply.data["unsaved_because"] == "the disk is full"


def test_read_request_waits_for_no_disk() -> None:
    [status, ping], setup = replies(Verb.STATUS, Verb.PING)

    assert isinstance(status, Answer)
    assert isinstance(ping, Answer)
    assert [each["pair"] for each in cast(Any, status.data)["pairs"]] == ["h", "w", "rest"]
    assert setup.saves == 0


def test_stopping_daemon_refuses_requests_and_changes_nothing() -> None:
    asked, setup = replies(*Verb, state="stopping")

    by_verb = dict(zip(Verb, asked, strict=True))
    assert {verb for verb, reply in by_verb.items() if reply == STOPPING} == {
        *(Verb.PAUSE, Verb.RESUME, Verb.RESTART, Verb.ACK, Verb.RELOAD, Verb.VERIFIED),
        Verb.NOTIFY,
    }
    assert all(isinstance(by_verb[verb], Refusal) for verb in PLAN_VERBS)
    assert (setup.paused(), setup.reloads, setup.saves) == ([], 0, 0)


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.RESUME, Verb.RESTART])
def test_disabled_pair_that_is_named_is_refused_and_left_out_of_all(verb: Verb) -> None:
    [named], _ = replies(verb, pairs=("h", "rest"))
    [of_all], _ = replies(verb)
    [of_pattern], _ = replies(verb, pairs=("[hr]*",))

    assert isinstance(named, Refusal)
    assert named.code == Exit.UNAVAILABLE
    assert isinstance(of_all, Answer)
    assert of_all.data["pairs"] == ["h", "w"]
    assert isinstance(of_pattern, Answer)
    assert of_pattern.data["pairs"] == ["h"]


def test_pair_that_is_paused_is_not_restarted() -> None:
    [_, named], _ = replies(Verb.PAUSE, Verb.RESTART, pairs=("h",))
    [_, of_pattern], _ = replies(Verb.PAUSE, Verb.RESTART, pairs=("h*",))
    [_, of_all], setup = replies(Verb.PAUSE, Verb.RESTART)

    assert isinstance(named, Refusal)
    assert isinstance(of_pattern, Answer)
    assert of_pattern.data["left_paused"] == ["h"]
    assert isinstance(of_all, Answer)
    assert of_all.data["left_paused"] == ["h", "w"]
    assert setup.prober.probed == []


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.RESTART])
def test_held_pair_is_started_by_no_request_in_the_middle_of_its_plan(verb: Verb) -> None:
    async def main() -> tuple[Reply, Reply, list[str]]:
        setup = Setup()
        await setup.holds.hold("h", replace(RUNNING, is_interrupted=True))
        return await setup.ask(verb, "h", "w"), await setup.ask(verb), setup.prober.probed

    named, of_all, probed = asyncio.run(main())

    assert isinstance(named, Refusal)
    assert (named.error, named.code) == ("held: h", Exit.UNAVAILABLE)
    assert '"hammerd switchover h"' in named.hint
    assert isinstance(of_all, Answer)
    assert (of_all.data["pairs"], of_all.data["left_held"]) == (["w"], ["h"])
    assert probed == ["w"]


def test_promoted_pair_is_resumed_only_by_its_name() -> None:
    async def main() -> tuple[list[Reply], list[str], list[str]]:
        setup = Setup()
        await setup.holds.hold("h", PROMOTED)
        unnamed = [await setup.ask(Verb.RESUME), await setup.ask(Verb.RESUME, "?")]
        return unnamed, [*setup.holds.lifted], setup.prober.probed

    unnamed, lifted, probed = asyncio.run(main())

    for reply in unnamed:
        assert isinstance(reply, Answer)
        assert reply.data["left_held"] == ["h"]
    assert (lifted, probed) == ([], ["w"])


def test_pause_of_a_held_pair_is_remembered() -> None:
    async def main() -> tuple[Reply, list[str], list[str]]:
        setup = Setup()
        await setup.ask(Verb.HOLD, "h")
        paused = await setup.ask(Verb.PAUSE, "h")
        await setup.ask(Verb.RELEASE, "h")
        return paused, setup.paused(), setup.prober.probed

    paused, are_paused, probed = asyncio.run(main())

    assert isinstance(paused, Answer)
    assert (are_paused, probed) == (["h"], [])


def test_plan_of_a_pair_that_is_not_in_the_config_has_nothing_to_end() -> None:
    [held, released], _ = replies(Verb.HOLD, Verb.RELEASE, pairs=("new",))
    [of_all], _ = replies(Verb.HOLD)

    for reply in (held, released):
        assert isinstance(reply, Answer)
        assert reply.data["state"] == "unknown"
    assert isinstance(of_all, Refusal)


def test_acknowledging_starts_nothing_and_covers_disabled_pairs_too() -> None:
    [reply], setup = replies(Verb.ACK)

    assert isinstance(reply, Answer)
    assert setup.acknowledged == ["h", "w", "rest", "all"]
    assert setup.prober.probed == []


def test_acknowledging_one_pair_is_not_of_all() -> None:
    _, setup = replies(Verb.ACK, pairs=("h",))

    assert setup.acknowledged == ["h"]


def test_reload_is_of_the_whole_config() -> None:
    [reply], setup = replies(Verb.RELOAD, pairs=("h",))

    assert isinstance(reply, Refusal)
    assert setup.reloads == 0


def test_unknown_pair_is_refused_before_anything_happens() -> None:
    [reply], setup = replies(Verb.PAUSE, pairs=("h", "unknown"))

    assert isinstance(reply, Refusal)
    assert '"unknown"' in reply.error
    assert setup.paused() == []


def test_status_of_every_pair_is_written_into_the_log() -> None:
    async def main() -> list[object]:
        with structlog.testing.capture_logs() as log:
            setup = Setup()
            setup.handlers.log_status(cast(Logger, structlog.get_logger()))
        return [line["pair"] for line in log if line["event"] == "pair.status"]

    assert asyncio.run(main()) == ["h", "w", "rest"]
