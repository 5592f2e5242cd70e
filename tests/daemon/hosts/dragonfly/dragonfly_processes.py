"""psutil, the process calls and kqueue as they behave on a DragonFly kernel, over a Linux one.

As observed on a 5.9 kernel with psutil 7.0 of DPorts:

- pids() holds -1 once for each kernel thread, and 0, whose parent is -1; Process(-1) raises
  ValueError, and so does process_iter().
- cmdline() of a process whose arguments take 256 bytes or more is []: the kernel keeps no copy of
  them (kern.ps_arg_cache_limit); ps(1) reads them in the memory of the process.
- cwd() raises NotImplementedError; the C extension's proc_cwd(pid) tells, or fails with ENOMEM
  as the stack happens to be, and tells at the next call.
- A zombie is listed, Process() of it raises NoSuchProcess, its getpgid() is ESRCH, and so is
  killpg() of a group of zombies only.
- There is kqueue and no pidfd; waitid() has WNOWAIT.
"""

from __future__ import annotations

import errno
import itertools
import os
import select
import selectors  # noqa: F401 - chooses its way before there is a kqueue
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Protocol

KERNEL_THREADS = 55
KEPT_ARGUMENTS = 255
CALLS = "DRAGONFLY_CALLS"
ASKED = (
    *("as_dict", "cmdline", "cpu_times", "create_time", "environ", "name"),
    *("oneshot", "parent", "ppid", "status", "uids"),
)


def install(psutil: ModuleType) -> None:
    _change_the_table(psutil)
    _change_processes(psutil)
    _change_calls()
    _add_kqueue()


def _note(call: str) -> None:
    """Record a call of psutil, if a test counts them."""
    if CALLS in os.environ:
        with open(os.environ[CALLS], "a") as file:
            file.write(f"{call}\n")


def _change_the_table(psutil: ModuleType) -> None:
    real = psutil.pids

    def pids() -> list[int]:
        _note("pids")
        found = [-1] * KERNEL_THREADS + [0, *real()]
        psutil._LOWEST_PID = found[0]
        return found

    psutil.pids = pids


# --- one process -------------------------------------------------------------------------------


def _state(pid: int) -> str:
    """Return the letter of a process's state, empty when it has exited."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return chr(file.read().rpartition(b")")[2].split()[0][0])
    except OSError:
        return ""


def _is_zombie(pid: int) -> bool:
    return _state(pid) in ("Z", "X")


class _Swapper:
    """The answers of psutil's process of pid 0."""

    pid = 0

    def ppid(self) -> int:
        return -1

    def create_time(self, *_: object, **__: object) -> float:
        return 0.0

    def cmdline(self) -> list[str]:
        return []

    def status(self) -> str:
        return "idle"

    def oneshot_enter(self) -> None:
        pass

    oneshot_exit = oneshot_enter


class _Process(Protocol):
    """The attributes of a psutil.Process that are used here."""

    pid: int
    _pid: int
    _proc: object
    _ident: tuple[int, float]
    _create_time: float | None


def _change_processes(psutil: ModuleType) -> None:
    init = psutil.Process.__init__

    def read_process(self: _Process, pid: int | None = None) -> None:
        _note(str(pid))
        if pid == 0:
            init(self, os.getpid())
            self._pid, self._proc, self._ident = 0, _Swapper(), (0, 0.0)
            self._create_time = None
            return
        if pid is not None and pid > 0 and _is_zombie(pid):
            raise psutil.NoSuchProcess(pid)
        init(self, pid)

    psutil.Process.__init__ = read_process
    for name in ASKED:
        setattr(psutil.Process, name, _of_the_living(psutil, getattr(psutil.Process, name)))

    cmdline = psutil.Process.cmdline

    def short_cmdline(self: _Process) -> list[str]:
        words: list[str] = cmdline(self)
        return words if sum(len(os.fsencode(word)) + 1 for word in words) <= KEPT_ARGUMENTS else []

    psutil.Process.cmdline = short_cmdline

    _refuse_directories(psutil)


