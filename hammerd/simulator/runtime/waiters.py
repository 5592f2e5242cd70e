"""Blocks processes until a file system changes, without polling: `wake` writes to their FIFOs.

A FIFO is opened before it gets its final name, so one without a reader belongs to a dead
process and is removed by the next wake.
"""

import errno
import os

from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.state_files import unlink_if_present


class Waiter:
    """A FIFO that is written at each change; the caller checks its condition after `block`."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, str(os.getpid()))
        unlink_if_present(self.path + "~")
        os.mkfifo(self.path + "~", 0o600)
        # Read and write: without a writer the read would return at once.
        self.fd = os.open(self.path + "~", os.O_RDWR)
        os.rename(self.path + "~", self.path)

    def block(self, until: float | None) -> None:
        """Block until a change since this waiter was made or last blocked.

        With `until`, a time of `clock.kernel_now`, it returns then, even without a change.
        """
        if until is not None:
            from select import select

            left = max(until - clock.kernel_now(), 0)
            if not select([self.fd], [], [], left)[0]:
                return
        os.read(self.fd, 512)

    def close(self) -> None:
        """Remove this waiter."""
        unlink_if_present(self.path)
        os.close(self.fd)


def wake(directory: str) -> None:
    """Wake every waiter and remove the FIFOs of dead processes."""
    for name in os.listdir(directory):
        if not name.endswith("~"):
            _wake_one(os.path.join(directory, name))


def _wake_one(path: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            unlink_if_present(path)
        return
    try:
        os.write(fd, b"!")
    except (BlockingIOError, BrokenPipeError):
        pass  # full of wakes that it has not read: it will check again anyway; or it has ended
    finally:
        os.close(fd)
