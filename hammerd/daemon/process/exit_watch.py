"""Notices the death of a stream's half at once.

hammer itself may not notice: its parent waits for the source half first, which sleeps in the
kernel until the master's TID moves (docs/hammer.md 4.4). The halves are our grandchildren, so no
SIGCHLD comes. kqueue tells on the BSDs, a pidfd on Linux; elsewhere, and where those fail, the
look at each tick does (daemon/stream/halves.py), so nothing here needs to succeed.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from typing import Protocol

from hammerd.daemon.process.fd_limits import out_of_the_way
from hammerd.daemon.process.kqueue import ExitQueue, system_kernel
from hammerd.daemon.process.platform import has_shortcut, shortcuts_allowed
from hammerd.daemon.process.process_table import Member, is_dead


def pidfd_open(pid: int) -> int:
    """Return an fd that is readable once a process is dead; only Linux has them.

    Raises:
        OSError: there is none to be had.
    """
    call: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    if call is None:
        raise OSError(errno.ENOSYS, f"no pidfd of {pid} here")
    return call(pid)


OnDeath = Callable[[int], None]


class ExitWatch(Protocol):
    """Watches halves; calls back once for each that dies."""

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; a dead one is reported too, from the loop, never from inside."""

    def forget(self, pid: int) -> None:
        """Stop watching a half, whether or not it was reported."""


class TickWatch:
    """The portable way: only a half that is dead already is reported, the rest at the ticks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pids: set[int] = set()

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Report a half that is dead already."""
        self._pids.add(half.pid)
        if _is_surely_dead(half):
            self._loop.call_soon(self._died, half.pid, on_death)

    def forget(self, pid: int) -> None:
        """Stop watching a half."""
        self._pids.discard(pid)

    def _died(self, pid: int, on_death: OnDeath) -> None:
        if pid in self._pids:
            self._pids.discard(pid)
            on_death(pid)


class PidfdWatch:
    """An fd for each half becomes readable when it dies."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._fds: dict[int, int | None] = {}

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; one that is gone, or whose pid is another's by now, is dead."""
        self._fds[half.pid] = None
        # pidfd_open fails for want of fds too, which says nothing about the half.
        with contextlib.suppress(OSError):
            fd = self._fds[half.pid] = out_of_the_way(pidfd_open(half.pid))
            self._loop.add_reader(fd, self._died, half.pid, on_death)
        if _is_surely_dead(half):
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
    """One queue tells of all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: ExitQueue) -> None:
        self._loop = loop
        self._queue = queue
        self._halves: dict[int, OnDeath] = {}
        loop.add_reader(queue.fileno(), self._some_exited)

    def watch(self, half: Member, on_death: OnDeath) -> None:
        """Watch a half; one that is gone, or whose pid is another's by now, is dead."""
        self._halves[half.pid] = on_death
        with contextlib.suppress(OSError):
            self._queue.add(half.pid)
        if _is_surely_dead(half):
            self._loop.call_soon(self._died, half.pid)

    def forget(self, pid: int) -> None:
        """Stop watching a half."""
        if self._halves.pop(pid, None) is not None:
            self._queue.remove(pid)

    def _some_exited(self) -> None:
        for pid in self._queue.exited():
            # Each in a callback of its own: one that fails takes nothing from the others.
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


def _is_surely_dead(half: Member) -> bool:
    try:
        return is_dead(half)
    except OSError:
        return False
