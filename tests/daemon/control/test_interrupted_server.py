"""Clients that are given up at each await: no connection is left, the next one is answered."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hammerd.core.api.protocol import MAX_REQUEST_BYTES, Answer, Reply, Request
from hammerd.daemon.control import server as server_module
from hammerd.daemon.control.server import ControlServer
from tests.daemon.at_each_await import Scenario, Stop, Unexpected, interrupt, missed, reached

LONG = "x" * (1 << 20)
"""More than a socket holds, so that the server waits for the client."""

PING = b'{"verb": "ping"}\n'


async def answer(_request: Request) -> Reply:
    await asyncio.sleep(0)
    return Answer({"text": LONG})


@contextmanager
def a_run_dir() -> Iterator[Path]:
    # Short, because a Unix socket's path is at most 104 bytes.
    with tempfile.TemporaryDirectory(prefix="hammerd-") as directory:
        yield Path(directory)


@asynccontextmanager
async def a_server() -> AsyncIterator[tuple[ControlServer, Path]]:
    with a_run_dir() as run_dir:
        server = ControlServer(run_dir, answer)
        await server.bind("no-such-group")
        await server.listen()
        try:
            yield server, run_dir
        finally:
            await server.close()
            assert server.clients() == 0


async def ask(run_dir: Path, line: bytes = PING) -> dict[str, Any] | None:
    """Send a request; return the reply, None where the connection ends before one comes."""
    path = run_dir / "status.sock"
    reader, writer = await asyncio.open_unix_connection(path, limit=4 << 20)
    try:
        with suppress(OSError):
            writer.write(line)
            writer.write_eof()
            raw = await reader.readline()
            reply: dict[str, Any] | None = json.loads(raw) if raw.endswith(b"\n") else None
            return reply
        return None
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def a_client(stop: Stop) -> None:
    async with a_server() as (server, run_dir):
        with stop.in_all_tasks():
            reply = await ask(run_dir)
            await reached(lambda: not server.clients(), "the server drops the client")

        assert stop.was_reached or (reply is not None and reply["ok"])
        reply = await ask(run_dir)
        assert reply is not None
        assert reply["data"]["text"] == LONG


async def a_client_that_sends_too_much(stop: Stop) -> None:
    async with a_server() as (server, run_dir):
        with stop.in_all_tasks():
            reply = await ask(run_dir, b"x" * (MAX_REQUEST_BYTES + 10))
            await reached(lambda: not server.clients(), "the server drops the client")

        assert reply is None or "longer than" in reply["error"]
        reply = await ask(run_dir)
        assert reply is not None
        assert reply["ok"]


async def a_start(stop: Stop) -> None:
    with a_run_dir() as run_dir:
        server = ControlServer(run_dir, answer)

        async def start() -> None:
            await server.bind("no-such-group")
            await server.listen()

        await stop.run(start())
        # As run_dir_watch.py does with sockets that nobody listens on.
        await server.close_sockets()
        await start()
        reply = await ask(run_dir)
        assert reply is not None
        assert reply["ok"]
        await server.close()
        assert list(run_dir.iterdir()) == []


async def a_close_with_a_client(stop: Stop) -> None:
    async with a_server() as (server, run_dir):
        _, writer = await asyncio.open_unix_connection(run_dir / "status.sock")
        await reached(server.clients, "it is connected")
        await stop.run(server.close())
        await server.close()

        assert server.clients() == 0
        writer.close()


SCENARIOS = (a_client, a_client_that_sends_too_much, a_start, a_close_with_a_client)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_client_leaves_no_connection_and_no_other_unanswered(
    scenario: Scenario,
) -> None:
    interrupt(scenario, Unexpected("broke"), ConnectionResetError(104, "Connection reset by peer"))


def test_no_await_is_left_out() -> None:
    # These two have awaits that never wait.
    lines = Path(server_module.__file__).read_text().splitlines()
    left_out = {lines[line - 1].strip() for line in missed(server_module, SCENARIOS)}
    assert left_out == {"await asyncio.start_unix_server(", "await self.close_sockets()"}
