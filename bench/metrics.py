"""Measures what a scrape of `hammerd web` costs, beside prometheus_client with as many samples.

The status is that of a real daemon with one pair, repeated for more pairs by a socket that answers
as a daemon does. The peer serves plain gauges with the label `pair` by prometheus_client's own
server. Both are processes of their own; scrapes take turns, so far apart that none gets the status
that an earlier one has read.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import psutil

from bench.rig import rig
from bench.supervised import HAMMERD, Hammerd
from bench.tables import milliseconds, print_table
from hammerd.cli.client.control_client import send_request
from hammerd.core.api.protocol import Answer, Request, Verb, encode_reply
from hammerd.core.paths import STATUS_SOCKET
from hammerd.web.views import MAX_AGE_S

SIZES = (1, 100, 1000)
SCRAPES = 20
PEER = """
import sys, time
from prometheus_client import CollectorRegistry, Gauge, start_http_server
registry, pairs, families = CollectorRegistry(), int(sys.argv[1]), int(sys.argv[2])
for number in range(families):
    gauge = Gauge(f"plain_{number}", "A plain gauge.", ["pair"], registry=registry)
    for index in range(pairs):
        gauge.labels(f"pair{index}").set(number / 3)
server, _ = start_http_server(0, "127.0.0.1", registry)
print(f"serving at http://127.0.0.1:{server.server_port}/", flush=True)
time.sleep(1e6)
"""


def run() -> None:
    """Measure scrapes at every size."""
    with rig() as here:
        daemon = Hammerd(here, "hammerd", here.on_one_file_system(1), here.hammer)
        daemon.wait_until_idle(up_s=0)
        status = send_request(daemon.run_dir, Request(Verb.STATUS))
        rows = [_measure(here.root / f"n{size}", status, size) for size in SIZES]
    heads = ("GET /metrics", "samples", "bytes", "time", "CPU", "of prometheus_client")
    print_table("A scrape of the web server", heads, rows)


def _measure(place: Path, status: Mapping[str, object], size: int) -> tuple[str, ...]:
    """Return the row of a size."""
    place.mkdir()
    config = place / "hammerd.toml"
    config.write_text(f'[daemon]\nrun_dir = "{place}"\nstate_dir = "{place}"\n')
    listener = _answer_as_a_daemon(place / STATUS_SOCKET, _repeated(status, size))
    user = ("--user", "root") if os.geteuid() == 0 else ()
    ours = _Server([*HAMMERD, "web", "--listen", "127.0.0.1:0", "-c", str(config), *user])
    text = ours.scrape()
    samples = sum(not line.startswith(b"#") for line in text.splitlines())
    families = str(max(1, round(samples / size)))
    plain = _Server([sys.executable, "-c", PEER, str(size), families])
    plain.scrape()
    for _ in range(SCRAPES):
        time.sleep(1.1 * MAX_AGE_S)
        ours.measure()
        plain.measure()
    ours.end()
    plain.end()
    listener.close()
    return (
        f"{size:,} pair{'' if size == 1 else 's'}",
        f"{samples:,}",
        f"{len(text):,}",
        milliseconds(ours.taken),
        f"{ours.cpu_s / SCRAPES * 1000:.0f} ms",
        f"{median(ours.taken) / median(plain.taken):.1f} x, CPU {ours.cpu_s / plain.cpu_s:.1f} x",
    )


def _repeated(status: Mapping[str, object], size: int) -> bytes:
    """Return the reply with the status of many pairs that are like the first one."""
    pairs = status["pairs"]
    assert isinstance(pairs, list)
    many = [{**pairs[0], "pair": f"pair{index}"} for index in range(size)]
    return encode_reply(Answer({**status, "pairs": many}))


def _answer_as_a_daemon(path: Path, reply: bytes) -> socket.socket:
    """Answer each request at a socket with the same line."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            for _ in lines:
                connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return listener


class _Server:
    """A process that serves metrics, and what its scrapes took."""

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._port = int(line.rstrip("/\n").rpartition(":")[2])
        self.taken: list[float] = []
        self.cpu_s = 0.0

    def scrape(self) -> bytes:
        """Return the metrics."""
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read()

    def measure(self) -> None:
        """Scrape, and note what that took."""
        before, began_at = self._cpu_s(), time.perf_counter()
        self.scrape()
        self.taken.append(time.perf_counter() - began_at)
        self.cpu_s += self._cpu_s() - before

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _cpu_s(self) -> float:
        spent = psutil.Process(self._process.pid).cpu_times()
        return float(spent.user + spent.system)
