"""The files that a source half writes on request: scoreboard (-e) and cycle file (-c).

Their layouts are those of HAMMER.md 13, the overlap of two scoreboard fields included.
"""

from __future__ import annotations

import os

from hammerd.simulator.kernel.state_files import replace_file

STATE, PROGRESS, RESULT = (0, 19), (20, 77), (90, 69)
"""Offset and width of the three fields of a scoreboard."""


class Scoreboard:
    """Tells in a file how far the source half is; without a path it does nothing."""

    __slots__ = ("fd",)

    def __init__(self, path: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
        self.fd = os.open(path, flags, 0o644) if path else -1

    def show(self, field: tuple[int, int], text: str) -> None:
        """Rewrite one field in place."""
        if self.fd >= 0:
            offset, width = field
            os.pwrite(self.fd, os.fsencode(f"{text:{width}.{width}}\n"), offset)


def write_cycle_file(path: str, tid: int) -> None:
    """Store where the next run without a target to ask would begin."""
    least = -(1 << 63)
    numbers = [least.to_bytes(8, "little", signed=True)] * 2
    numbers += [number.to_bytes(8, "little") for number in (1, 0, 0, tid)]
    replace_file(path, b"".join(numbers))
