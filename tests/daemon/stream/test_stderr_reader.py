"""Since when what a stream says was not said: a pipe keeps no time, so its reader does."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hammerd.core.hammer.messages import Message
from hammerd.daemon.stream.stderr_reader import Noise, StderrReader


@dataclass
class Listener:
    """The end of a pipe to write to, and what was heard at its other end."""

    writable: int
    hearing: StderrReader
    has_heard: asyncio.Event

    async def hears(self, text: bytes) -> float:
        """Say something and let it be heard; return a moment before it was said."""
        before = asyncio.get_running_loop().time()
        self.has_heard.clear()
        os.write(self.writable, text)
        await self.has_heard.wait()
        return before


def with_pipe(act: Callable[[Listener], Awaitable[None]]) -> None:
    async def run() -> None:
        readable, writable = os.pipe()
        os.set_blocking(readable, False)
        has_heard = asyncio.Event()

        def tell(_said: Sequence[Message]) -> None:
            has_heard.set()

        hearing = StderrReader(asyncio.get_running_loop(), Noise(), readable, tell, lambda: None)
        try:
            await act(Listener(writable, hearing, has_heard))
        finally:
            hearing.finish()
            os.close(writable)
            os.close(readable)

    asyncio.run(run())


def test_what_is_heard_was_not_said_when_the_pipe_was_last_empty() -> None:
    async def act(stream: Listener) -> None:
        assert stream.hearing.unwritten_at is None
        first = await stream.hears(b"one\n")
        assert stream.hearing.unwritten_at is None

        between = asyncio.get_running_loop().time()
        await stream.hears(b"two\n")

        assert stream.hearing.unwritten_at is not None
        assert first <= stream.hearing.unwritten_at <= between

    with_pipe(act)


def test_chunk_that_leaves_something_behind_tells_no_new_moment() -> None:
    async def act(stream: Listener) -> None:
        await stream.hears(b"one\n")
        await stream.hears(b"two\n")
        await stream.hears(b"three\n" * 5_000)
        full_at = stream.hearing.unwritten_at
        stream.has_heard.clear()
        await stream.has_heard.wait()

        assert full_at is not None
        assert stream.hearing.unwritten_at == full_at

    with_pipe(act)
