"""Acts at intervals, on a loop whose time only moves when nobody has anything to do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from hammerd.daemon.timing.scheduler import Scheduler
from tests.daemon.timing.free_time import Loop

Act = Callable[[], Awaitable[None]]


def play(acts: Iterable[tuple[Act, float]], span_s: float) -> tuple[list[float], list[Exception]]:
    """Run acts for a while; return when the loop was woken, and what broke."""
    loop, broken = Loop(), list[Exception]()

    async def main() -> None:
        ticks = Scheduler(loop, broken.append)
        ticks.start(acts)
        await asyncio.sleep(span_s)
        ticks.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return loop.free_time.woken_at, broken


def noted(name: str, begun: list[tuple[str, float]], takes_s: float = 0) -> Act:
    """Return an act that takes down when it is begun."""

    async def act() -> None:
        begun.append((name, asyncio.get_running_loop().time() - 1000.0))
        if takes_s:
            await asyncio.sleep(takes_s)

    return act


def test_acts_that_fall_on_one_instant_wake_the_loop_once() -> None:
    begun: list[tuple[str, float]] = []
    acts = [(noted("a", begun), 30.0), (noted("b", begun), 30.0), (noted("c", begun), 60.0)]

    woken_at, _ = play(acts, 100)

    assert [*map(round, woken_at)] == [30, 60, 90, 100]
    assert begun[:3] == [("a", 0.0), ("b", 0.0), ("c", 0.0)]
    assert [name for name, at in begun if round(at) == 60] == ["a", "b", "c"]


def test_act_that_takes_a_while_stays_in_step_with_the_others() -> None:
    begun: list[tuple[str, float]] = []
    acts = [(noted("quick", begun), 30.0), (noted("slow", begun, takes_s=5), 30.0)]

    play(acts, 100)

    assert [round(at) for name, at in begun if name == "slow"] == [0, 30, 60, 90]


def test_act_that_takes_most_of_its_interval_is_left_to_rest() -> None:
    begun: list[tuple[str, float]] = []
    acts = [
        (noted("slow", begun, takes_s=25), 30.0),
        (noted("later", begun, takes_s=70), 30.0),
    ]

    play(acts, 170)

    assert [round(at) for name, at in begun if name == "slow"] == [0, 60, 120]
    assert [round(at) for name, at in begun if name == "later"] == [0, 90]


def test_act_that_breaks_is_told_and_done_again_and_stops_no_other() -> None:
    begun: list[tuple[str, float]] = []

    async def break_down() -> None:
        raise LookupError("a bug")

    acts = [(break_down, 30.0), (noted("other", begun), 30.0)]

    _, broken = play(acts, 70)

    assert [str(error) for error in broken] == ["a bug"] * 3
    assert len(begun) == 3
