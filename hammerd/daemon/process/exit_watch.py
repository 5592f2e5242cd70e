"""Reports the death of a stream's half at once.

hammer itself may not notice it: the parent waits for the source half first, which sleeps in the
kernel until the master's TID moves (docs/hammer.md 4.4). The halves are our grandchildren, so no
SIGCHLD comes. kqueue reports it on the BSDs, a pidfd on Linux; elsewhere, and where those fail,
daemon/stream/halves.py reads the halves at each tick, so nothing here needs to succeed.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Protocol

from hammerd.daemon.process.fd_limits import move_fd_up
from hammerd.daemon.process.kqueue import ExitQueue, system_kernel
from hammerd.daemon.process.platform import shortcuts_allowed
from hammerd.daemon.process.process_table import Member, is_dead

OnDeath = Callable[[int], None]


class Notifier(Protocol):
    """Reports processes that exited, as far as the system can."""

    def add(self, pid: int) -> None:
        """Watch a process; OSError if the system does not report its exit."""

    def remove(self, pid: int) -> None:
        """Stop watching a process, whether or not it was reported."""


MakeNotifier = Callable[[asyncio.AbstractEventLoop, OnDeath], Notifier]


class ExitWatch:
    """Watches halves; calls `on_death` once for each that dies, always from the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make_notifier: MakeNotifier) -> None:
        self._loop = loop
        self._notifier = make_notifier(loop, self._died)
        self._halves: dict[int, OnDeath] = {}

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; it counts as dead if its pid is free or of another process now."""
        self._halves[half.pid] = on_death
        # A failure proves nothing about the half: it may be for lack of fds.
        with contextlib.suppress(OSError):
            self._notifier.add(half.pid)
        with contextlib.suppress(OSError):
            if is_dead(half):
                self._loop.call_soon(self._died, half.pid)

    def forget(self, pid: int) -> OnDeath | None:
        """Stop watching a half; return its callback, None if it was reported or forgotten."""
        on_death = self._halves.pop(pid, None)
        if on_death is not None:
            self._notifier.remove(pid)
        return on_death

    def _died(self, pid: int) -> None:
        if (on_death := self.forget(pid)) is not None:
            on_death(pid)


class Pidfds:
    """An fd for each process, which is readable once the process is dead; only Linux has them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_exit: OnDeath) -> None:
        self._loop = loop
        self._on_exit = on_exit
        self._fds: dict[int, int] = {}

    def add(self, pid: int) -> None:
        """Watch a process.

        Raises:
            OSError: the system or the process has no such fd.
        """
        fd = self._fds[pid] = move_fd_up(pidfd_open(pid))
        self._loop.add_reader(fd, self._on_exit, pid)

    def remove(self, pid: int) -> None:
        """Close the fd of a process."""
        if (fd := self._fds.pop(pid, None)) is not None:
            self._loop.remove_reader(fd)
            os.close(fd)


def pidfd_open(pid: int) -> int:
    """Return an fd for a process, as os.pidfd_open() does.

    Raises:
        OSError: the system or the process has none.
    """
    call: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    if call is None or not shortcuts_allowed():
        raise OSError(errno.ENOSYS, f"no pidfd of {pid} here")
    return call(pid)


def make_exit_watch(loop: asyncio.AbstractEventLoop) -> ExitWatch:
    """Return the best watch that this system has."""
    kernel = system_kernel() if shortcuts_allowed() else None
    return ExitWatch(loop, Pidfds if kernel is None else partial(ExitQueue, kernel))
