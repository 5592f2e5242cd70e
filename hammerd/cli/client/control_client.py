"""Sends one request to a running hammerd over a Unix socket, and reads one reply.

Verbs that only read go to status.sock, which more people may open; the others to control.sock.
"""

import errno
import os
import socket
import time
from collections.abc import Mapping

from hammerd.cli.output.failures import CommandFailed, DaemonRefused, NoDaemon
from hammerd.core.api import protocol
from hammerd.core.errors import ControlError
from hammerd.core.exit_codes import Exit
from hammerd.core.paths import CONTROL_SOCKET, STATUS_SOCKET

TIMEOUT_S = 10.0
BUSY_S = 0.02
LONGEST_REPLY_BYTES = 64 << 20

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ECONNREFUSED})
_BUSY = frozenset({errno.EAGAIN})
"""The queue of connections is full."""
_CUT_OFF = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
"""hammerd closed a connection because it had too many: a request that only reads is repeated."""
_START_HINT = (
    "start it with: service hammerd start (or: hammerd run -c FILE); "
    "if it runs elsewhere, name its directory with --run-dir"
)


def send_request(
    run_dir: str | os.PathLike[str], request: protocol.Request, timeout_s: float = TIMEOUT_S
) -> Mapping[str, object]:
    """Send a request to the hammerd at `run_dir`, and return the data of its answer.

    Raises:
        CommandFailed: no answer, no permission to open the socket, or a refusal.
    """
    name = STATUS_SOCKET if request.verb in protocol.READ_VERBS else CONTROL_SOCKET
    path = os.path.join(run_dir, name)
    line = _exchange(path, request, timeout_s)
    try:
        reply = protocol.parse_reply(line)
    except ControlError as error:
        hint = "is that hammerd of the same version as this command?"
        raise CommandFailed(
            f"what answers at {path} is no hammerd: {error.message}", hint, code=Exit.PROTOCOL
        ) from error
    if isinstance(reply, protocol.Answer):
        return reply.data
    raise DaemonRefused(reply.error, reply.hint, code=reply.code)


def _exchange(path: str, request: protocol.Request, timeout_s: float) -> bytes:
    """Send a request and return the reply's line; repeat it while hammerd is only busy."""
    deadline_at = time.monotonic() + timeout_s
    repeatable = _BUSY | _CUT_OFF if request.verb in protocol.READ_VERBS else _BUSY
    while True:
        try:
            return _exchange_once(path, protocol.encode_request(request), deadline_at)
        except TimeoutError as error:
            raise CommandFailed(
                f"no answer from {path} within {timeout_s:g} s",
                "hammerd is there, and busy or stuck: look into its log",
                code=Exit.UNAVAILABLE,
            ) from error
        except OSError as error:
            if error.errno not in repeatable or time.monotonic() > deadline_at:
                raise _failure_of(path, error) from error
        time.sleep(BUSY_S)


def _exchange_once(path: str, request: bytes, deadline_at: float) -> bytes:
    """Send a request and read up to the newline; a reply without a newline was cut off."""
    received = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(deadline_at - time.monotonic(), 0.001))
        connection.connect(path)
        connection.sendall(request)
        while not received.endswith(b"\n") and len(received) <= LONGEST_REPLY_BYTES:
            connection.settimeout(max(deadline_at - time.monotonic(), 0.001))
            chunk = connection.recv(1 << 16)
            if not chunk:
                raise ConnectionResetError(errno.ECONNRESET, "hammerd hung up before it answered")
            received += chunk
    return bytes(received)


def _failure_of(path: str, error: OSError) -> CommandFailed:
    if error.errno in _ABSENT:
        is_refused = error.errno == errno.ECONNREFUSED
        message = f"no hammerd answers at {path}"
        return NoDaemon(message, _START_HINT, is_refused=is_refused)
    if isinstance(error, PermissionError):
        hint = "run the command as root"
        if os.path.basename(path) == STATUS_SOCKET:
            hint += ", or join the socket's group (status_group in the config)"
        return CommandFailed(f"no permission to open {path}", hint, code=Exit.NO_PERMISSION)
    reason = error.strerror or str(error)
    return NoDaemon(f"cannot ask at {path}: {reason}", _START_HINT)
