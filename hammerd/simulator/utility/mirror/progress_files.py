"""The files of a source half: scoreboard (-e) and cycle file (-c), as in docs/hammer.md 3.7.

Two fields of the scoreboard overlap, as hammer's do.
"""

import os

from hammerd.simulator.runtime.console import write_stderr
from hammerd.simulator.runtime.state_files import read_bytes, unlink_if_present

CYCLE_BYTES, TID_BYTES = 40, 8
"""The two parts of a cycle file: the place in the tree, then the TID."""

STATE, PROGRESS, RESULT = (0, 19), (20, 77), (90, 69)
"""Offset and width of the three fields of a scoreboard."""


class Scoreboard:
    """Writes the progress of the source half to a file; without a path it does nothing.

    The file is created by the first write and rewritten by each. A file that cannot be created
    is no error.
    """

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
    """Store the TID at which the next run without a target begins."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
    except OSError as error:
        write_stderr(f"Warning: Unable to write to {path}: {os.strerror(error.errno or 0)}\n")
        return
    least = -(1 << 63)
    numbers = [least.to_bytes(8, "little", signed=True)] * 2
    numbers += [number.to_bytes(8, "little") for number in (1, 0, 0, tid)]
    os.write(fd, b"".join(numbers))
    os.close(fd)


def read_cycle_file(path: str, tid: int) -> int:
    """Return the TID at which a run without a target begins, `tid` without a valid file."""
    try:
        content = read_bytes(path)
    except OSError:
        return tid
    if len(content) < CYCLE_BYTES:
        write_stderr(f"cycle-file {path}: clearing old version\n")
        unlink_if_present(path)
    elif len(content) < CYCLE_BYTES + TID_BYTES:
        write_stderr(f"cycle-file {path}: Warning, malformed\n")
    else:
        return int.from_bytes(content[CYCLE_BYTES : CYCLE_BYTES + TID_BYTES], "little")
    return tid
