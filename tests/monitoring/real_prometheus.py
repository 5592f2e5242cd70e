"""A real Prometheus on the sample of its config, with short intervals."""

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.monitoring.exported import KIT
from tests.remote.ports import closed_port
from tests.waiting import DEADLINE_S, until


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that answers."""

    address: str

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return the data of an answer of its API."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
        return data

    def query(self, expression: str) -> list[Any]:
        """Return the samples of an expression: their labels and values."""
        found: list[Any] = self.get("query", query=expression)["result"]
        return found

    def wait_for(self, expression: str) -> list[Any]:
        """Wait until an expression has samples; return them."""
        found: list[Any] = []

        def has_samples() -> bool:
            nonlocal found
            found = self.query(expression)
            return bool(found)

        until(has_samples, expression)
        return found


def write_config(place: Path, targets: Sequence[str]) -> Path:
    """Write the sample's config with short intervals, and a short time in place of two minutes."""
    config = yaml.safe_load((KIT / "prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    del config["alerting"]
    rules = (KIT / "prometheus/hammerd.rules.yml").read_text()
    (place / "hammerd.rules.yml").write_text(rules.replace("for: 2m\n", "for: 1ms\n"))
    (place / "targets").mkdir()
    (place / "targets/hosts.json").write_text(json.dumps([{"targets": list(targets)}]))
    file = place / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    return file


@contextmanager
def a_prometheus(place: Path, targets: Sequence[str]) -> Iterator[Prometheus]:
    """Start a Prometheus in a directory, and end it."""
    # Prometheus tells no port that it was given by the system.
    with closed_port() as port:
        address = f"127.0.0.1:{port}"
    words = [
        "prometheus",
        f"--config.file={write_config(place, targets)}",
        f"--storage.tsdb.path={place / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]
    with (place / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    made = Prometheus(address)
    try:
        until(lambda: process.poll() is not None or _answers(made), "Prometheus answers")
        assert process.poll() is None, (place / "log").read_text()
        yield made
    finally:
        process.kill()
        process.wait()


def _answers(made: Prometheus) -> bool:
    try:
        return bool(made.get("status/runtimeinfo"))
    except OSError:
        return False
