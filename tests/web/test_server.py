"""A web server beside a daemon on the simulator, asked over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.web.guard import HEADERS
from hammerd.web.process.listen import read_address
from hammerd.web.process.privileges import account_for
from tests.daemon.world import HAMMERD, World
from tests.waiting import DEADLINE_S, until
from tests.web.conftest import USER, Web, pid_of

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def event_of(stream: HTTPResponse) -> dict[str, Any]:
    """Return the data of the next event."""
    while True:
        line = stream.readline()
        assert line, "the stream has ended"
        if line.startswith(b"data: "):
            found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
            return found


def asked(web: Web, what: str) -> dict[str, Any]:
    """Return the JSON of an answer."""
    found: dict[str, Any] = json.loads(web.ask(f"/api/v1/{what}").body)
    return found


def test_status_is_that_of_the_command(web: Web) -> None:
    answer = web.ask("/api/v1/status")

    found = json.loads(answer.body)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert (found["is_running"], found["stale_because"]) == (True, None)
    assert [pair["pair"] for pair in found["pairs"]] == ["test"]
    assert found["hammerd"]["pid"] == pid_of(web.world)


def test_metrics_are_those_of_the_daemon(web: Web) -> None:
    plain = web.ask("/metrics")
    open_metrics = web.ask(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
    )

    assert b'hammerd_pair_state{pair="test",state="streaming"} 1.0\n' in plain.body
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert open_metrics.body.endswith(b"# EOF\n")
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert b"python_info" not in plain.body


def test_page_and_health_are_there(web: Web) -> None:
    page = web.ask("/")

    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert web.ask("/", "HEAD").body == b""
    assert web.ask("/healthz").body == b'{"ok":true}'


def test_history_is_told(web: Web) -> None:
    until(lambda: len(asked(web, "events?limit=3")["events"]) == 3, "events on record")
    lag_of = partial(asked, web, "lag?pair=test&points=3")
    until(lambda: lag_of()["max_s"][-1] is not None, "a lag on record")
    lag = lag_of()
    events = asked(web, "events?limit=2")["events"]
    older = asked(web, f"events?before_id={events[1]['id']}")["events"]

    assert len(lag["times"]) == len(lag["max_s"]) == len(lag["min_s"]) == 3
    assert lag["times"][1] - lag["times"][0] == lag["step_s"]
    assert lag["summary"]["known_s"] > 0
    assert "daemon_started" in {mark["kind"] for mark in lag["marks"]}
    assert events[0]["id"] > events[1]["id"] > older[0]["id"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("lag", 400),
        ("lag?pair=nobody", 404),
        ("lag?pair=test&pair=test", 400),
        ("lag?pair=test&points=0", 400),
        ("lag?pair=test&points=99999999999999999999999", 400),
        ("lag?pair=test&points=-1", 400),
        ("lag?pair=test&since=nan", 400),
        ("lag?pair=test&since=%D9%A1", 400),
        ("lag?pair=test&since=1e400", 400),
        ("lag?pair=test&since=20&until=10", 400),
        ("lag?pair=test&sinse=20", 400),
        ("lag?pair=" + "x" * 600, 400),
        ("events?level=loud", 400),
        ("events?limit=100000", 400),
        ("events?before_id=x", 400),
        ("events?pair=%ff%00'", 404),
    ],
)
def test_faulty_parameters_are_named(web: Web, query: str, status: int) -> None:
    answer = web.ask(f"/api/v1/{query}")

    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert set(json.loads(answer.body)) == {"error", "hint"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "127.0.0.1@evil.example"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://127.0.0.1:9427"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
        (
            {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "document",
            },
            200,
        ),
        (
            {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "iframe",
            },
            403,
        ),
    ],
)
def test_other_names_and_sites_are_refused(web: Web, headers: dict[str, str], status: int) -> None:
    assert web.ask("/api/v1/status", headers=headers).status == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_changed(web: Web, method: str) -> None:
    answer = web.ask("/api/v1/status", method)

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/nothing/<script>",
    ],
)
def test_no_other_file_is_served(web: Web, path: str) -> None:
    answer = web.ask(path)

    assert (answer.status, answer.body) == (404, b"Not Found")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/metrics", "/nothing", "/api/v1/lag"])
def test_every_answer_is_guarded(web: Web, path: str) -> None:
    headers = web.ask(path).headers

    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()
    assert headers["cache-control"] in {"no-store", "no-cache"}
    assert "server" not in headers


def test_files_of_the_page_are_kept_and_asked_for_again(web: Web) -> None:
    first = web.ask("/static/index.html", headers={"Range": "bytes=0-1,2-3"})
    again = web.ask("/static/index.html", headers={"If-None-Match": first.headers["etag"]})

    assert (first.status, first.headers["cache-control"]) == (200, "no-cache")
    assert (again.status, again.body) == (304, b"")


def test_change_of_a_pair_is_sent_to_live_clients(web: Web) -> None:
    with web.open("/api/v1/live") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert event_of(stream)["pairs"][0]["wanted"] == "up"
        subprocess.run(
            [*HAMMERD, "pause", "test", "-c", str(web.world.root / "hammerd.toml")],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        until(lambda: event_of(stream)["pairs"][0]["wanted"] == "paused", "the pause")


def test_too_long_headers_are_refused(web: Web) -> None:
    with socket.create_connection(("127.0.0.1", web.port), timeout=DEADLINE_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000)
        assert client.recv(12) == b"HTTP/1.1 400"


@needs_root
def test_rights_of_root_are_gone(web: Web) -> None:
    process = psutil.Process(web.process.pid)

    assert set(process.uids()) == {USER.pw_uid}
    assert set(process.gids()) == {USER.pw_gid}


@needs_root
def test_rights_of_root_cannot_be_had_again() -> None:
    program = """
    import os, sys
    from hammerd.web.process.privileges import account_for, become
    os.setgroups([0, 1])
    become(account_for(sys.argv[1], None))
    for regain in (os.setuid, os.seteuid, os.setgid, os.setegid, lambda _: os.setgroups([0])):
        try:
            regain(0)
        except PermissionError:
            continue
        sys.exit("root again")
    print(os.getgroups(), os.getuid(), os.getgid())
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), USER.pw_name],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.split()[-2:] == [str(USER.pw_uid), str(USER.pw_gid)]
    assert " 0," not in done.stdout.replace("[", " ").replace("]", ",")


