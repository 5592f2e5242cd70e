"""Reads a stream's stderr in limited chunks, so that it cannot keep the loop from other pairs.

A stream may print progress, or anything else, without end. After a chunk with many messages there
is a delay and a smaller chunk, and only the messages that can matter are passed on. During the
delay the pipe fills and the writer waits, as at a slow terminal.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

from hammerd.core.hammer.messages import Complaint, Message, Progress
from hammerd.core.hammer.output_parser import OutputParser

QUIET_CHUNK_BYTES, NOISY_CHUNK_BYTES = 16 << 10, 4 << 10
DELAY_S = 0.05
MANY_MESSAGES = 64
MOST_OF_A_KIND = 8

PIPE_BYTES = 64 << 10
MOST_DRAINED_CHUNKS = 2 * PIPE_BYTES // NOISY_CHUNK_BYTES
"""A pipe holds the last output of a dead group; more comes from a process that left the group."""

MOST_LAST_MESSAGES = 2048

OnMessages = Callable[[Sequence[Message]], None]


class Noise:
    """The streams that are noisy now: the more there are, the longer is the delay of each."""

    def __init__(self) -> None:
        self._noisy: set[int] = set()

    def record(self, fd: int, *, is_noisy: bool) -> None:
        """Record a chunk of a stream."""
        if is_noisy:
            self._noisy.add(fd)
        else:
            self._noisy.discard(fd)

    @property
    def delay_s(self) -> float:
        """The delay of a noisy stream, so that all together leave most of the loop to others."""
        return DELAY_S * max(1, len(self._noisy))


class StderrReader:
    """Reads one stream's stderr, and passes its messages on."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        noise: Noise,
        fd: int,
        on_messages: OnMessages,
        on_eof: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._noise = noise
        self._fd = fd
        self._on_messages = on_messages
        self._on_eof = on_eof
        self._parser = OutputParser()
        self._chunk_bytes = QUIET_CHUNK_BYTES
        self._delay: asyncio.TimerHandle | None = None
        self._emptied_at: float | None = None
        self.unwritten_at: float | None = None
        """A time at which the newest messages were not in the pipe yet; None if unknown."""
        loop.add_reader(fd, self._read)

    def finish(self) -> Sequence[Message]:
        """Stop reading; return the messages that are still in the pipe."""
        self._stop()
        self.unwritten_at = self._emptied_at
        chunks: list[bytes] = []
        while len(chunks) < MOST_DRAINED_CHUNKS and (
            data := _read_once(self._fd, NOISY_CHUNK_BYTES)
        ):
            chunks.append(data)
        messages: list[Message] = []
        for index, chunk in enumerate(chunks):
            # Of very much noise the first messages and the last chunk are parsed.
            if len(messages) <= MOST_LAST_MESSAGES or index == len(chunks) - 1:
                messages += self._parser.feed(chunk)
        return select_relevant([*messages, *self._parser.finish()])

    def _read(self) -> None:
        began_at = self._loop.time()
        data = _read_once(self._fd, self._chunk_bytes)
        if data is None:
            return
        self.unwritten_at = self._emptied_at
        if len(data) < self._chunk_bytes:
            self._emptied_at = began_at
        if not data:
            self._stop()
            self._on_eof()
            return
        messages = self._parser.feed(data)
        self._pace(messages, is_full=len(data) >= self._chunk_bytes)
        if messages:
            self._on_messages(select_relevant(messages))

    def _pace(self, messages: Sequence[Message], *, is_full: bool) -> None:
        # Newlines, or a line without an end, hold no message and cost as much to read.
        is_noisy = is_full or len(messages) > MANY_MESSAGES
        self._chunk_bytes = NOISY_CHUNK_BYTES if is_noisy else QUIET_CHUNK_BYTES
        self._noise.record(self._fd, is_noisy=is_noisy)
        if is_noisy:
            self._pause_for(self._noise.delay_s)
        elif messages and all(isinstance(one, Progress) for one in messages):
            self._pause_for(DELAY_S)

    def _pause_for(self, span_s: float) -> None:
        self._loop.remove_reader(self._fd)
        self._delay = self._loop.call_later(span_s, self._loop.add_reader, self._fd, self._read)

    def _stop(self) -> None:
        self._noise.record(self._fd, is_noisy=False)
        if self._delay is not None:
            self._delay.cancel()
        self._loop.remove_reader(self._fd)


def select_relevant(messages: Sequence[Message]) -> Sequence[Message]:
    """Return the messages that matter of many that came at once, in their order.

    The last few of each kind show the state of the stream, and are quoted when it fails; a
    complaint may be the cause of that failure, so the first of each name stays too.
    """
    if len(messages) <= MOST_OF_A_KIND:
        return messages
    kept: set[int] = set()
    counts: dict[type[Message], int] = {}
    for index in range(len(messages) - 1, -1, -1):
        kind = type(messages[index])
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= MOST_OF_A_KIND:
            kept.add(index)
    names: set[str] = set()
    for index, one in enumerate(messages):
        if isinstance(one, Complaint) and one.name not in names:
            names.add(one.name)
            kept.add(index)
    return [messages[index] for index in sorted(kept)]


def _read_once(fd: int, most_bytes: int) -> bytes | None:
    """Read a chunk; empty at the end, None when there is nothing at the moment."""
    try:
        return os.read(fd, most_bytes)
    except BlockingIOError:
        return None
    except OSError:
        return b""
