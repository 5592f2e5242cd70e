"""Tests the time at which a message was not written yet: the reader of a pipe records it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hammerd.core.hammer.messages import Message
from hammerd.daemon.stream.stderr_reader import Noise, StderrReader


@dataclass
class Pipe:
    """A pipe for writing, and its reader."""

    writable: int
    reader: StderrReader
    has_read: asyncio.Event

    async def write(self, text: bytes) -> float:
        """Write a text and wait until it is read; return a time before it was written."""
        before = asyncio.get_running_loop().time()
        self.has_read.clear()
        os.write(self.writable, text)
        await self.has_read.wait()
        return before


def with_pipe(act: Callable[[Pipe], Awaitable[None]]) -> None:
    async def run() -> None:
        readable, writable = os.pipe()
        os.set_blocking(readable, False)
        has_read = asyncio.Event()

        def on_messages(_messages: Sequence[Message]) -> None:
            has_read.set()

        reader = StderrReader(
            asyncio.get_running_loop(), Noise(), readable, on_messages, lambda: None
        )
        try:
            await act(Pipe(writable, reader, has_read))
        finally:
            reader.finish()
            os.close(writable)
            os.close(readable)

    asyncio.run(run())


def test_message_was_not_written_when_the_pipe_was_last_empty() -> None:
    async def act(stream: Pipe) -> None:
        assert stream.reader.unwritten_at is None
        first = await stream.write(b"one\n")
        assert stream.reader.unwritten_at is None

        between = asyncio.get_running_loop().time()
        await stream.write(b"two\n")

        assert stream.reader.unwritten_at is not None
        assert first <= stream.reader.unwritten_at <= between

    with_pipe(act)


def test_chunk_that_leaves_output_in_the_pipe_gives_no_new_time() -> None:
    async def act(stream: Pipe) -> None:
        await stream.write(b"one\n")
        await stream.write(b"two\n")
        await stream.write(b"three\n" * 5_000)
        full_at = stream.reader.unwritten_at
        stream.has_read.clear()
        await stream.has_read.wait()

        assert full_at is not None
        assert stream.reader.unwritten_at == full_at

    with_pipe(act)
