"""Reports exits of processes by kqueue, on the BSDs.

Written after kqueue(2) and DragonFly's kern_event.c, and tried on its kernel (docs/hammer.md 8.2).
The code relies on these facts, and tests/daemon/process/fake_kqueue.py imitates them:

- EVFILT_PROC with NOTE_EXIT reports a process once, when it exits, before it is reaped; the
  kernel removes the note then.
- A zombie may still be added, and is reported at once; a pid without a process is ESRCH.
- A process that is not our child may be watched.
- The queue's fd is readable while events wait, and does not survive a fork.
"""

import asyncio
import contextlib
import select
from collections.abc import Callable, Sequence
from typing import Protocol, cast


class Kevent(Protocol):
    """One change or event of a queue; `ident` is the pid."""

    ident: int


class Queue(Protocol):
    """A kernel event queue, as select.kqueue is."""

    def fileno(self) -> int:
        """Return an fd that is readable while events wait."""

    def control(
        self, changes: Sequence[Kevent] | None, most: int, timeout: float | None = None
    ) -> list[Kevent]:
        """Make changes, then return at most `most` events."""


class Kernel(Protocol):
    """The names of the select module on a BSD that are used here."""

    KQ_FILTER_PROC: int
    KQ_EV_ADD: int
    KQ_EV_DELETE: int
    KQ_EV_ONESHOT: int
    KQ_NOTE_EXIT: int

    def kqueue(self) -> Queue:
        """Return a new queue."""

    def kevent(self, ident: int, *, filter: int, flags: int, fflags: int) -> Kevent:  # noqa: A002
        """Return a change for Queue.control()."""


def system_kernel() -> Kernel | None:
    """Return the select module, None on a system without kqueue."""
    return cast(Kernel, select) if hasattr(select, "kqueue") else None


class ExitQueue:
    """A queue that reports processes that exited."""

    MOST_EVENTS = 64

    def __init__(
        self, kernel: Kernel, loop: asyncio.AbstractEventLoop, on_exit: Callable[[int], None]
    ) -> None:
        self._kernel = kernel
        self._queue = kernel.kqueue()
        self._loop = loop
        self._on_exit = on_exit
        loop.add_reader(self._queue.fileno(), self._report)

    def add(self, pid: int) -> None:
        """Watch a process.

        Raises:
            OSError: ESRCH, no process has this pid.
        """
        self._change(pid, self._kernel.KQ_EV_ADD | self._kernel.KQ_EV_ONESHOT)

    def remove(self, pid: int) -> None:
        """Stop watching a process; does nothing after it exited."""
        with contextlib.suppress(OSError):
            self._change(pid, self._kernel.KQ_EV_DELETE)

    def _report(self) -> None:
        for event in self._queue.control(None, self.MOST_EVENTS, 0):
            # A separate callback for each: an error in one does not affect the others.
            self._loop.call_soon(self._on_exit, event.ident)

    def _change(self, pid: int, flags: int) -> None:
        kernel = self._kernel
        change = kernel.kevent(
            pid, filter=kernel.KQ_FILTER_PROC, flags=flags, fflags=kernel.KQ_NOTE_EXIT
        )
        self._queue.control([change], 0)
