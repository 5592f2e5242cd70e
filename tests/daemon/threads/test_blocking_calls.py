"""What blocks holds up nobody but who asked for it."""

import asyncio
import threading

import pytest

from hammerd.daemon.threads.blocking_calls import BlockingCalls


def test_result_and_error_come_from_another_thread() -> None:
    async def story() -> None:
        aside = BlockingCalls()
        assert await aside.do(threading.current_thread, 60) is not threading.main_thread()
        with pytest.raises(ZeroDivisionError):
            await aside.do(lambda: 1 / 0, 60)
        assert await aside.do(lambda: 7, 60) == 7

    asyncio.run(story())


def test_thread_that_cannot_be_started_is_no_reason_to_refuse_the_next_one() -> None:
    async def story() -> None:
        aside = BlockingCalls()
        # No address space holds such a stack.
        size = threading.stack_size(1 << 60)
        try:
            with pytest.raises(RuntimeError, match="can't start"):
                await aside.do(lambda: 7, 60)
        finally:
            threading.stack_size(size)
        assert await aside.do(lambda: 7, 60) == 7

    asyncio.run(story())


def test_what_hangs_is_not_waited_for_and_never_twice() -> None:
    gate = threading.Event()
    begun = []

    def hang() -> None:
        begun.append(1)
        gate.wait(60)

    async def story() -> None:
        aside = BlockingCalls()
        with pytest.raises(TimeoutError):
            await aside.do(hang, 0.01)
        with pytest.raises(TimeoutError):
            await aside.do(hang, 60)
        gate.set()
        while True:
            try:
                assert await aside.do(lambda: 7, 60) == 7
            except TimeoutError:
                await asyncio.sleep(0.01)
            else:
                break

    asyncio.run(story())

    assert begun == [1]
