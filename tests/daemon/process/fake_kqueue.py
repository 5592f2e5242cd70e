"""A fake kqueue with the behaviour that daemon/process/kqueue.py relies on.

Only EVFILT_PROC with NOTE_EXIT. The test calls exit() for a process. The pipe makes the
fd readable exactly while events wait.
"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class FakeKevent:
    ident: int
    filter: int
    flags: int
    fflags: int


@dataclass
class FakeKernel:
    """Replaces the select module of a BSD."""

    KQ_FILTER_PROC: int = -5
    KQ_EV_ADD: int = 0x0001
    KQ_EV_DELETE: int = 0x0002
    KQ_EV_ONESHOT: int = 0x0010
    KQ_NOTE_EXIT: int = 0x80000000
    living: set[int] = field(default_factory=set)
    zombies: set[int] = field(default_factory=set)
    queues: list["FakeQueue"] = field(default_factory=list)

    def kqueue(self) -> "FakeQueue":
        queue = FakeQueue(self)
        self.queues.append(queue)
        return queue

    def kevent(self, ident: int, *, filter: int, flags: int, fflags: int) -> FakeKevent:  # noqa: A002 - select.kevent names it so
        return FakeKevent(ident, filter, flags, fflags)

    def exit(self, pid: int) -> None:
        self.living.discard(pid)
        self.zombies.add(pid)
        for queue in self.queues:
            queue.process_exited(pid)

    def reap(self, pid: int) -> None:
        self.zombies.discard(pid)


class FakeQueue:
    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel
        self._notes: set[int] = set()
        self._events: list[FakeKevent] = []
        self._readable, self._write_end = os.pipe()

    def fileno(self) -> int:
        return self._readable

    def control(
        self, changes: Sequence[FakeKevent] | None, most: int, timeout: float | None = None
    ) -> list[FakeKevent]:
        for change in changes or ():
            self._change(change)
        events, self._events = self._events[:most], self._events[most:]
        if events:
            os.read(self._readable, len(events))
        return events

    def process_exited(self, pid: int) -> None:
        if pid in self._notes:
            self._notes.discard(pid)  # EV_ONESHOT, and NOTE_EXIT is a process's last note
            self._report(pid)

    def _change(self, change: FakeKevent) -> None:
        kernel, pid = self._kernel, change.ident
        assert (change.filter, change.fflags) == (kernel.KQ_FILTER_PROC, kernel.KQ_NOTE_EXIT)
        if change.flags & kernel.KQ_EV_DELETE:
            if pid not in self._notes:
                raise OSError(errno.ENOENT, "No such file or directory")
            self._notes.discard(pid)
        elif pid in kernel.living:
            self._notes.add(pid)
        elif pid in kernel.zombies:
            self._report(pid)
        else:
            raise OSError(errno.ESRCH, "No such process")

    def _report(self, pid: int) -> None:
        kernel = self._kernel
        self._events.append(FakeKevent(pid, kernel.KQ_FILTER_PROC, 0, kernel.KQ_NOTE_EXIT))
        os.write(self._write_end, b"!")

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._write_end)
