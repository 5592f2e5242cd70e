"""Connections that send no request, or take no answer, end."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from hammerd.web.process.connections import Connection
from tests.waiting import DEADLINE_S, until

LARGE = b"x" * (1 << 20)


class Hasty(Connection):
    request_s = 0.05
    take_s = 0.05


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Send without end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": LARGE, "more_body": True})
        # A connection that was lost takes all at once.
        await asyncio.sleep(0.001)


async def short(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await (endless if scope["path"] == "/endless" else short)(scope, receive, send)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[uvicorn.Server, int]]:
    config = uvicorn.Config(
        app,
        http=Hasty,
        ws="none",
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield server, listener.getsockname()[1]
        server.should_exit = True
        thread.join(DEADLINE_S)


def client_of(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:"])
def test_silent_client_loses_its_connection(
    served: tuple[uvicorn.Server, int], sent: bytes
) -> None:
    with client_of(served[1]) as client:
        client.sendall(sent)

        assert client.recv(1) == b""


def test_request_in_time_is_answered(served: tuple[uvicorn.Server, int]) -> None:
    with client_of(served[1]) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert b"here" in b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_there_are_only_so_many_connections(
    served: tuple[uvicorn.Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hasty, "most", 1)
    monkeypatch.setattr(Hasty, "request_s", DEADLINE_S)
    with client_of(served[1]) as first, client_of(served[1]) as second:
        assert second.recv(1) == b""
        first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert first.recv(12) == b"HTTP/1.1 200"


def test_client_that_takes_nothing_loses_its_connection(
    served: tuple[uvicorn.Server, int],
) -> None:
    server, port = served
    with client_of(port) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")

        until(lambda: len(server.server_state.connections) == 1, "the connection")
        until(lambda: not server.server_state.connections, "its end")
