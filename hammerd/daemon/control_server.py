"""The Unix sockets: control.sock for root, status.sock for those who may only look.

One JSON object a line, a reply for each request. A client that is silent, slow, talks nonsense or
too much costs its own connection and nothing else.
"""

import asyncio
import contextlib
import grp
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hammerd.core.control_messages import (
    MAX_REQUEST_BYTES,
    READ_VERBS,
    Refusal,
    Reply,
    Request,
    encode_reply,
    parse_request,
)
from hammerd.core.errors import ControlError

CLIENT_TIMEOUT_S = 30.0
MOST_CLIENTS = 32
CONTROL_MODE, STATUS_MODE = 0o600, 0o660

Answerer = Callable[[Request], Reply]


class ControlServer:
    """Listens on both sockets of a run_dir and answers with `answer`."""

    def __init__(self, run_dir: Path, answer: Answerer) -> None:
        self._run_dir = run_dir
        self._answer = answer
        self._servers: list[asyncio.Server] = []
        self._clients: set[asyncio.Task[None]] = set()

    async def listen(self, status_group: str) -> str:
        """Open the sockets; return what is to be warned of, "" when nothing is.

        Raises:
            OSError: a socket cannot be made.
        """
        control = self._bind("control.sock", CONTROL_MODE)
        status = self._bind("status.sock", CONTROL_MODE)
        warning = _open_to_group(self._run_dir / "status.sock", status_group)
        for sock, is_for_all in ((control, True), (status, False)):
            self._servers.append(
                await asyncio.start_unix_server(
                    partial(self._accept, is_for_all),
                    sock=sock,
                    limit=MAX_REQUEST_BYTES,
                )
            )
        return warning

    async def close(self) -> None:
        """Stop listening, drop the clients, remove the sockets."""
        for server in self._servers:
            server.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        for name in ("control.sock", "status.sock"):
            with contextlib.suppress(OSError):
                (self._run_dir / name).unlink()

    def _bind(self, name: str, mode: int) -> socket.socket:
        path = self._run_dir / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mode is there from the first moment on: nobody slips in between bind and chmod.
        old = os.umask(0o777 & ~mode)
        try:
            sock.bind(str(path))
        finally:
            os.umask(old)
        return sock

    def _accept(
        self, all_verbs: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        client = asyncio.get_running_loop().create_task(self._serve(reader, writer, all_verbs))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, all_verbs: bool
    ) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            while await self._serve_one(reader, writer, all_verbs):
                pass
        writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, all_verbs: bool
    ) -> bool:
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), CLIENT_TIMEOUT_S)
            reply, goes_on = self._reply(line, all_verbs), True
        except asyncio.LimitOverrunError:
            most = f"the request is longer than {MAX_REQUEST_BYTES} bytes"
            reply, goes_on = Refusal(most), False
        writer.write(encode_reply(reply))
        await asyncio.wait_for(writer.drain(), CLIENT_TIMEOUT_S)
        return goes_on

    def _reply(self, line: bytes, all_verbs: bool) -> Reply:
        try:
            request = parse_request(line)
        except ControlError as error:
            return Refusal(error.message, error.hint)
        if not all_verbs and request.verb not in READ_VERBS:
            hint = "ask control.sock, as root"
            return Refusal(f"{request.verb} is not answered on status.sock", hint, 77)
        try:
            return self._answer(request)
        except Exception as error:
            return Refusal(f"hammerd failed to answer: {error!r}", "please report this", 70)


def _open_to_group(path: Path, group: str) -> str:
    try:
        os.chown(path, -1, grp.getgrnam(group).gr_gid)
        path.chmod(STATUS_MODE)
    except KeyError:
        return f"group {group} does not exist: only root can ask for the status"
    except OSError as error:
        return f"{path} cannot be opened to group {group}: {error.strerror}"
    return ""
