"""Actions at intervals, on a loop that skips waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from hammerd.daemon.timing.scheduler import Scheduler
from tests.daemon.timing.fast_loop import FastLoop

Action = Callable[[], Awaitable[None]]
Starts = list[tuple[str, float]]


def run_for(
    span_s: float, actions: Iterable[tuple[Action, float]]
) -> tuple[list[float], list[Exception]]:
    """Run a scheduler for a while; return the instants at which the loop woke, and the errors."""
    loop, errors = FastLoop(), list[Exception]()

    async def main() -> None:
        scheduler = Scheduler(loop, errors.append)
        scheduler.start(actions)
        await asyncio.sleep(span_s)
        scheduler.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return loop.selector.woken_at, errors


def recorded(name: str, starts: Starts, takes_s: float = 0) -> Action:
    """Return an action that records the instant of its start."""

    async def action() -> None:
        starts.append((name, asyncio.get_running_loop().time() - 1000.0))
        if takes_s:
            await asyncio.sleep(takes_s)

    return action


def test_actions_due_at_the_same_instant_wake_the_loop_once() -> None:
    starts: Starts = []
    actions = [(recorded("a", starts), 30.0), (recorded("b", starts), 30.0)]

    woken_at, _ = run_for(100, [*actions, (recorded("c", starts), 60.0)])

    assert [*map(round, woken_at)] == [30, 60, 90, 100]
    assert starts[:3] == [("a", 0.0), ("b", 0.0), ("c", 0.0)]
    assert [name for name, at in starts if round(at) == 60] == ["a", "b", "c"]


def test_action_that_takes_a_while_stays_in_step_with_the_others() -> None:
    starts: Starts = []

    run_for(100, [(recorded("quick", starts), 30.0), (recorded("slow", starts, 5), 30.0)])

    assert [round(at) for name, at in starts if name == "slow"] == [0, 30, 60, 90]


def test_action_that_takes_most_of_its_interval_is_idle_for_half_of_one() -> None:
    starts: Starts = []

    run_for(170, [(recorded("slow", starts, 25), 30.0), (recorded("later", starts, 70), 30.0)])

    assert [round(at) for name, at in starts if name == "slow"] == [0, 60, 120]
    assert [round(at) for name, at in starts if name == "later"] == [0, 90]


def test_action_that_fails_is_reported_and_run_again_and_stops_no_other() -> None:
    starts: Starts = []

    async def fail() -> None:
        raise LookupError("a bug")

    _, errors = run_for(70, [(fail, 30.0), (recorded("other", starts), 30.0)])

    assert [str(error) for error in errors] == ["a bug"] * 3
    assert len(starts) == 3
