"""A fault in one effect or event of a pair is logged once and disturbs no other pair.

The pairs are those of engine_config.py: "a" and "b" share a slave, and "c" has another.
"""

from hammerd.core.hammer.messages import WentIdle
from hammerd.core.pair.events import (
    HalfDied,
    MessageRead,
    ProbeAnswered,
    StartAsked,
    StopAsked,
)
from hammerd.core.pair.probe_verdict import Go
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import (
    Launching,
    Paused,
    Probing,
    State,
    Stopping,
    Streaming,
    WaitingForBackoff,
    WaitingForResource,
)
from hammerd.core.pairs import Timing
from hammerd.daemon.supervisor.engine import RETRY_DELAY_S
from tests.daemon.supervisor.engine_config import CONFIG, FAR
from tests.daemon.supervisor.engine_world import EngineWorld


def quiet_world() -> EngineWorld:
    """Return a world in which all pairs are being probed and nothing raises by itself."""
    world = EngineWorld(is_faulty=False)
    world.end_orphan()
    return world


def launch(world: EngineWorld, name: str) -> None:
    world.answer(name, ProbeAnswered(Go()))


def stream(world: EngineWorld, name: str) -> None:
    launch(world, name)
    world.post(name, MessageRead(WentIdle()))


def state(world: EngineWorld, name: str) -> State:
    return world.engine.life(name).state


def logged(world: EngineWorld, event: str) -> list[dict[str, object]]:
    return [line for line in world.watched.log.lines if line["event"] == event]


def test_launch_that_breaks_is_a_start_that_failed() -> None:
    world = quiet_world()
    world.breaks.next("launch", 1)
    launch(world, "a")
    stream(world, "c")

    waiting = state(world, "a")
    assert isinstance(waiting, WaitingForBackoff)
    assert waiting.trouble.because == "spawn_failed"
    assert "BrokenError('launch')" in waiting.trouble.hint
    assert isinstance(state(world, "c"), Streaming)


def test_slave_of_a_launch_that_broke_is_free() -> None:
    world = quiet_world()
    world.breaks.next("launch", 1)
    launch(world, "a")
    stream(world, "b")

    assert isinstance(state(world, "b"), Streaming)


def test_effect_that_raises_is_logged_once_with_its_traceback() -> None:
    world = quiet_world()
    world.breaks.next("launch", 2)
    launch(world, "a")
    world.post("a", StartAsked())
    launch(world, "a")

    assert world.breaks.done["launch"] == 2
    [line] = logged(world, "pair.effect_failed")
    assert (line["pair"], line["of"], line["level"]) == ("a", "Launch", "error")
    assert "BrokenError: launch" in str(line["traceback"])


def test_end_that_breaks_leaves_the_pair_stopping_until_its_group_is_empty() -> None:
    world = quiet_world()
    stream(world, "a")
    world.breaks.next("signal", 1)
    world.post("a", HalfDied(1, "source"))

    assert isinstance(state(world, "a"), Stopping)
    world.empty("a")
    assert not isinstance(state(world, "a"), Stopping)


def test_event_that_breaks_takes_nothing_from_other_pairs() -> None:
    world = quiet_world()
    world.breaks.next("readings", 1)
    launch(world, "a")
    stream(world, "c")

    assert isinstance(state(world, "c"), Streaming)
    [line] = logged(world, "pair.event_failed")
    assert (line["pair"], line["of"], line["level"]) == ("a", "ProbeAnswered", "error")


def test_journal_that_fails_is_counted_each_time_and_logged_once() -> None:
    world = quiet_world()
    world.breaks.next("observer", 6)
    for _ in range(3):
        world.post("a", StopAsked(Paused()))
        world.post("a", StartAsked())

    assert world.engine.unwritten == 6
    [line] = logged(world, "journal.failed")
    assert (line["pair"], line["level"]) == ("a", "error")
    assert "BrokenError: observer" in str(line["traceback"])


def test_failure_of_the_log_itself_is_logged_once_when_it_takes_lines_again() -> None:
    world = quiet_world()
    world.watched.log.lines.clear()
    world.breaks.next("log", 1000)
    launch(world, "a")
    launch(world, "c")
    assert not world.watched.log.lines
    world.breaks.next("log", 0)
    for name in ("a", "c"):
        world.post(name, MessageRead(WentIdle()))

    assert world.engine.unwritten > 0
    [line] = logged(world, "journal.failed")
    assert "BrokenError: log" in str(line["traceback"])
    assert [line["pair"] for line in logged(world, "pair.streaming")] == ["a", "c"]


def test_slave_that_is_free_is_offered_again_when_the_step_of_the_offer_raised() -> None:
    world = EngineWorld(is_faulty=False)
    world.post("d", StopAsked(Paused()))
    launch(world, "c")
    assert isinstance(state(world, "c"), WaitingForResource)
    world.breaks.next("readings", 1)
    world.end_orphan()
    assert isinstance(state(world, "c"), WaitingForResource)

    world.pass_time(RETRY_DELAY_S)
    assert [line["of"] for line in logged(world, "pair.event_failed")] == ["ResourceFree"]
    assert isinstance(state(world, "c"), Streaming)


def test_slave_that_drained_is_launched_onto_after_a_probe() -> None:
    world = EngineWorld(is_faulty=False, host=FAR)
    world.post("d", StopAsked(Paused()))
    launch(world, "c")
    world.end_orphan()
    world.answer_glance("c")
    drains = state(world, "c")
    world.pass_time(Timing().remote_drain_s - 0.1)
    drains_still = state(world, "c")
    world.silent = {*CONFIG}
    world.pass_time(0.1)

    assert isinstance(drains, WaitingForResource)
    assert drains.resource is Resource.DRAIN
    assert drains_still == drains
    world.answer_glance("c")
    assert isinstance(state(world, "c"), Probing)
    launch(world, "c")
    assert isinstance(state(world, "c"), Launching)


def test_slave_of_an_empty_group_is_offered_though_the_step_of_its_end_raised() -> None:
    world = quiet_world()
    stream(world, "a")
    launch(world, "b")
    assert isinstance(state(world, "b"), WaitingForResource)
    world.post("a", StopAsked(Paused()))
    world.breaks.next("readings", 1)
    world.empty("a")

    assert [line["of"] for line in logged(world, "pair.event_failed")] == ["GroupEmpty"]
    assert isinstance(state(world, "b"), Probing)
