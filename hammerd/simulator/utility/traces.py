"""The files that a source half writes on request: scoreboard (-e) and cycle file (-c).

Their layouts are those of HAMMER.md 13, the overlap of two scoreboard fields included.
"""

from __future__ import annotations

import os

from hammerd.simulator.console import complain
from hammerd.simulator.kernel.state_files import read_bytes, unlink_if_there

CYCLE_BYTES, TID_BYTES = 40, 8
"""What a cycle file begins with, the place in the tree, and ends with."""

STATE, PROGRESS, RESULT = (0, 19), (20, 77), (90, 69)
"""Offset and width of the three fields of a scoreboard."""


class Scoreboard:
    """Tells in a file how far the source half is; without a path it does nothing.

    The file is made by the first words, and written as a whole from then on. One that cannot be
    made is missed by nobody.
    """

    __slots__ = ("fd", "path", "text")

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1
        self.text = b""

    def show(self, field: tuple[int, int], text: str) -> None:
        """Rewrite one field."""
        if not self.path or not self._is_open():
            return
        offset, width = field
        line = os.fsencode(text)[: width - 1].ljust(width) + b"\n"
        before = self.text[:offset].ljust(offset)
        self.text = before + line + self.text[offset + len(line) :]
        os.pwrite(self.fd, self.text, 0)

    def _is_open(self) -> bool:
        if self.fd < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
            try:
                self.fd = os.open(self.path, flags, 0o644)
            except OSError:
                return False
        return True


def write_cycle_file(path: str, tid: int) -> None:
    """Store where the next run without a target to ask would begin."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    except OSError as error:
        complain(f"Warning: Unable to write to {path}: {os.strerror(error.errno or 0)}\n")
        return
    least = -(1 << 63)
    numbers = [least.to_bytes(8, "little", signed=True)] * 2
    numbers += [number.to_bytes(8, "little") for number in (1, 0, 0, tid)]
    os.write(fd, b"".join(numbers))
    os.close(fd)


def read_cycle_file(path: str, tid: int) -> int:
    """Return where a run without a target to ask begins, `tid` where no file says so."""
    try:
        content = read_bytes(path)
    except OSError:
        return tid
    if len(content) < CYCLE_BYTES:
        complain(f"cycle-file {path}: clearing old version\n")
        unlink_if_there(path)
    elif len(content) < CYCLE_BYTES + TID_BYTES:
        complain(f"cycle-file {path}: Warning, malformed\n")
    else:
        return int.from_bytes(content[CYCLE_BYTES : CYCLE_BYTES + TID_BYTES], "little")
    return tid
