"""Starts the processes of many hosts, each forked from a process that has loaded all modules.

A process that is forked shares what was loaded: hundreds of daemons and web servers fit into a
memory that holds some tens of them, and start without loading anything. Each is a whole process
that runs a command of hammerd as the program does.
"""

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

    def start(self, words: Sequence[str], output: Path) -> int:
        """Start a command whose output goes to a file; return its pid."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{json.dumps([*words, str(output)])}\n")
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
        *words, output = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(words, output)
        print(pid, flush=True)


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
