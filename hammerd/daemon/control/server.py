"""Serves two Unix sockets: control.sock for root, status.sock for users who may only read.

Each request and each reply is one line, a JSON object. A client that is silent, slow, or sends
nonsense or too much loses its own connection and harms no other. Each socket has its own limit of
clients: at the limit the user with the most connections loses the one that has been silent
longest. New connections are accepted a few at a time, so that a flood of them does not keep
waiting requests from being answered.
"""

import asyncio
import contextlib
import grp
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hammerd.core.api import protocol
from hammerd.core.errors import ControlError
from hammerd.core.paths import CONTROL_SOCKET, STATUS_SOCKET
from hammerd.daemon.control.peer_credentials import peer_of
from hammerd.daemon.service.os_errors import naming_path

CLIENT_TIMEOUT_S = 30.0
MOST_CLIENTS = 32
MOST_AT_ONCE, MOST_WAITING = 8, 128
CONTROL_MODE, STATUS_MODE = 0o600, 0o660

Answerer = Callable[[protocol.Request], Awaitable[protocol.Reply]]


@dataclass(eq=False, slots=True)
class _Client:
    """A connection; `is_awaited` while the server waits for its next request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: int | None = None
    is_awaited: bool = True

    def drop(self) -> None:
        """Close the connection at once; unsent data is lost."""
        self.writer.transport.abort()


@dataclass(eq=False, slots=True)
class _Listener:
    """One of the sockets and its clients, the one that has been silent longest first."""

    takes_all_verbs: bool
    clients: dict[_Client, asyncio.Task[None]] = field(default_factory=dict)

    def admits(self, peer: int | None) -> bool:
        """Return whether a client of this user can be added; at the limit drop another one.

        The dropped client is the one that has been silent longest, of the user with the most.
        """
        if len(self.clients) < MOST_CLIENTS:
            return True
        counts = Counter(client.peer for client in self.clients)
        counts[peer] += 1
        awaited = [client for client in self.clients if client.is_awaited]
        # max() returns the first of equals, which is the oldest.
        oldest = max(awaited, key=lambda client: counts[client.peer], default=None)
        if oldest is not None:
            del self.clients[oldest]
            oldest.drop()
        return oldest is not None

    def move_last(self, client: _Client) -> None:
        """Move a client to the end: it has just sent a request."""
        if task := self.clients.pop(client, None):
            self.clients[client] = task


class ControlServer:
    """Listens on both sockets of a run_dir; `answer` returns the reply to a request."""

    def __init__(self, run_dir: Path, answer: Answerer) -> None:
        self._run_dir = run_dir
        self._answer = answer
        self._servers: list[asyncio.Server] = []
        self._sockets: tuple[socket.socket, ...] = ()
        self._inodes: dict[str, tuple[int, int]] = {}
        self._listeners = {CONTROL_SOCKET: _Listener(True), STATUS_SOCKET: _Listener(False)}

    async def bind(self, status_group: str) -> str:
        """Make the sockets; return a warning, "" for none.

        Raises:
            OSError: a socket cannot be made.
        """
        sockets: dict[str, socket.socket] = {}
        try:
            for name in self._listeners:
                sockets[name] = self._bind(name, CONTROL_MODE)
        except OSError:
            for made in sockets.values():
                made.close()
            raise
        warning = _open_to_group(self._run_dir / STATUS_SOCKET, status_group)
        for name, listener in self._listeners.items():
            accept = partial(self._accept, listener)
            self._servers.append(
                await asyncio.start_unix_server(
                    accept,
                    sock=sockets[name],
                    limit=protocol.MAX_REQUEST_BYTES,
                    start_serving=False,
                    backlog=MOST_AT_ONCE,
                )
            )
        self._sockets = tuple(sockets.values())
        return warning

    async def listen(self) -> None:
        """Start to accept clients."""
        for server in self._servers:
            await server.start_serving()
        # asyncio accepts as many at once as its backlog; here the backlog is the larger one.
        for listening in self._sockets:
            listening.listen(MOST_WAITING)

    def are_present(self) -> bool:
        """Return whether the files at the sockets' paths are still those of this server."""
        return self._inodes == {name: _inode(self._run_dir / name) for name in self._listeners}

    def paths(self) -> tuple[str, ...]:
        """Return the paths of the sockets."""
        return tuple(str(self._run_dir / name) for name in self._listeners)

    async def close_sockets(self) -> None:
        """Stop listening; connected clients are still answered."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def close(self) -> None:
        """Stop listening, drop the clients, remove the sockets."""
        await self.close_sockets()
        listeners = self._listeners.values()
        tasks = [task for listener in listeners for task in listener.clients.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in self._listeners:
            with contextlib.suppress(OSError):
                (self._run_dir / name).unlink()

    def clients(self) -> int:
        """Count the open connections."""
        return sum(len(listener.clients) for listener in self._listeners.values())

    def _bind(self, name: str, mode: int) -> socket.socket:
        path = self._run_dir / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # By umask, so that no client connects between bind and chmod.
        old = os.umask(0o777 & ~mode)
        try:
            with naming_path(path):
                sock.bind(str(path))
            self._inodes[name] = _inode(path)
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(old)
        return sock

    def _accept(
        self, listener: _Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = writer.get_extra_info("socket")
        client = _Client(reader, writer, peer_of(connection))
        if not listener.admits(client.peer):
            client.drop()
            return
        task = asyncio.get_running_loop().create_task(self._serve(listener, client))
        listener.clients[client] = task
        task.add_done_callback(lambda _task: listener.clients.pop(client, None))

    async def _serve(self, listener: _Listener, client: _Client) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                while await self._serve_one(listener, client):
                    pass
                # A client whose request is too long must still get the refusal.
                client.writer.close()
                await asyncio.wait_for(client.writer.wait_closed(), CLIENT_TIMEOUT_S)
        finally:
            client.drop()

    async def _serve_one(self, listener: _Listener, client: _Client) -> bool:
        try:
            line = await asyncio.wait_for(client.reader.readuntil(b"\n"), CLIENT_TIMEOUT_S)
        except asyncio.LimitOverrunError:
            error = f"the request is longer than {protocol.MAX_REQUEST_BYTES} bytes"
            client.writer.write(protocol.encode_reply(protocol.Refusal(error)))
            return False
        client.is_awaited = False
        try:
            reply = await self._reply(line, takes_all_verbs=listener.takes_all_verbs)
        finally:
            client.is_awaited = True
        listener.move_last(client)
        client.writer.write(reply)
        await asyncio.wait_for(client.writer.drain(), CLIENT_TIMEOUT_S)
        return True

    async def _reply(self, line: bytes, *, takes_all_verbs: bool) -> bytes:
        try:
            request = protocol.parse_request(line)
        except ControlError as error:
            return protocol.encode_reply(protocol.Refusal(error.message, error.hint))
        if not takes_all_verbs and request.verb not in protocol.READ_VERBS:
            hint = "ask control.sock, as root"
            return protocol.encode_reply(
                protocol.Refusal(f"{request.verb} is not answered on status.sock", hint, 77)
            )
        try:
            return protocol.encode_reply(await self._answer(request))
        except Exception as error:
            failed = f"hammerd failed to answer: {error!r}"
            return protocol.encode_reply(protocol.Refusal(failed, "please report this", 70))


def _inode(path: Path) -> tuple[int, int]:
    """Return the device and inode of a file, zeros for none."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _open_to_group(path: Path, group: str) -> str:
    try:
        os.chown(path, -1, grp.getgrnam(group).gr_gid, follow_symlinks=False)
        path.chmod(STATUS_MODE)
    except KeyError:
        return f"group {group} does not exist: only root can ask for the status"
    except OSError as error:
        return f"{path} cannot be opened to group {group}: {error.strerror}"
    return ""
