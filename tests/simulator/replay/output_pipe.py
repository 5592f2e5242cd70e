"""Reads a command's output from a pipe and notes the virtual time of each chunk."""

from __future__ import annotations

import os

from tests.simulator.replay.normalise import deterministic

_READ_BYTES = 65536


class OutputPipe:
    """The read end of a pipe and the chunks read from it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.chunks: list[tuple[float, bytes]] = []
        os.set_blocking(fd, False)

    def drain(self, now: float) -> bool:
        """Read the available output; return whether there was any."""
        if self.fd < 0:
            return False
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self.close()
            return False
        if self.chunks and self.chunks[-1][0] == now:
            data = self.chunks.pop()[1] + data
        self.chunks.append((now, data))
        return True

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def all(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    def reached(self, length: int) -> float | None:
        """Return when that many bytes of deterministic output had come, None if they have not."""
        if length <= 0:
            return 0.0
        total = 0
        for at, data in self.chunks:
            total += len(deterministic(data.decode("latin-1")))
            if total >= length:
                return at
        return None
