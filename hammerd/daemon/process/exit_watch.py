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
from typing import Protocol

from hammerd.daemon.process.fd_limits import move_fd_up
from hammerd.daemon.process.kqueue import ExitQueue, system_kernel
from hammerd.daemon.process.platform import has_shortcut, shortcuts_allowed
from hammerd.daemon.process.process_table import Member, is_dead


def pidfd_open(pid: int) -> int:
    """Return an fd that is readable once a process is dead; only Linux has such fds.

    Raises:
        OSError: the system or the process has none.
    """
    call: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    if call is None:
        raise OSError(errno.ENOSYS, f"no pidfd of {pid} here")
    return call(pid)


OnDeath = Callable[[int], None]


class ExitWatch(Protocol):
    """Watches halves; calls `on_death` once for each that dies."""

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; report one that is dead already as well, always from the loop."""

    def forget(self, pid: int) -> None:
        """Stop watching a half, whether or not it was reported."""


class TickWatch:
    """The portable watch: reports only halves that are dead already; ticks find the others."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pids: set[int] = set()

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Report a half that is dead already."""
        self._pids.add(half.pid)
        if _is_known_dead(half):
            self._loop.call_soon(self._died, half.pid, on_death)

    def forget(self, pid: int) -> None:
        """Stop watching a half."""
        self._pids.discard(pid)

    def _died(self, pid: int, on_death: OnDeath) -> None:
        if pid in self._pids:
            self._pids.discard(pid)
            on_death(pid)


class PidfdWatch:
    """A watch with one fd for each half, which is readable when the half is dead."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._fds: dict[int, int | None] = {}

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; it counts as dead if its pid is free or of another process now."""
        self._fds[half.pid] = None
        # pidfd_open fails for lack of fds too, which proves nothing about the half.
        with contextlib.suppress(OSError):
            fd = self._fds[half.pid] = move_fd_up(pidfd_open(half.pid))
            self._loop.add_reader(fd, self._died, half.pid, on_death)
        if _is_known_dead(half):
            self._loop.call_soon(self._died, half.pid, on_death)

    def forget(self, pid: int) -> None:
        """Stop watching a half."""
        fd = self._fds.pop(pid, None)
        if fd is not None:
            self._loop.remove_reader(fd)
            os.close(fd)

    def _died(self, pid: int, on_death: OnDeath) -> None:
        if pid in self._fds:
            self.forget(pid)
            on_death(pid)


class KqueueWatch:
    """A watch with one kqueue for all halves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: ExitQueue) -> None:
        self._loop = loop
        self._queue = queue
        self._halves: dict[int, OnDeath] = {}
        loop.add_reader(queue.fileno(), self._some_exited)

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; it counts as dead if its pid is free or of another process now."""
        self._halves[half.pid] = on_death
        with contextlib.suppress(OSError):
            self._queue.add(half.pid)
        if _is_known_dead(half):
            self._loop.call_soon(self._died, half.pid)

    def forget(self, pid: int) -> None:
        """Stop watching a half."""
        if self._halves.pop(pid, None) is not None:
            self._queue.remove(pid)

    def _some_exited(self) -> None:
        for pid in self._queue.exited():
            # A separate callback for each: an error in one does not affect the others.
            self._loop.call_soon(self._died, pid)

    def _died(self, pid: int) -> None:
        on_death = self._halves.pop(pid, None)
        if on_death is not None:
            self._queue.remove(pid)
            on_death(pid)


def make_exit_watch(loop: asyncio.AbstractEventLoop) -> ExitWatch:
    """Return the best watch that this system has."""
    kernel = system_kernel() if shortcuts_allowed() else None
    if kernel is not None:
        return KqueueWatch(loop, ExitQueue(kernel))
    return PidfdWatch(loop) if has_shortcut("pidfd_open") else TickWatch(loop)


def _is_known_dead(half: Member) -> bool:
    try:
        return is_dead(half)
    except OSError:
        return False
