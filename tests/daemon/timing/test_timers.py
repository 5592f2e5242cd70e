"""A timer that is set anew: only what was set last counts. Time moves when nobody works.

Deadlines: the earliest of all pairs' deadlines is found, and none that was replaced is kept.
"""

import asyncio
from collections.abc import Callable

from hammerd.daemon.timing.timers import Deadlines, Timer
from tests.daemon.timing.free_time import Loop


def called_at(act: Callable[[Timer, float], None]) -> list[float]:
    """Return when a timer called, in seconds after what `act` did to it."""
    loop, calls = Loop(), list[float]()

    async def main() -> None:
        begun_at = loop.time()
        timer = Timer(loop, lambda: calls.append(loop.time() - begun_at))
        act(timer, begun_at)
        await asyncio.sleep(100)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return calls


def test_it_calls_once_at_the_instant_that_was_set_last() -> None:
    def act(timer: Timer, now_at: float) -> None:
        timer.set(now_at + 1)
        timer.set(now_at + 5)
        timer.set(now_at + 3)

    assert called_at(act) == [3]


def test_what_is_set_twice_calls_once() -> None:
    def act(timer: Timer, now_at: float) -> None:
        timer.set(now_at + 1)
        timer.set(now_at + 1)

    assert called_at(act) == [1]


def test_the_earlier_of_two_counts() -> None:
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


def test_it_is_not_set_while_it_calls() -> None:
    loop, seen = Loop(), list[float | None]()

    async def main() -> None:
        timer = Timer(loop, lambda: seen.append(timer.at))
        timer.set(loop.time() + 1)
        assert timer.at == loop.time() + 1
        await asyncio.sleep(2)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())

    assert seen == [None]


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