def refused(world: World, *words: str) -> tuple[int, str]:
    """Return the status and the words of a web server that does not start."""
    argv = [*HAMMERD, "web", "--listen", "127.0.0.1:0", "-c", str(world.root / "hammerd.toml")]
    done = subprocess.run([*argv, *words], capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stderr.split())


@needs_root
@pytest.mark.parametrize("user", [None, "no-such-user"])
def test_root_must_say_as_whom_it_runs(user: str | None) -> None:
    with pytest.raises(CommandFailed, match="user") as caught:
        account_for(user, None)

    assert caught.value.code == 64


@needs_root
def test_files_that_the_user_may_not_read_are_named(mirroring: World) -> None:
    status_socket, history = mirroring.run_dir / "status.sock", mirroring.root / "db/history.db"
    for path in (status_socket, history):
        os.chown(path, 0, 0)
        status, said = refused(mirroring, "--user", USER.pw_name)
        os.chown(path, 0, USER.pw_gid)

        assert status == 1
        assert f"user {USER.pw_name} may not read {path} (group" in said


@pytest.mark.parametrize(
    "text", ["", "9427", "host:1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", "[::1:9"]
)
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it takes"):
        read_address(text)


@pytest.mark.parametrize("text", ["127.0.0.1:9427", "[::1]:9427", "0.0.0.0:0", "/run/w.sock"])
def test_address_is_read(text: str) -> None:
    assert str(read_address(text)) == text


def test_without_a_daemon_it_tells_what_the_last_one_left(web: Web, tmp_path: Path) -> None:
    """The last test here: the daemon is killed. Live clients are told, and end with the server."""
    config = str(web.world.root / "hammerd.toml")
    # Without a daemon only the config tells where its files are.
    os.chmod(config, 0o644)
    prom = tmp_path / "hammerd.prom"
    with web.open("/api/v1/live") as stream:
        until(lambda: event_of(stream)["is_running"], "an answer of the daemon")
        os.kill(pid_of(web.world), signal.SIGKILL)
        until(lambda: not event_of(stream)["is_running"], "that no daemon answers")

        found = json.loads(web.ask("/api/v1/status").body)
        assert [pair["pair"] for pair in found["pairs"]] == ["test"]
        assert "no hammerd answers" in found["stale_because"]
        assert web.ask("/healthz").status == 503
        assert b"hammerd_up 0.0\n" in web.ask("/metrics").body
        assert json.loads(web.ask("/api/v1/events?limit=1").body)["events"]

        words = [*HAMMERD, "metrics", "-c", config, "--textfile", str(prom)]
        assert subprocess.run(words, check=False).returncode == 69
        assert "hammerd_up 0.0\n" in prom.read_text()
        assert prom.stat().st_mode & 0o777 == 0o644
        assert list(tmp_path.iterdir()) == [prom]
        web.process.send_signal(signal.SIGTERM)
        while stream.readline():
            pass
    assert web.process.wait(DEADLINE_S) == 0
