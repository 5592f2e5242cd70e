"""Tells which user is at the other end of a Unix socket."""

import socket
import struct
from asyncio.trsock import TransportSocket

SOL_LOCAL, LOCAL_PEERCRED = 0, 1
"""sys/un.h of the BSDs; Python names neither."""

XUCRED_BYTES = 128
"""More than a BSD's struct xucred, which begins with a version and the user's id."""


def peer_of(connection: socket.socket | TransportSocket) -> int | None:
    """Return the id of the user who connected, None where the system does not tell."""
    try:
        if hasattr(socket, "SO_PEERCRED"):
            found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            _pid, uid, _gid = struct.unpack("3I", found)
        else:
            found = connection.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, XUCRED_BYTES)
            _version, uid = struct.unpack_from("2I", found)
    except (OSError, struct.error):
        return None
    return int(uid)
