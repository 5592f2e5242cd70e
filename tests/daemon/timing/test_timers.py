"""A timer calls once, at the instant that was set last; deadlines find the earliest of all pairs.

The loop skips waiting.
"""

import asyncio
from collections.abc import Callable

from hammerd.daemon.timing.timers import Deadlines, Timer
from tests.daemon.timing.fast_loop import FastLoop


def called_at(act: Callable[[Timer, float], None]) -> list[float]:
    """Return the instants at which a timer called, in seconds after `act` set it."""
    loop, calls = FastLoop(), list[float]()

    async def main() -> None:
        begun_at = loop.time()
        timer = Timer(loop, lambda: calls.append(loop.time() - begun_at))
        act(timer, begun_at)
        await asyncio.sleep(100)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return calls


def test_timer_calls_once_at_the_instant_that_was_set_last() -> None:
    def act(timer: Timer, now_at: float) -> None:
        timer.set(now_at + 1)
        timer.set(now_at + 5)
        timer.set(now_at + 3)

    assert called_at(act) == [3]


def test_timer_that_is_set_twice_calls_once() -> None:
    def act(timer: Timer, now_at: float) -> None:
        timer.set(now_at + 1)
        timer.set(now_at + 1)

    assert called_at(act) == [1]


def test_set_no_later_keeps_the_earliest_instant() -> None:
    def act(timer: Timer, now_at: float) -> None:
        timer.set_no_later(now_at + 5)
        timer.set_no_later(now_at + 2)
        timer.set_no_later(now_at + 3)

    assert called_at(act) == [2]


def test_a_stopped_timer_does_not_call_and_can_be_set_again() -> None:
    def act(timer: Timer, now_at: float) -> None:
        timer.set(now_at + 1)
        timer.stop()

    def act_again(timer: Timer, now_at: float) -> None:
        act(timer, now_at)
        timer.set(now_at + 1)

    assert called_at(act) == []
    assert called_at(act_again) == [1]


def test_timer_is_not_set_while_it_calls() -> None:
    loop, instants = FastLoop(), list[float | None]()

    async def main() -> None:
        timer = Timer(loop, lambda: instants.append(timer.at))
        timer.set(loop.time() + 1)
        assert timer.at == loop.time() + 1
        await asyncio.sleep(2)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())

    assert instants == [None]


def test_earliest_deadline_is_that_of_the_pair_whose_time_comes_first() -> None:
    deadlines = Deadlines()
    deadlines.put("late", 9.0)
    deadlines.put("soon", 3.0)
    deadlines.put("moved", 1.0)
    deadlines.put("moved", 5.0)
    deadlines.put("removed", 2.0)
    deadlines.put("removed", None)

    assert deadlines.earliest_at() == 3.0
    assert deadlines.take_due(5.0) == ["soon", "moved"]
    assert deadlines.earliest_at() == 9.0


def test_deadline_that_moves_ten_thousand_times_is_found_and_leaves_no_old_entry() -> None:
    deadlines = Deadlines()
    for at in range(10_000):
        deadlines.put("busy", 600.0 + at)
        deadlines.put("quiet", 700.0)

    assert deadlines.take_due(10_599.0) == ["quiet", "busy"]
    assert deadlines.earliest_at() is None
