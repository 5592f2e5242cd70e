"""Blocks until a TID moves, without polling: each waiter leaves a FIFO that is written to.

A FIFO is opened before it gets its final name, so one without a reader belongs to a dead
process and is swept away by the next wake.
"""

from __future__ import annotations

import errno
import os

from hammerd.simulator import clock
from hammerd.simulator.kernel.state_files import unlink_if_there


class Waiter:
    """A place where a change of the file system is told; ask again after each `block`."""

    __slots__ = ("fd", "path")

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, str(os.getpid()))
        unlink_if_there(self.path + "~")
        os.mkfifo(self.path + "~", 0o600)
        # Read and write: a FIFO without a writer would end the read at once.
        self.fd = os.open(self.path + "~", os.O_RDWR)
        os.rename(self.path + "~", self.path)

    def block(self, until: float | None) -> None:
        """Sleep until something changed since this waiter was made or last blocked.

        With a moment of `clock.kernel_now` it ends then, though nothing changed.
        """
        if until is not None:
            from select import select

            left = max(until - clock.kernel_now(), 0)
            if not select([self.fd], [], [], left)[0]:
                return
        os.read(self.fd, 512)

    def close(self) -> None:
        """Forget this waiter."""
        unlink_if_there(self.path)
        os.close(self.fd)


def wake(directory: str) -> None:
    """Wake every waiter and sweep away those that died."""
    for name in os.listdir(directory):
        if not name.endswith("~"):
            _wake_one(os.path.join(directory, name))


def _wake_one(path: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            unlink_if_there(path)
        return
    try:
        os.write(fd, b"!")
    except BlockingIOError:
        pass  # it has not read the last wake yet, so it will look again anyway
    finally:
        os.close(fd)
