"""Asks a running hammerd: one request, one reply, over its Unix sockets.

Verbs that only read go to status.sock, which more people may open; the others to control.sock.
"""

import errno
import os
import socket
import time
from collections.abc import Mapping

from hammerd.cli.exits import CommandFailed, Exit
from hammerd.core.control_messages import (
    READ_VERBS,
    Answer,
    Request,
    encode_request,
    parse_reply,
)
from hammerd.core.errors import ControlError

CONTROL_SOCKET = "control.sock"
STATUS_SOCKET = "status.sock"

TIMEOUT_S = 10.0
LONGEST_REPLY_BYTES = 64 << 20

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED})
_START_HINT = (
    "start it with: service hammerd start (or: hammerd run -c FILE); "
    "if it runs elsewhere, name its directory with --run-dir"
)


def ask(
    run_dir: str | os.PathLike[str], request: Request, timeout_s: float = TIMEOUT_S
) -> Mapping[str, object]:
    """Return what the hammerd at `run_dir` answers.

    Raises:
        CommandFailed: nobody answers, we may not ask, or hammerd refuses.
    """
    path = socket_path(run_dir, request)
    line = _exchange(path, encode_request(request), timeout_s)
    try:
        reply = parse_reply(line)
    except ControlError as error:
        hint = "is that hammerd of the same version as this command?"
        raise CommandFailed(
            f"what answers at {path} is no hammerd: {error.message}", hint, code=Exit.PROTOCOL
        ) from error
    if isinstance(reply, Answer):
        return reply.data
    raise CommandFailed(reply.error, reply.hint, code=reply.code)


def socket_path(run_dir: str | os.PathLike[str], request: Request) -> str:
    """Return the socket that takes a request."""
    name = STATUS_SOCKET if request.verb in READ_VERBS else CONTROL_SOCKET
    return os.path.join(run_dir, name)


def _exchange(path: str, request: bytes, timeout_s: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.settimeout(timeout_s)
            connection.connect(path)
            connection.sendall(request)
            return _read_line(connection, time.monotonic() + timeout_s)
        except TimeoutError as error:
            raise CommandFailed(
                f"no answer from {path} within {timeout_s:g} s",
                "hammerd is there, and busy or stuck: look into its log",
                code=Exit.UNAVAILABLE,
            ) from error
        except OSError as error:
            raise _cannot_ask(path, error) from error


def _read_line(connection: socket.socket, deadline_at: float) -> bytes:
    """Read up to the newline; what ends without one is cut off, and no reply."""
    received = bytearray()
    while not received.endswith(b"\n") and len(received) <= LONGEST_REPLY_BYTES:
        connection.settimeout(max(deadline_at - time.monotonic(), 0.001))
        bite = connection.recv(1 << 16)
        if not bite:
            raise ConnectionResetError(errno.ECONNRESET, "hammerd hung up before it answered")
        received += bite
    return bytes(received)


def _cannot_ask(path: str, error: OSError) -> CommandFailed:
    if error.errno in _ABSENT:
        return CommandFailed(f"no hammerd answers at {path}", _START_HINT, code=Exit.UNAVAILABLE)
    if isinstance(error, PermissionError):
        hint = "run the command as root"
        if os.path.basename(path) == STATUS_SOCKET:
            hint += ", or join the socket's group (status_group in the config)"
        return CommandFailed(f"no permission to open {path}", hint, code=Exit.NO_PERMISSION)
    reason = error.strerror or str(error)
    return CommandFailed(f"cannot ask at {path}: {reason}", _START_HINT, code=Exit.UNAVAILABLE)
