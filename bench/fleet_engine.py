"""A Prometheus and an Alertmanager on the samples of their configs, and their messages."""

import contextlib
import json
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.rig import wait_until

KIT = Path(__file__).parents[1] / "etc/monitoring/prometheus"
PROMETHEUS, ALERTMANAGER, RECEIVER = "127.0.0.1:19090", "127.0.0.1:19093", "127.0.0.1:19094"
START_S = 30.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message of Alertmanager: when it came, and the names of its alerts."""

    at: float
    alertname: str
    severity: str
    firing: int
    resolved: int


@dataclass
class Engine:
    """A running Prometheus with its Alertmanager; times are monotonic."""

    place: Path
    process: "subprocess.Popen[bytes]"
    messages: list[Message] = field(default_factory=list)

    def query(self, expression: str) -> list[Mapping[str, Any]]:
        """Return the samples of an expression, none while Prometheus does not answer."""
        url = f"http://{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(url, timeout=START_S) as answer:
                found: list[Mapping[str, Any]] = json.load(answer)["data"]["result"]
        except OSError:
            return []
        return found

    def number(self, expression: str) -> float:
        """Return the value of the only sample of an expression, 0 without one."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else 0.0

    def own(self, name: str) -> float:
        """Return a metric of Prometheus itself."""
        with urllib.request.urlopen(f"http://{PROMETHEUS}/metrics", timeout=START_S) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))

    def firing(self) -> Mapping[str, int]:
        """Return how many alerts fire of each name."""
        found = self.query('count by (alertname) (ALERTS{alertstate="firing"})')
        return {each["metric"]["alertname"]: int(each["value"][1]) for each in found}


def write_targets(place: Path, addresses: Sequence[str]) -> None:
    """Write a file of targets for each host."""
    (place / "targets").mkdir()
    for number, address in enumerate(addresses):
        file = place / f"targets/host{number}.json"
        file.write_text(json.dumps([{"targets": [address]}]))


@contextlib.contextmanager
def engine(place: Path) -> Iterator[Engine]:
    """Start both in a directory that has `targets`, and end them."""
    (place / "hammerd.rules.yml").write_text((KIT / "hammerd.rules.yml").read_text())
    config = (KIT / "prometheus.yml").read_text().replace("127.0.0.1:9093", ALERTMANAGER)
    (place / "prometheus.yml").write_text(config)
    routes = (KIT / "alertmanager.yml").read_text().replace("127.0.0.1:9094", RECEIVER)
    (place / "alertmanager.yml").write_text(routes)
    commands = (
        [
            "prometheus",
            f"--config.file={place}/prometheus.yml",
            f"--storage.tsdb.path={place}/data",
            f"--web.listen-address={PROMETHEUS}",
        ],
        [
            "prometheus-alertmanager",
            f"--config.file={place}/alertmanager.yml",
            f"--storage.path={place}/alerts",
            f"--web.listen-address={ALERTMANAGER}",
            "--cluster.listen-address=",
        ],
    )
    messages: list[Message] = []
    with _receiver(messages), (place / "log").open("wb") as log:
        started = [subprocess.Popen(words, stdout=log, stderr=log) for words in commands]
        made = Engine(place, started[0], messages)
        try:
            wait_until(lambda: bool(made.query("vector(1)")), "Prometheus answers", 0.5, START_S)
            yield made
        finally:
            for process in started:
                process.terminate()
                process.wait()


@contextlib.contextmanager
def _receiver(messages: list[Message]) -> Iterator[None]:
    """Take the messages of Alertmanager as its webhook."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            states = [each["status"] for each in told["alerts"]]
            labels = told["groupLabels"]
            messages.append(
                Message(
                    time.monotonic(),
                    labels["alertname"],
                    labels["severity"],
                    states.count("firing"),
                    states.count("resolved"),
                )
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    host, port = RECEIVER.split(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
