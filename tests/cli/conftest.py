"""A fake daemon with real Unix sockets in a thread, and a function that runs a command."""

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Answer, Reply, Request, encode_reply, parse_request
from tests import hammerd_program
from tests.hammerd_program import HAMMERD


@dataclass
class FakeDaemon:
    """A fake daemon: answers every request with the result of `reply`, and records it."""

    run_dir: Path
    reply: Callable[[Request], bytes]
    requests: list[tuple[str, Request]] = field(default_factory=list)

    def serve(self, listener: socket.socket, name: str) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            # A client whose deadline passes may close its connection at any moment.
            with connection, connection.makefile("rb") as lines, suppress(ConnectionError):
                if line := lines.readline():
                    request = parse_request(line)
                    self.requests.append((name, request))
                    connection.sendall(self.reply(request))


@pytest.fixture
def run_dir() -> Iterator[Path]:
    # pytest's own directories are too long for the name of a Unix socket.
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as path:
        yield Path(path)


StartDaemon = Callable[[Reply | bytes], FakeDaemon]


@pytest.fixture
def start_daemon(run_dir: Path) -> Iterator[StartDaemon]:
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(reply: Reply | bytes) -> FakeDaemon:
        line = reply if isinstance(reply, bytes) else encode_reply(reply)
        daemon = FakeDaemon(run_dir, lambda request: line)
        for name in ("control.sock", "status.sock"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(run_dir / name))
            listener.listen()
            listeners.append(listener)
            threads.append(threading.Thread(target=daemon.serve, args=(listener, name)))
            threads[-1].start()
        return daemon

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class Ran:
    """The exit status and the output of a command."""

    code: int
    out: str
    err: str


RunHammerd = Callable[..., Ran]


@pytest.fixture
def hammerd(run_dir: Path) -> RunHammerd:
    def run(*arguments: str | Path, cwd: Path | None = None, columns: int = 80) -> Ran:
        done = hammerd_program.run(
            [*HAMMERD, *arguments],
            capture_output=True,
            text=True,
            cwd=cwd,
            env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": str(columns)},
            timeout=60,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def pair(name: str, **changes: object) -> dict[str, object]:
    """Return a healthy pair of the daemon's status, with `changes`."""
    return {
        "pair": name,
        "master": f"/Backup1/pfs/{name}",
        "slave": f"/Backup2/pfs/{name}",
        "wanted": "up",
        "paused_until_time": None,
        "state": "streaming",
        "waiting_for": None,
        "phase": "idle",
        "gear": "following",
        "because": None,
        "hint": None,
        "since_time": "2026-03-01T12:00:00Z",
        "up_s": 273600.5,
        "retry_in_s": None,
        "failures": 0,
        "restarts": 1,
        "pid": 4712,
        "half_pids": [4713, 4714],
        "lag_s": 0.0,
        "lag_tids": 0,
        "lag_verdict": "in_sync",
        "lag_approximate": False,
        "lag_measured_time": "2026-03-04T15:59:50Z",
        "master_tid": "0x0000000100580a8f",
        "slave_tid": "0x0000000100580a8f",
        "rate_bytes_per_s": 0.0,
        "lag_warning_s": 300.0,
        "lag_critical_s": 1800.0,
        "slice_bytes": None,
        "bulk_bytes": None,
        "health": "ok",
        "last_words": [],
    } | changes


def status(*pairs: dict[str, object]) -> dict[str, object]:
    """Return a daemon's status of some pairs."""
    return {
        "schema_version": 1,
        "hammerd": {
            "version": "0.1.0",
            "pid": 4711,
            "started_time": "2026-03-01T12:00:00Z",
            "config": "/usr/local/etc/hammerd.toml",
            "state": "running",
        },
        "measured_time": "2026-03-04T16:00:00Z",
        "health": "ok",
        "pairs": list(pairs),
    }


@pytest.fixture
def answer() -> Callable[..., Answer]:
    return lambda *pairs: Answer(status(*pairs))


@pytest.fixture
def make_pair() -> Callable[..., dict[str, object]]:
    return pair


@pytest.fixture
def make_status() -> Callable[..., dict[str, object]]:
    return status
