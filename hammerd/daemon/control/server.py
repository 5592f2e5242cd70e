"""The Unix sockets: control.sock for root, status.sock for those who may only look.

One JSON object a line, a reply for each request. A client that is silent, slow, talks nonsense or
too much costs its own connection and nothing else: each socket has its own limit of clients, and
at the limit the user with the most connections loses the one that we have waited for longest.
Who connects without end is taken in small chunks, between which those are heard who ask something.
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

from hammerd.core.api.protocol import (
    MAX_REQUEST_BYTES,
    READ_VERBS,
    Refusal,
    Reply,
    Request,
    encode_reply,
    parse_request,
)
from hammerd.core.errors import ControlError
from hammerd.core.paths import CONTROL_SOCKET, STATUS_SOCKET
from hammerd.daemon.control.peer_credentials import peer_of
from hammerd.daemon.service.os_errors import naming

CLIENT_TIMEOUT_S = 30.0
MOST_CLIENTS = 32
MOST_AT_ONCE, MOST_WAITING = 8, 128
CONTROL_MODE, STATUS_MODE = 0o600, 0o660

Answerer = Callable[[Request], Awaitable[Reply]]


@dataclass(eq=False, slots=True)
class _Client:
    """A connection; `is_awaited` while we wait for it, and not it for us."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: int | None = None
    is_awaited: bool = True

    def drop(self) -> None:
        """End the connection now, whatever is not sent yet."""
        self.writer.transport.abort()


@dataclass(eq=False, slots=True)
class _Listener:
    """One of the sockets and who came in by it, the one that we wait for longest first."""

    takes_all_verbs: bool
    clients: dict[_Client, asyncio.Task[None]] = field(default_factory=dict)

    def make_room(self, peer: int | None) -> bool:
        """Make room for a client of this user, at the limit; False when nobody can be dropped.

        Of the users with the most connections one loses that which we wait for longest.
        """
        if len(self.clients) < MOST_CLIENTS:
            return True
        counts = Counter(client.peer for client in self.clients)
        counts[peer] += 1
        awaited = [client for client in self.clients if client.is_awaited]
        # max() takes the first of equals, which is the oldest.
        oldest = max(awaited, key=lambda client: counts[client.peer], default=None)
        if oldest is not None:
            del self.clients[oldest]
            oldest.drop()
        return oldest is not None

    def heard(self, client: _Client) -> None:
        """Put a client last among those that we wait for."""
        if task := self.clients.pop(client, None):
            self.clients[client] = task


class ControlServer:
    """Listens on both sockets of a run_dir and answers with `answer`."""

    def __init__(self, run_dir: Path, answer: Answerer) -> None:
        self._run_dir = run_dir
        self._answer = answer
        self._servers: list[asyncio.Server] = []
        self._sockets: tuple[socket.socket, ...] = ()
        self._inodes: dict[str, tuple[int, int]] = {}
        self._doors = {CONTROL_SOCKET: _Listener(True), STATUS_SOCKET: _Listener(False)}

    async def bind(self, status_group: str) -> str:
        """Make the sockets; return what is to be warned of, "" when nothing is.

        Raises:
            OSError: a socket cannot be made.
        """
        sockets: dict[str, socket.socket] = {}
        try:
            for name in self._doors:
                sockets[name] = self._bind(name, CONTROL_MODE)
        except OSError:
            for made in sockets.values():
                made.close()
            raise
        warning = _open_to_group(self._run_dir / STATUS_SOCKET, status_group)
        for name, door in self._doors.items():
            accept = partial(self._accept, door)
            self._servers.append(
                await asyncio.start_unix_server(
                    accept,
                    sock=sockets[name],
                    limit=MAX_REQUEST_BYTES,
                    start_serving=False,
                    backlog=MOST_AT_ONCE,
                )
            )
        self._sockets = tuple(sockets.values())
        return warning

    async def listen(self) -> None:
        """Answer from now on."""
        for server in self._servers:
            await server.start_serving()
        # asyncio takes as many at once as it lets wait; ours let more wait than they take.
        for listening in self._sockets:
            listening.listen(MOST_WAITING)

    def are_there(self) -> bool:
        """Tell whether the sockets of these names are still ours."""
        return all(self._inodes.get(name) == _inode(self._run_dir / name) for name in self._doors)

    def paths(self) -> tuple[str, ...]:
        """Return the sockets."""
        return tuple(str(self._run_dir / name) for name in self._doors)

    async def close_sockets(self) -> None:
        """Stop listening; who is connected is still answered."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def close(self) -> None:
        """Stop listening, drop the clients, remove the sockets."""
        await self.close_sockets()
        tasks = [task for door in self._doors.values() for task in door.clients.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in self._doors:
            with contextlib.suppress(OSError):
                (self._run_dir / name).unlink()

    def clients(self) -> int:
        """Count the open connections."""
        return sum(len(door.clients) for door in self._doors.values())

    def _bind(self, name: str, mode: int) -> socket.socket:
        path = self._run_dir / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mode is there from the first moment on: nobody slips in between bind and chmod.
        old = os.umask(0o777 & ~mode)
        try:
            with naming(path):
                sock.bind(str(path))
            self._inodes[name] = _inode(path)
        except OSError:
            sock.close()
            raise
        finally:
            os.umask(old)
        return sock

    def _accept(
        self, door: _Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = writer.get_extra_info("socket")
        client = _Client(reader, writer, peer_of(connection))
        if not door.make_room(client.peer):
            client.drop()
            return
        task = asyncio.get_running_loop().create_task(self._serve(door, client))
        door.clients[client] = task
        task.add_done_callback(lambda _task: door.clients.pop(client, None))

    async def _serve(self, door: _Listener, client: _Client) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                while await self._serve_one(door, client):
                    pass
                # What was refused as too long is still to be heard why.
                client.writer.close()
                await asyncio.wait_for(client.writer.wait_closed(), CLIENT_TIMEOUT_S)
        finally:
            client.drop()

    async def _serve_one(self, door: _Listener, client: _Client) -> bool:
        try:
            line = await asyncio.wait_for(client.reader.readuntil(b"\n"), CLIENT_TIMEOUT_S)
        except asyncio.LimitOverrunError:
            most = f"the request is longer than {MAX_REQUEST_BYTES} bytes"
            client.writer.write(encode_reply(Refusal(most)))
            return False
        client.is_awaited = False
        try:
            reply = await self._reply(line, takes_all_verbs=door.takes_all_verbs)
        finally:
            client.is_awaited = True
        door.heard(client)
        client.writer.write(reply)
        await asyncio.wait_for(client.writer.drain(), CLIENT_TIMEOUT_S)
        return True

    async def _reply(self, line: bytes, *, takes_all_verbs: bool) -> bytes:
        try:
            request = parse_request(line)
        except ControlError as error:
            return encode_reply(Refusal(error.message, error.hint))
        if not takes_all_verbs and request.verb not in READ_VERBS:
            hint = "ask control.sock, as root"
            return encode_reply(
                Refusal(f"{request.verb} is not answered on status.sock", hint, 77)
            )
        try:
            return encode_reply(await self._answer(request))
        except Exception as error:
            failed = f"hammerd failed to answer: {error!r}"
            return encode_reply(Refusal(failed, "please report this", 70))


def _inode(path: Path) -> tuple[int, int]:
    """Return what tells a file from any other, zeros for none."""
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