def _refuse_directories(psutil: ModuleType) -> None:
    def cwd(_self: _Process) -> str:
        raise NotImplementedError

    psutil.Process.cwd = cwd
    calls = itertools.count()

    def proc_cwd(pid: int) -> str:
        if next(calls) % 2 == 0:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return os.readlink(f"/proc/{pid}/cwd")

    psutil._psplatform.cext.proc_cwd = proc_cwd


def _of_the_living(psutil: ModuleType, method: Callable[..., object]) -> Callable[..., object]:
    @wraps(method)
    def ask(self: _Process, *args: object, **kwargs: object) -> object:
        if self.pid and _is_zombie(self.pid):
            raise psutil.NoSuchProcess(self.pid)
        return method(self, *args, **kwargs)

    return ask


# --- calls of the system -----------------------------------------------------------------------


def _no_process() -> ProcessLookupError:
    return ProcessLookupError(errno.ESRCH, "No such process")


def _change_calls() -> None:
    for name in ("getpgid", "getsid"):
        setattr(os, name, _blind_to_zombies(getattr(os, name)))
    real_getpgid, real_killpg = os.getpgid, os.killpg

    def killpg(pgid: int, number: int) -> None:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if real_getpgid(int(pid)) == pgid:
                    return real_killpg(pgid, number)
            except ProcessLookupError:
                continue
        raise _no_process()

    os.killpg = killpg
    # Absent, so that hasattr() tells; what stands in for kqueue below keeps its own.
    _Queue.pidfd_open = staticmethod(os.pidfd_open)
    del os.pidfd_open


def _blind_to_zombies(call: Callable[[int], int]) -> Callable[[int], int]:
    def ask(pid: int) -> int:
        if pid and _is_zombie(pid):
            raise _no_process()
        return call(pid)

    return ask


# --- kqueue ------------------------------------------------------------------------------------


@dataclass
class _Kevent:
    ident: int
    filter: int = -1
    flags: int = 1
    fflags: int = 0


class _Queue:
    """EVFILT_PROC with NOTE_EXIT, reported once, for zombies too (kqueue(2))."""

    pidfd_open: Callable[[int], int]

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._pidfds: dict[int, int] = {}

    def fileno(self) -> int:
        return self._epoll.fileno()

    def close(self) -> None:
        for pid in tuple(self._pidfds):
            self._forget(pid)
        self._epoll.close()

    def control(
        self, changes: list[_Kevent] | None, most: int, timeout: float | None = None
    ) -> list[_Kevent]:
        for change in changes or ():
            self._change(change)
        ready = self._epoll.poll(timeout or 0, most) if most else []
        pids = {fd: pid for pid, fd in self._pidfds.items()}
        exited = [pids[fd] for fd, _ in ready]
        for pid in exited:
            self._forget(pid)
        return [_Kevent(pid, KQ_FILTER_PROC, 0, KQ_NOTE_EXIT) for pid in exited]

    def _change(self, change: _Kevent) -> None:
        pid = change.ident
        assert (change.filter, change.fflags) == (KQ_FILTER_PROC, KQ_NOTE_EXIT)
        if change.flags & KQ_EV_DELETE:
            if pid not in self._pidfds:
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
            self._forget(pid)
        else:
            self._pidfds[pid] = self.pidfd_open(pid)
            self._epoll.register(self._pidfds[pid], select.EPOLLIN)

    def _forget(self, pid: int) -> None:
        fd = self._pidfds.pop(pid)
        self._epoll.unregister(fd)
        os.close(fd)


KQ_FILTER_PROC, KQ_NOTE_EXIT = -5, 0x80000000
KQ_EV_ADD, KQ_EV_DELETE, KQ_EV_ONESHOT = 0x0001, 0x0002, 0x0010


def _add_kqueue() -> None:
    for name, value in {
        "kqueue": _Queue,
        "kevent": _Kevent,
        "KQ_FILTER_PROC": KQ_FILTER_PROC,
        "KQ_NOTE_EXIT": KQ_NOTE_EXIT,
        "KQ_EV_ADD": KQ_EV_ADD,
        "KQ_EV_DELETE": KQ_EV_DELETE,
        "KQ_EV_ONESHOT": KQ_EV_ONESHOT,
    }.items():
        setattr(select, name, value)
