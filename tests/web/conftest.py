"""One daemon on the simulator, and one web server of it, for all tests of a file."""

import grp
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

import pytest

from hammerd.core.api.protocol import Verb
from tests.daemon.conftest import a_world
from tests.daemon.world import HAMMERD, World
from tests.waiting import DEADLINE_S

IS_ROOT = os.geteuid() == 0
USER = pwd.getpwnam("nobody") if IS_ROOT else pwd.getpwuid(os.geteuid())
GROUP = grp.getgrgid(USER.pw_gid).gr_name


@dataclass
class Answer:
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    """A web server that runs."""

    world: World
    process: subprocess.Popen[str]
    port: int

    @contextmanager
    def open(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[HTTPResponse]:
        """Send a request, with these headers; yield the answer before its body is read."""
        given = {"Host": f"127.0.0.1:{self.port}"} | dict(headers or {})
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        with closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders()
            with connection.getresponse() as answer:
                yield answer

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request; return the whole answer."""
        with self.open(path, method, headers) as answer:
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())


def start_web(world: World, *words: str) -> Web:
    """Start a web server, as root under the user nobody, and wait until it answers."""
    user = ("--user", USER.pw_name) if IS_ROOT else ()
    config = str(world.root / "hammerd.toml")
    argv = [*HAMMERD, "web", "--listen", "127.0.0.1:0", "-c", config, *user, *words]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    assert line.startswith("serving at http://127.0.0.1:"), line + process.stderr.read()
    return Web(world, process, int(line.rstrip("/\n").rpartition(":")[2]))


def end_web(web: Web) -> tuple[int, str]:
    """Tell a web server to stop; return its status, and what it said."""
    web.process.send_signal(signal.SIGTERM)
    _, said = web.process.communicate(timeout=DEADLINE_S)
    return web.process.returncode, said


@pytest.fixture(scope="module")
def mirroring() -> Iterator[World]:
    """A daemon with one pair that streams."""
    with a_world({}) as world:
        world.root.chmod(0o711)
        world.mirror(status_group=GROUP)
        # Root's config may be closed to the user of the web server.
        (world.root / "hammerd.toml").chmod(0o600)
        yield world


@pytest.fixture(scope="module")
def web(mirroring: World) -> Iterator[Web]:
    """A web server; it ends well, and has said nothing."""
    served = start_web(mirroring)
    try:
        yield served
    finally:
        ended = end_web(served)
    assert ended == (0, "")


def pid_of(world: World) -> int:
    return int(world.ask(Verb.PING)["pid"])
