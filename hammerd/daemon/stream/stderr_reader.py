"""Reads what a stream prints, in chunks that leave the loop to others.

hammer's progress and whatever else a stream may print without end must cost other pairs nothing:
a chunk that says much is followed by a rest and a smaller chunk, and of what it says only what can
matter is passed on. While we rest the pipe fills and the writer waits, as at a slow terminal.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

from hammerd.core.hammer.messages import Complaint, Message, Progress
from hammerd.core.hammer.output_parser import OutputParser

QUIET_CHUNK_BYTES, NOISY_CHUNK_BYTES = 16 << 10, 4 << 10
REST_S = 0.05
MANY_MESSAGES = 64
KEPT_OF_A_KIND = 8

PIPE_BYTES = 64 << 10
MOST_DRAINED_CHUNKS = 2 * PIPE_BYTES // NOISY_CHUNK_BYTES
"""What the dead left is in the pipe; what is beyond that comes from a process that left them."""

MOST_LAST_MESSAGES = 2048

Tell = Callable[[Sequence[Message]], None]


class Noise:
    """The streams that are noisy now: the more there are, the longer each of them rests."""

    def __init__(self) -> None:
        self._noisy: set[int] = set()

    def heard(self, fd: int, *, is_noisy: bool) -> None:
        """Take note of a chunk of a stream."""
        if is_noisy:
            self._noisy.add(fd)
        else:
            self._noisy.discard(fd)

    @property
    def rest_s(self) -> float:
        """How long a noisy stream rests, so that all together leave most of the loop to others."""
        return REST_S * max(1, len(self._noisy))


class StderrReader:
    """Reads one stream's stderr, and tells what was said."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        noise: Noise,
        fd: int,
        tell: Tell,
        on_eof: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._noise = noise
        self._fd = fd
        self._tell = tell
        self._on_eof = on_eof
        self._parser = OutputParser()
        self._chunk_bytes = QUIET_CHUNK_BYTES
        self._rest: asyncio.TimerHandle | None = None
        self._is_over = False
        self._emptied_at: float | None = None
        self.unwritten_at: float | None = None
        """At this moment nothing of what is told was in the pipe; None when nobody knows."""
        loop.add_reader(fd, self._read)

    def finish(self) -> Sequence[Message]:
        """Stop to read; return what is still in the pipe and was not told."""
        self._stop()
        self.unwritten_at = self._emptied_at
        chunks: list[bytes] = []
        while len(chunks) < MOST_DRAINED_CHUNKS and (
            data := _read_once(self._fd, NOISY_CHUNK_BYTES)
        ):
            chunks.append(data)
        said: list[Message] = []
        for index, chunk in enumerate(chunks):
            # Of very much noise the last words are heard; nobody waits for the rest.
            if len(said) <= MOST_LAST_MESSAGES or index == len(chunks) - 1:
                said += self._parser.feed(chunk)
        return essence([*said, *self._parser.finish()])

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
        said = self._parser.feed(data)
        self._pace(said, is_full=len(data) >= self._chunk_bytes)
        if said:
            self._tell(essence(said))

    def _pace(self, said: Sequence[Message], *, is_full: bool) -> None:
        # What says nothing costs no less to read: newlines, or a line without an end.
        is_noisy = is_full or len(said) > MANY_MESSAGES
        self._chunk_bytes = NOISY_CHUNK_BYTES if is_noisy else QUIET_CHUNK_BYTES
        self._noise.heard(self._fd, is_noisy=is_noisy)
        if is_noisy:
            self._rest_for(self._noise.rest_s)
        elif said and all(isinstance(one, Progress) for one in said):
            self._rest_for(REST_S)

    def _rest_for(self, span_s: float) -> None:
        self._loop.remove_reader(self._fd)
        self._rest = self._loop.call_later(span_s, self._read_on)

    def _read_on(self) -> None:
        if not self._is_over:
            self._loop.add_reader(self._fd, self._read)

    def _stop(self) -> None:
        self._is_over = True
        self._noise.heard(self._fd, is_noisy=False)
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._fd)


def essence(said: Sequence[Message]) -> Sequence[Message]:
    """Return what matters of much that was said at once, in its order.

    The last few of each kind tell where the stream stands, and are what is quoted when it fails;
    a complaint may be the cause of that failure, so the first of each name stays too.
    """
    if len(said) <= KEPT_OF_A_KIND:
        return said
    kept: set[int] = set()
    counts: dict[type[Message], int] = {}
    for index in range(len(said) - 1, -1, -1):
        kind = type(said[index])
        counts[kind] = counts.get(kind, 0) + 1
        if counts[kind] <= KEPT_OF_A_KIND:
            kept.add(index)
    names: set[str] = set()
    for index, one in enumerate(said):
        if isinstance(one, Complaint) and one.name not in names:
            names.add(one.name)
            kept.add(index)
    return [said[index] for index in sorted(kept)]


def _read_once(fd: int, most_bytes: int) -> bytes | None:
    """Read a chunk; empty at the end, None when there is nothing at the moment."""
    try:
        return os.read(fd, most_bytes)
    except BlockingIOError:
        return None
    except OSError:
        return b""
