"""Forks programs of hammerd from this process, which has loaded their modules.

A forked process must be a child of the test that asks for it, which waits for it. Linux can do
that by clone(2): the new process is a brother of its maker. libc knows nothing of such a clone,
which is harmless in a process with one thread. The command line is written where the kernel reads
it, because tests and hammerd itself find daemons and streams by it.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import platform
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from hammerd.cli import main

_CLONES = {"x86_64": 56, "aarch64": 220}
CLONE = _CLONES.get(platform.machine()) if sys.platform == "linux" else None
"""The number of the system call; None where there is none."""

CLONE_PARENT, SIGCHLD = 0x8000, 17
ROOM = "-" * 2000
"""The last argument of the server: room for the command lines of the forked."""

READY = b"ready"
LONGEST_REQUEST_BYTES = 1 << 20


def fits(words: Sequence[str]) -> bool:
    """Return whether a command line can be shown: Linux separates its words by blanks."""
    return len(" ".join(words)) < len(ROOM) and not any(" " in word or not word for word in words)


def serve() -> None:
    """Carry out each request in a process of its own, which answers with its pid."""
    connection = socket.socket(fileno=os.dup(0))
    _load()
    connection.send(READY)
    while True:
        request, fds, _, _ = socket.recv_fds(connection, LONGEST_REQUEST_BYTES, 3)
        if not request:
            return
        if _fork() == 0:
            _become(json.loads(request), fds)
            connection.send(str(os.getpid()).encode())
            connection.close()
            _run()
        for fd in fds:
            os.close(fd)


def _load() -> None:
    """Load all that a daemon or a command needs, as both do."""
    from hammerd.daemon.service.lean_imports import without_unused_modules

    with without_unused_modules():
        importlib.import_module("hammerd.daemon.run")
    for package in ("hammerd.core", "hammerd.daemon", "hammerd.cli"):
        place = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(place, f"{package}."):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _fork() -> int:
    """Fork a process that is a child of this one's parent; return 0 in it."""
    python, libc = ctypes.pythonapi, ctypes.PyDLL(None)
    python.PyOS_BeforeFork()
    pid = libc.syscall(CLONE, CLONE_PARENT | SIGCHLD, None, None, None, None)
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    assert pid >= 0, os.strerror(ctypes.get_errno())
    return int(pid)


def _become(request: dict[str, Any], fds: Sequence[int]) -> None:
    """Give this process what the request names."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    if request["is_leader"]:
        os.setsid()
    _show(request["argv"])
    sys.orig_argv[:] = request["argv"]
    sys.argv[:] = [main.__file__, *request["argv"][3:]]


def _run() -> None:
    """Run the program, and end without taking its modules apart, which takes long."""
    status = 1
    try:
        status = main.main()
    # click ends a completion so.
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _show(words: Sequence[str]) -> None:
    """Write a command line over the arguments of this process."""
    with open("/proc/self/stat") as file:
        start, end = map(int, file.read().rpartition(")")[2].split()[45:47])
    text = " ".join(words).encode()
    # A last byte that is no NUL tells the kernel that the line ends at the first NUL.
    ctypes.memmove(start, text.ljust(end - start - 1, b"\0") + b"-", end - start)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve()
