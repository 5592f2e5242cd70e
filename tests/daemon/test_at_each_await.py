"""Each await of a scenario is interrupted, and leftovers of a scenario fail the test."""

import asyncio
import sys

import pytest

from tests.daemon.at_each_await import Stop, Unexpected, interrupt, missed


async def two_awaits() -> str:
    await asyncio.sleep(0)
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(done.set_result, "done")
    return await done


async def never_played() -> None:
    await asyncio.sleep(0)


def test_each_await_is_interrupted_in_both_ways_and_a_last_run_in_none() -> None:
    ends: list[str] = []

    async def scenario(stop: Stop) -> None:
        task = await stop.run(two_awaits())
        if task.cancelled():
            ends.append("cancelled")
        else:
            ends.append(repr(task.exception()) if task.exception() else task.result())

    interrupt(scenario, Unexpected("broke"))

    broke = repr(Unexpected("broke"))
    assert ends == ["cancelled", "cancelled", "done", broke, broke, "done"]


def test_tasks_that_the_story_begins_indirectly_are_interrupted() -> None:
    async def scenario(stop: Stop) -> None:
        with stop.in_all_tasks():
            [result] = await asyncio.gather(two_awaits(), return_exceptions=True)
        assert stop.was_reached == (result != "done")

    interrupt(scenario, Unexpected())


def test_task_that_is_left_is_noticed() -> None:
    kept: list[asyncio.Task[bool]] = []

    async def scenario(_stop: Stop) -> None:
        kept.append(asyncio.create_task(asyncio.Event().wait()))

    with pytest.raises(AssertionError, match="tasks are left"):
        interrupt(scenario)


def test_error_that_nobody_took_is_noticed() -> None:
    async def fail() -> None:
        raise LookupError("nobody takes me")

    async def scenario(_stop: Stop) -> None:
        await asyncio.wait([asyncio.create_task(fail())])

    with pytest.raises(AssertionError, match="nobody takes me"):
        interrupt(scenario)


def test_await_at_which_no_story_waits_is_named() -> None:
    async def scenario(stop: Stop) -> None:
        await stop.run(two_awaits())

    lines = missed(sys.modules[__name__], [scenario])

    first = never_played.__code__.co_firstlineno
    assert first + 1 in lines
    assert two_awaits.__code__.co_firstlineno + 1 not in lines
