"""The sockets of the real daemon against clients that mean no good."""

import json
import socket
import stat
from typing import Any

import pytest

from hammerd.core.control_messages import MAX_REQUEST_BYTES
from tests.daemon.world import World


@pytest.fixture
def served(world_once: World) -> World:
    master = world_once.make_master()
    slave = world_once.make_slave(master)
    world_once.start(world_once.configure({"test": (master, slave)}))
    return world_once


def connect(world: World, name: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(str(world.run_dir / name))
    return client


def say(world: World, line: bytes, name: str = "control.sock") -> dict[str, Any]:
    with connect(world, name) as client:
        client.sendall(line)
        with client.makefile("rb") as replies:
            reply: dict[str, Any] = json.loads(replies.readline())
            return reply


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[]\n",
        b"nonsense\n",
        b"\xff\xfe\n",
        b'{"verb": "explode"}\n',
        b"[" * 5000 + b"\n",
    ],
)
def test_nonsense_is_refused_and_the_daemon_goes_on(served: World, line: bytes) -> None:
    reply = say(served, line)

    assert reply["ok"] is False
    assert reply["error"]
    assert say(served, b'{"verb": "ping"}\n')["ok"] is True


def test_endless_request_is_refused_and_cut_off(served: World) -> None:
    with connect(served, "control.sock") as client:
        client.sendall(b"x" * (MAX_REQUEST_BYTES + 10))
        with client.makefile("rb") as replies:
            reply = json.loads(replies.readline())

    assert "longer than" in reply["error"]


def test_status_socket_takes_no_verb_that_changes_anything(served: World) -> None:
    reply = say(served, b'{"verb": "pause"}\n', "status.sock")

    assert (reply["ok"], reply["code"]) == (False, 77)
    assert served.status()["wanted"] == "up"


def test_sockets_are_closed_to_others(served: World) -> None:
    modes = {
        name: stat.S_IMODE((served.run_dir / name).stat().st_mode)
        for name in ("control.sock", "status.sock")
    }

    # The group of the test's config does not exist, so the status socket stays closed too.
    assert modes == {"control.sock": 0o600, "status.sock": 0o600}
    assert "no-such-group does not exist" in served.log()


def test_silent_clients_keep_nobody_from_asking(served: World) -> None:
    silent = [connect(served, "status.sock") for _ in range(20)]
    try:
        assert say(served, b'{"verb": "ping"}\n', "status.sock")["ok"] is True
    finally:
        for client in silent:
            client.close()


def test_unknown_pairs_are_refused_all_at_once(served: World) -> None:
    reply = say(served, b'{"verb": "pause", "pairs": ["tset", "other", "test"]}\n')

    assert reply["ok"] is False
    assert '"tset" (did you mean "test"?)' in reply["error"]
    assert '"other"' in reply["error"]
    assert served.status()["wanted"] == "up"
