"""`hammerd web` as a process, before a stand-in for the daemon that answers what a test wants."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hammerd.core.api.protocol import Answer, encode_reply
from tests.daemon.world import HAMMERD
from tests.waiting import DEADLINE_S, until
from tests.web.static.fleet import Json, status_json

_SERVING = re.compile(r"http://[0-9.]+:([0-9]+)/")


@dataclass
class Site:
    """A directory with a status socket, a config and a history, and the web server."""

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="hw", dir="/tmp")))
    status: Json = field(default_factory=dict)
    location: tuple[str, ...] = ()
    port: int = 0
    server: subprocess.Popen[str] | None = None
    listener: socket.socket | None = None

    @property
    def history(self) -> Path:
        return self.root / "history.db"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def show(self, pairs: list[Json], at: float, **daemon: object) -> None:
        """Answer with these pairs from now on."""
        self.status = status_json(pairs, at, self.history, **daemon)

    def wait_until_served(self) -> None:
        """Wait until the web server has the status: it keeps the one of before for a second."""

        def is_served() -> bool:
            with urllib.request.urlopen(self.url + "api/v1/status") as reply:
                return bool(json.load(reply)["pairs"] == self.status["pairs"])

        until(is_served, "the web server has the status")

    def start_daemon(self) -> None:
        """Answer every request with the status."""
        path = self.root / "status.sock"
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        threading.Thread(target=self._answer, args=(self.listener,), daemon=True).start()

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines, suppress(OSError):
                if lines.readline():
                    connection.sendall(encode_reply(Answer(self.status)))

    def stop_daemon(self) -> None:
        assert self.listener is not None
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def start_server(self) -> None:
        """Start `hammerd web` at the port of before, or a free one; wait until it listens."""
        location = self.location or ("--run-dir", str(self.root))
        words = ["web", *location, "--listen", f"127.0.0.1:{self.port}"]
        if os.geteuid() == 0:
            words += ["--user", "root"]
        with open(self.root / "web.log", "a") as log:
            self.server = subprocess.Popen(
                [*HAMMERD, *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        found = _SERVING.search(line)
        assert found is not None, f"{line}{self.log()}"
        self.port = int(found[1])

    def log(self) -> str:
        """Return what the web server wrote to stderr."""
        return (self.root / "web.log").read_text()

    def stop_server(self) -> None:
        assert self.server is not None
        self.server.send_signal(signal.SIGTERM)
        self.server.communicate(timeout=DEADLINE_S)

    def close(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.stop_server()
        if self.listener is not None:
            with suppress(OSError):
                self.stop_daemon()
        shutil.rmtree(self.root)


def now() -> float:
    """Return the time of now in whole seconds."""
    return float(int(time.time()))
