"""A user who connects to status.sock without end delays other users only a little."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Request, Verb, encode_request
from hammerd.daemon.control.peer_credentials import peer_of
from tests import hammerd_program
from tests.daemon.rights import ROOT_ONLY
from tests.daemon.world import World
from tests.hammerd_program import HAMMERD
from tests.waiting import DEADLINE_S, until

NOBODY = 65534

FLOOD = """
import os, socket, sys
path, uid = sys.argv[1], int(sys.argv[2])
if uid != os.getuid():
    os.setuid(uid)
connections = []
while True:
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    connections = [*connections[-200:], connection]
    try:
        connection.connect(path)
    except OSError:
        continue
    print(flush=True)
"""


@contextmanager
def flooded(path: Path, uid: int) -> Iterator[None]:
    """Connect to a socket again and again, silently, as long as this lasts."""
    argv = [sys.executable, "-c", FLOOD, str(path), str(uid)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as flood:
        assert flood.stdout is not None
        reading = flood.stdout.fileno()
        os.set_blocking(reading, False)
        seen = 0

        def is_flooded() -> bool:
            nonlocal seen
            try:
                seen += len(os.read(reading, 1 << 16))
            except BlockingIOError:
                return False
            return seen > 300

        until(is_flooded, "hundreds of connections")
        os.set_blocking(reading, True)
        drain = subprocess.Popen(["cat"], stdin=flood.stdout, stdout=subprocess.DEVNULL)
        try:
            yield
        finally:
            flood.kill()
            drain.wait()


@pytest.mark.parametrize(
    "uid",
    [pytest.param(os.getuid(), id="same user"), pytest.param(NOBODY, marks=ROOT_ONLY, id="other")],
)
def test_flood_of_connections_leaves_others_answered(world_once: World, uid: int) -> None:
    config = world_once.configure({"test": ("/no/such/master", "/no/such/slave")})
    world_once.start(config)
    world_once.root.chmod(0o755)
    status = world_once.run_dir / "status.sock"
    status.chmod(0o666)

    with flooded(status, uid):
        for words in (["status"], ["status", "--nagios"]) * 3:
            done = hammerd_program.run(
                [*HAMMERD, *words, "-c", str(config)], capture_output=True, text=True, check=False
            )
            assert done.returncode in (0, 1), done.stdout + done.stderr
            assert "nobody mends" not in done.stdout


def test_user_id_of_the_peer_is_read() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert peer_of(here) == os.geteuid()


HOLD = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
connections = [socket.socket(socket.AF_UNIX) for _ in range(60)]
for connection in connections:
    connection.connect(sys.argv[1])
print(flush=True)
sys.stdin.read()
"""


@ROOT_ONLY
def test_user_with_few_connections_keeps_them(world_once: World) -> None:
    world_once.start(world_once.configure({"test": ("/no/such/master", "/no/such/slave")}))
    world_once.root.chmod(0o755)
    status = world_once.run_dir / "status.sock"
    status.chmod(0o666)
    with socket.socket(socket.AF_UNIX) as mine:
        mine.settimeout(DEADLINE_S)
        mine.connect(str(status))
        argv = [sys.executable, "-c", HOLD, str(status), str(NOBODY)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(argv, **pipes) as holding:  # type: ignore[call-overload]
            assert holding.stdout.readline() == b"\n"
            assert world_once.is_answering(), "all of them were taken"

            mine.sendall(encode_request(Request(Verb.PING)))
            answered = mine.makefile("rb").readline()
            holding.stdin.close()

    assert b"pid" in answered
