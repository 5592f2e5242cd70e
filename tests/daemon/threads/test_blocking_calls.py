"""Blocking calls run on one thread, and the loop waits for none of them beyond its deadline."""

import asyncio
import threading

import pytest

from hammerd.daemon.threads.blocking_calls import BlockingCalls


def test_result_and_error_come_from_another_thread() -> None:
    async def scenario() -> None:
        calls = BlockingCalls()
        assert await calls.run(threading.current_thread, 60) is not threading.main_thread()
        with pytest.raises(ZeroDivisionError):
            await calls.run(lambda: 1 / 0, 60)
        assert await calls.run(lambda: 7, 60) == 7

    asyncio.run(scenario())


def test_call_runs_after_a_thread_that_could_not_be_started() -> None:
    async def scenario() -> None:
        calls = BlockingCalls()
        # No address space holds such a stack.
        size = threading.stack_size(1 << 60)
        try:
            with pytest.raises(RuntimeError, match="can't start"):
                await calls.run(lambda: 7, 60)
        finally:
            threading.stack_size(size)
        assert await calls.run(lambda: 7, 60) == 7

    asyncio.run(scenario())


def test_call_that_hangs_ends_at_its_deadline_and_no_second_one_starts() -> None:
    gate = threading.Event()
    started = []

    def hang() -> None:
        started.append(1)
        gate.wait(60)

    async def scenario() -> None:
        calls = BlockingCalls()
        with pytest.raises(TimeoutError):
            await calls.run(hang, 0.01)
        with pytest.raises(TimeoutError):
            await calls.run(hang, 60)
        gate.set()
        while True:
            try:
                assert await calls.run(lambda: 7, 60) == 7
            except TimeoutError:
                await asyncio.sleep(0.01)
            else:
                break

    asyncio.run(scenario())

    assert started == [1]
