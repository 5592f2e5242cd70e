"""Starts the processes of many hosts, each forked from a process that has loaded all modules.

A process that is forked shares what was loaded: hundreds of daemons and web servers fit into a
memory that holds some tens of them, and start without loading anything. Each is a whole process
that runs a command of hammerd as the program does.

Root on Linux gives each daemon a process table of its own, as on a host of its own: else each of
them would look at the processes of all, again and again.
"""

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class Nursery:
    """A process that forks commands of hammerd."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "bench.fleet_hosts"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, words: Sequence[str], output: Path, *, alone: bool = False) -> int:
        """Start a command whose output goes to a file; return the pid of it, or of its host.

        `alone`: it gets a process table of its own, whose first process is the host.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{json.dumps([alone, *words, str(output)])}\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def close(self) -> None:
        """End the process; what it started goes on."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


def serve() -> None:
    """Fork a command for each line, and print its pid."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What the collector never looks at stays shared.
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        alone, *words, output = json.loads(line)
        child = _fork_alone if alone and CAN_BE_ALONE else os.fork
        pid = child()
        if pid == 0:
            _become(words, output)
        print(pid, flush=True)


CAN_BE_ALONE = sys.platform == "linux" and os.geteuid() == 0
_NEW_MOUNTS, _NEW_PIDS = 0x00020000, 0x20000000
_PRIVATE, _RECURSIVE = 1 << 18, 1 << 14


def _fork_alone() -> int:
    """Fork a process into a process table of its own, below a first process that only reaps.

    Return 0 in it, and here the pid of the first process.
    """
    reading, writing = os.pipe()
    if os.fork() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        assert libc.unshare(_NEW_MOUNTS | _NEW_PIDS) == 0
        if (first := os.fork()) != 0:
            os.write(writing, str(first).encode())
            os._exit(0)
        os.close(writing)
        assert libc.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None) == 0
        assert libc.mount(b"proc", b"/proc", b"proc", 0, None) == 0
        if os.fork() == 0:
            return 0
        while True:
            # Without a child it waits for the signal that ends the host.
            try:
                os.wait()
            except ChildProcessError:
                signal.pause()
    os.close(writing)
    with open(reading) as told:
        return int(told.read())


def _load() -> None:
    """Load all that the commands need."""
    from hammerd.cli.commands import run
    from hammerd.cli.commands.monitoring import web
    from hammerd.daemon import run as daemon
    from hammerd.web.metrics import exposition
    from hammerd.web.process import server

    assert all((run, web, daemon, server, exposition))


def _become(words: Sequence[str], output: str) -> None:
    """Run a command in a session of its own, and exit with its status."""
    from hammerd.cli.main import main

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    told = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, fd in ((nothing, 0), (told, 1), (told, 2)):
        os.dup2(source, fd)
    sys.argv[1:] = words
    status = 1
    try:
        status = main()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
