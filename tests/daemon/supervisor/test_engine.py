"""What breaks in one effect or event of one pair is told once and takes nothing from another."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import structlog

from hammerd.core.api.pair_report import Extras
from hammerd.core.hammer.messages import WentIdle
from hammerd.core.pair.events import (
    GroupEmpty,
    HalfDied,
    MessageRead,
    ProbeAnswered,
    StartAsked,
    StopAsked,
)
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.probe_verdict import Go
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys
from hammerd.core.pair.states import Memory, Paused, State, Stopping, Streaming, WaitingForBackoff
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import UNKNOWN, Lag
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor.engine import Engine, EngineParts, Inbox
from hammerd.daemon.timing.timers import Deadlines


@dataclass
class Streams:
    """Launches what is not in `broken`, and fails to terminate what is in `stubborn`."""

    broken: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)

    def launch(
        self, pair: str, argv: tuple[str, ...], env: Mapping[str, str], claim: Claim
    ) -> int:
        if pair in self.broken:
            raise RuntimeError("no stream today")
        self.running.add(pair)
        return 4711

    def of(self, pair: str) -> object | None:
        return pair if pair in self.running else None

    def terminate(self, pair: str) -> None:
        if pair in self.stubborn:
            raise RuntimeError("no end today")

    def kill(self, pair: str) -> None:
        pass


class Prober:
    def probe(self, pair: Pair) -> None:
        pass

    def glance(self, pair: Pair) -> None:
        pass

    def slave_keys(self, pair: Pair) -> frozenset[str]:
        return slave_keys((pair.slave,), None)

    def as_targets(self, pair: Pair) -> Pair:
        return pair


class BlindReadings(ReadingStore):
    """Cannot tell the lag of one pair."""

    def lag(self, pair: Pair, now_at: float) -> Lag:
        if pair.name == "unreadable":
            raise RuntimeError("no lag today")
        return UNKNOWN


@dataclass
class FullLog:
    """Takes nothing while it is full."""

    log: Any
    is_full: bool = True

    def __getattr__(self, level: str) -> Callable[..., object]:
        if self.is_full:
            raise RuntimeError("no line today")
        write: Callable[..., object] = getattr(self.log, level)
        return write


@dataclass
class Played:
    engine: Engine
    streams: Streams
    full: FullLog
    log: list[dict[str, Any]]

    def state(self, pair: str) -> State:
        return self.engine.life(pair).state

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]


def play(
    names: tuple[str, ...], act: Callable[[Played], None], *, is_full: bool = False
) -> Played:
    async def main() -> Played:
        with structlog.testing.capture_logs() as log:
            full = FullLog(structlog.get_logger(), is_full)
            logger = cast(Logger, full)
            streams, slaves = Streams(), SlaveClaims()
            world = EngineParts(
                Inbox(),
                cast(Any, streams),
                Prober(),
                BlindReadings(),
                slaves,
                Journal(logger, logger),
                lambda _pair: Extras(),
                "/sbin/hammer",
                "/root",
            )
            engine = Engine(asyncio.get_running_loop(), world, lambda _pair, _failures: 60.0)
            for name in names:
                pair = Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}"))
                engine.add(new_life(pair, Memory(), 0.0))
            played = Played(engine, streams, full, cast(Any, log))
            act(played)
            return played

    return asyncio.run(main())


def start(played: Played, pair: str) -> None:
    played.engine.post(pair, StartAsked())
    played.engine.post(pair, ProbeAnswered(Go()))


def test_launch_that_breaks_is_a_start_that_failed() -> None:
    def act(played: Played) -> None:
        played.streams.broken = {"one"}
        for pair in ("one", "two"):
            start(played, pair)
            played.engine.post(pair, MessageRead(WentIdle()))

    played = play(("one", "two"), act)

    waiting = played.state("one")
    assert isinstance(waiting, WaitingForBackoff)
    assert waiting.trouble.because == "spawn_failed"
    assert "no stream today" in waiting.trouble.hint
    assert isinstance(played.state("two"), Streaming)


def test_slave_of_a_launch_that_broke_is_free() -> None:
    def act(played: Played) -> None:
        played.streams.broken = {"one"}
        start(played, "one")
        played.streams.broken = set()
        start(played, "one")
        played.engine.post("one", MessageRead(WentIdle()))

    assert isinstance(play(("one",), act).state("one"), Streaming)


def test_effect_that_breaks_is_told_once_with_its_traceback() -> None:
    def act(played: Played) -> None:
        played.streams.broken = {"one"}
        start(played, "one")
        start(played, "one")

    [told] = play(("one",), act).told("pair.effect_failed")

    assert (told["pair"], told["of"], told["log_level"]) == ("one", "Launch", "error")
    assert "no stream today" in told["traceback"]


def test_end_that_breaks_leaves_the_pair_stopping_until_its_group_is_empty() -> None:
    states: list[State] = []

    def act(played: Played) -> None:
        played.streams.stubborn = {"one"}
        start(played, "one")
        played.engine.post("one", MessageRead(WentIdle()))
        played.engine.post("one", HalfDied(1, "source"))
        states.append(played.state("one"))
        played.streams.running.clear()
        played.engine.post("one", GroupEmpty())

    played = play(("one",), act)

    assert isinstance(states[0], Stopping)
    assert not isinstance(played.state("one"), Stopping)


def test_event_that_breaks_takes_nothing_from_other_pairs() -> None:
    def act(played: Played) -> None:
        start(played, "unreadable")
        start(played, "two")
        played.engine.post("two", MessageRead(WentIdle()))

    played = play(("unreadable", "two"), act)

    assert isinstance(played.state("two"), Streaming)
    assert {line["pair"] for line in played.told("pair.event_failed")} == {"unreadable"}


def test_journal_that_fails_is_counted_each_time_and_told_once() -> None:
    def act(played: Played) -> None:
        played.engine.on_memory_changed = break_down
        for _ in range(3):
            played.engine.post("one", StopAsked(Paused()))
            played.engine.post("one", StartAsked())

    def break_down() -> None:
        raise RuntimeError("no save today")

    played = play(("one",), act)
    [told] = played.told("journal.failed")

    assert played.engine.unwritten > 3
    assert (told["pair"], told["log_level"]) == ("one", "error")
    assert "no save today" in told["traceback"]


def test_failure_of_the_log_itself_is_told_once_when_it_takes_lines_again() -> None:
    def act(played: Played) -> None:
        start(played, "one")
        start(played, "two")
        assert played.log == []
        played.full.is_full = False
        played.engine.post("one", MessageRead(WentIdle()))
        played.engine.post("two", MessageRead(WentIdle()))

    played = play(("one", "two"), act, is_full=True)
    [told] = played.told("journal.failed")

    assert played.engine.unwritten > 0
    assert "no line today" in told["traceback"]
    assert [line["pair"] for line in played.told("pair.streaming")] == ["one", "two"]


# --- deadlines -------------------------------------------------------------------------------


def test_earliest_deadline_is_that_of_the_pair_whose_time_comes_first() -> None:
    deadlines = Deadlines()
    deadlines.put("late", 9.0)
    deadlines.put("soon", 3.0)
    deadlines.put("moved", 1.0)
    deadlines.put("moved", 5.0)
    deadlines.put("gone", 2.0)
    deadlines.put("gone", None)

    assert deadlines.earliest_at() == 3.0
    assert deadlines.take_due(5.0) == ["soon", "moved"]
    assert deadlines.earliest_at() == 9.0


def test_deadline_that_moves_all_the_time_is_found_and_keeps_nothing_behind() -> None:
    deadlines = Deadlines()
    for at in range(10_000):
        deadlines.put("talkative", 600.0 + at)
        deadlines.put("quiet", 700.0)

    assert deadlines.take_due(10_599.0) == ["quiet", "talkative"]
    assert deadlines.earliest_at() is None
