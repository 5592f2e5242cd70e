"""Asks a running hammerd: one request, one reply, over its Unix sockets.

Verbs that only read go to status.sock, which more people may open; the others to control.sock.
"""

import errno
import os
import socket
import time
from collections.abc import Mapping

from hammerd.cli.output.failures import CommandFailed, NoDaemon
from hammerd.core.api.protocol import (
    READ_VERBS,
    Answer,
    Request,
    encode_request,
    parse_reply,
)
from hammerd.core.errors import ControlError
from hammerd.core.exit_codes import Exit
from hammerd.core.paths import CONTROL_SOCKET, STATUS_SOCKET

TIMEOUT_S = 10.0
BUSY_S = 0.02
LONGEST_REPLY_BYTES = 64 << 20

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED})
_BUSY = frozenset({errno.EAGAIN})
"""So many wait to be heard that there is no place for one more."""
_CUT_OFF = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
"""Who asked before us was so many that hammerd let us go: what only reads is asked again."""
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
    line = _exchange(path, request, timeout_s)
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


def _exchange(path: str, request: Request, timeout_s: float) -> bytes:
    """Return the line that answers a request; where hammerd is only busy, it is asked again."""
    deadline_at = time.monotonic() + timeout_s
    again = _BUSY | _CUT_OFF if request.verb in READ_VERBS else _BUSY
    while True:
        try:
            return _exchange_once(path, encode_request(request), deadline_at)
        except TimeoutError as error:
            raise CommandFailed(
                f"no answer from {path} within {timeout_s:g} s",
                "hammerd is there, and busy or stuck: look into its log",
                code=Exit.UNAVAILABLE,
            ) from error
        except OSError as error:
            if error.errno not in again or time.monotonic() > deadline_at:
                raise _cannot_ask(path, error) from error
        time.sleep(BUSY_S)


def _exchange_once(path: str, request: bytes, deadline_at: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(deadline_at - time.monotonic(), 0.001))
        connection.connect(path)
        connection.sendall(request)
        return _read_line(connection, deadline_at)


def _read_line(connection: socket.socket, deadline_at: float) -> bytes:
    """Read up to the newline; what ends without one is cut off, and no reply."""
    received = bytearray()
    while not received.endswith(b"\n") and len(received) <= LONGEST_REPLY_BYTES:
        connection.settimeout(max(deadline_at - time.monotonic(), 0.001))
        chunk = connection.recv(1 << 16)
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, "hammerd hung up before it answered")
        received += chunk
    return bytes(received)


def _cannot_ask(path: str, error: OSError) -> CommandFailed:
    if error.errno in _ABSENT:
        is_refused = error.errno == errno.ECONNREFUSED
        said = f"no hammerd answers at {path}"
        return NoDaemon(said, _START_HINT, is_refused=is_refused)
    if isinstance(error, PermissionError):
        hint = "run the command as root"
        if os.path.basename(path) == STATUS_SOCKET:
            hint += ", or join the socket's group (status_group in the config)"
        return CommandFailed(f"no permission to open {path}", hint, code=Exit.NO_PERMISSION)
    reason = error.strerror or str(error)
    return NoDaemon(f"cannot ask at {path}: {reason}", _START_HINT)
