"""The sockets of the real daemon under hostile and broken clients."""

import asyncio
import contextlib
import json
import socket
import stat
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hammerd.core.api.protocol import MAX_REQUEST_BYTES, Answer, Reply, Request
from hammerd.daemon.control import server
from hammerd.daemon.control.server import MOST_CLIENTS, ControlServer
from tests.daemon.world import World
from tests.waiting import until


@pytest.fixture
def served(world_once: World) -> World:
    world_once.start(world_once.configure({"test": world_once.make_pair()}))
    return world_once


def connect(world: World, name: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(str(world.run_dir / name))
    return client


def ask(world: World, line: bytes, name: str = "control.sock") -> dict[str, Any]:
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
    reply = ask(served, line)

    assert reply["ok"] is False
    assert reply["error"]
    assert ask(served, b'{"verb": "ping"}\n')["ok"] is True


def test_endless_request_is_refused_and_cut_off(served: World) -> None:
    with connect(served, "control.sock") as client:
        client.sendall(b"x" * (MAX_REQUEST_BYTES + 10))
        with client.makefile("rb") as replies:
            reply = json.loads(replies.readline())

    assert "longer than" in reply["error"]


def test_status_socket_takes_no_verb_that_changes_anything(served: World) -> None:
    reply = ask(served, b'{"verb": "pause"}\n', "status.sock")

    assert (reply["ok"], reply["code"]) == (False, 77)
    assert served.status()["wanted"] == "up"


def test_sockets_are_closed_to_others(served: World) -> None:
    modes = {
        name: stat.S_IMODE((served.run_dir / name).stat().st_mode)
        for name in ("control.sock", "status.sock")
    }

    # The group of the test's config does not exist, so the status socket stays closed too.
    assert modes == {"control.sock": 0o600, "status.sock": 0o600}
    until(lambda: "no-such-group does not exist" in served.log(), "the warning")


def test_silent_clients_leave_others_answered(served: World) -> None:
    with contextlib.ExitStack() as silent:
        first = silent.enter_context(connect(served, "status.sock"))
        for _ in range(MOST_CLIENTS + 8):
            silent.enter_context(connect(served, "status.sock"))

        assert ask(served, b'{"verb": "ping"}\n', "status.sock")["ok"] is True
        assert ask(served, b'{"verb": "pause"}\n', "control.sock")["ok"] is True
        assert first.recv(1) == b""


def test_client_that_keeps_sending_is_not_the_oldest(served: World) -> None:
    with contextlib.ExitStack() as clients:
        busy = clients.enter_context(connect(served, "status.sock"))
        replies = clients.enter_context(busy.makefile("rb"))
        for _ in range(2 * MOST_CLIENTS):
            clients.enter_context(connect(served, "status.sock"))
            busy.sendall(b'{"verb": "ping"}\n')

            assert json.loads(replies.readline())["ok"] is True


def test_half_a_character_is_refused_like_any_unknown_pair(served: World) -> None:
    with connect(served, "status.sock") as client, client.makefile("rb") as replies:
        client.sendall(b'{"verb": "status", "pairs": ["\\ud800"]}\n{"verb": "ping"}\n')

        assert r'"\ud800"' in json.loads(replies.readline())["error"]
        assert json.loads(replies.readline())["ok"] is True


def test_unknown_pairs_are_refused_all_at_once(served: World) -> None:
    reply = ask(served, b'{"verb": "pause", "pairs": ["tset", "other", "test"]}\n')

    assert reply["ok"] is False
    assert '"tset" (did you mean "test"?)' in reply["error"]
    assert '"other"' in reply["error"]
    assert served.status()["wanted"] == "up"


# --- the server alone ----------------------------------------------------------------------------


@pytest.fixture
def run_dir() -> Iterator[Path]:
    # Short, because a Unix socket's path is at most 104 bytes.
    with tempfile.TemporaryDirectory(prefix="hammerd-") as directory:
        yield Path(directory)


async def long_answer(_request: Request) -> Reply:
    return Answer({"text": "x" * (1 << 20)})


def on_a_loop(scenario: Callable[[], Awaitable[None]]) -> None:
    async def until_done() -> None:
        async with asyncio.timeout(60):
            await scenario()

    asyncio.run(until_done())


def test_client_that_never_reads_is_hung_up_on(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CLIENT_TIMEOUT_S", 0.05)

    async def scenario() -> None:
        server = ControlServer(run_dir, long_answer)
        await server.bind("no-such-group")
        await server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(run_dir / "status.sock"))
            client.sendall(b'{"verb": "ping"}\n')
            while not server.clients():  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0)
            while server.clients():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

            # The reply is cut off: the server has dropped the connection.
            client.settimeout(30)
            received = 0
            with contextlib.suppress(ConnectionResetError):
                while chunk := client.recv(1 << 16):
                    received += len(chunk)
            assert received < 1 << 20
        await server.close()

    on_a_loop(scenario)


def test_reply_reaches_a_client_that_closed_its_sending_side(run_dir: Path) -> None:
    async def scenario() -> None:
        server = ControlServer(run_dir, long_answer)
        await server.bind("no-such-group")
        await server.listen()
        reader, writer = await asyncio.open_unix_connection(run_dir / "status.sock", limit=4 << 20)
        writer.write(b'{"verb": "ping"}\n')
        writer.write_eof()

        reply = json.loads(await reader.read())

        assert len(reply["data"]["text"]) == 1 << 20
        writer.close()
        await server.close()

    on_a_loop(scenario)


def test_answer_that_cannot_be_sent_is_a_refusal(run_dir: Path) -> None:
    async def answer(_request: Request) -> Reply:
        return Answer({"what": object()})

    async def scenario() -> None:
        server = ControlServer(run_dir, answer)
        await server.bind("no-such-group")
        await server.listen()
        reader, writer = await asyncio.open_unix_connection(run_dir / "status.sock")
        for _ in range(2):
            writer.write(b'{"verb": "ping"}\n')
            assert json.loads(await reader.readline())["code"] == 70
        writer.close()
        await server.close()

    on_a_loop(scenario)
