"""The sample commands for notifications say what they are given, and obey none of it."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hammerd.core.alarms.message import environment_of
from hammerd.core.api.status_json import Json
from hammerd.core.hammer.commands import environment
from tests.core.alarms.test_message import change, message
from tests.paths import ROOT

SAMPLES = ROOT / "etc/hammerd/notify.d"
HOSTILE = "$(touch broken) `touch broken`; touch broken \"' ~!touch broken\n~!touch broken\nTo: x"

TELLS = """#!/bin/sh
for word; do printf '%s\\n' "$word"; done > "$0.argv"
cat > "$0.input"
"""
"""A program that keeps its arguments and its input."""


def program(directory: Path) -> Path:
    made = directory / "program"
    made.write_text(TELLS)
    made.chmod(0o755)
    return made


def run(
    name: str, found: Json, cwd: Path, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a sample as hammerd does, but in a directory of the test."""
    return subprocess.run(
        [SAMPLES / name, *words],
        input=json.dumps(found).encode() + b"\n",
        env={**environment(str(cwd)), **environment_of(found), **(env or {})},
        cwd=cwd,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
@pytest.mark.parametrize("shell", ["sh", "dash"])
def test_sample_is_sound_for_a_plain_shell(sample: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip("no dash here")
    assert sample.read_text().startswith("#!/bin/sh\n")
    assert sample.stat().st_mode & 0o111 == 0o111
    subprocess.run([shell, "-n", sample], check=True)


@pytest.mark.parametrize("python", ["python3", "no-python"])
def test_mail_is_one_subject_and_the_text(tmp_path: Path, python: str) -> None:
    found = message(change("home", hint=HOSTILE), word=HOSTILE)
    env = {"MAIL_PROGRAM": str(program(tmp_path)), "PYTHON": python}

    assert run("mail", found, tmp_path, "root", "ops@example.org", env=env).returncode == 0
    argv = (tmp_path / "program.argv").read_text().splitlines()
    subject = f"hammerd near: {found['summary']}"
    assert argv == ["-s", subject, "root", "ops@example.org"]
    body = (tmp_path / "program.input").read_text()
    if python == "python3":
        assert body == str(found["text"])
    assert "touch broken" in body
    assert not (tmp_path / "broken").exists()


def test_mail_commands_no_mail_program(tmp_path: Path) -> None:
    found = {**message(change("home")), "text": "~!touch broken\n~s subject\n"}
    env = {"MAIL_PROGRAM": str(program(tmp_path))}

    assert run("mail", found, tmp_path, "root", env=env).returncode == 0
    assert (tmp_path / "program.input").read_text() == " ~!touch broken\n ~s subject\n"


def test_mail_that_is_not_taken_is_a_failure(tmp_path: Path) -> None:
    env = {"MAIL_PROGRAM": "false"}

    assert run("mail", message(change("home")), tmp_path, "root", env=env).returncode != 0


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("critical", "failure"), ("warning", "warning"), ("recovered", "success"), ("test", "info")],
)
def test_apprise_gets_title_text_and_type(tmp_path: Path, kind: str, shown: str) -> None:
    found = {**message(change("home", hint=HOSTILE)), "kind": kind}
    env = {"APPRISE": str(program(tmp_path))}

    assert run("apprise", found, tmp_path, "ntfy://topic", env=env).returncode == 0
    argv = (tmp_path / "program.argv").read_text().splitlines()
    title = f"--title=hammerd near: {found['summary']}"
    assert argv == [f"--notification-type={shown}", title, "ntfy://topic"]
    assert not (tmp_path / "broken").exists()


class Server(BaseHTTPRequestHandler):
    """Keeps each request, and answers with the status that its path names."""

    asked: list[tuple[str, str, bytes]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.path, body))
        self.send_response(int(self.path.strip("/")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815 - the names of http.server

    def log_message(self, *_words: object) -> None:
        """Print nothing."""


@contextmanager
def a_server() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    asked: list[tuple[str, str, bytes]] = []
    handler = type("Handler", (Server,), {"asked": asked})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["webhook", "heartbeat"])
def test_url_is_called_and_its_refusal_is_a_failure(tmp_path: Path, name: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    found = message(change("home", hint=HOSTILE))
    with a_server() as (url, asked):
        assert run(name, found, tmp_path, f"{url}/200").returncode == 0
        refused = run(name, found, tmp_path, f"{url}/500")

    assert refused.returncode != 0
    assert b"500" in refused.stderr
    ((method, path, body), _) = asked
    if name == "webhook":
        assert (method, path, json.loads(body)) == ("POST", "/200", found)
    else:
        assert (method, path, body) == ("GET", "/200", b"")
