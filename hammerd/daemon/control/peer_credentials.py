"""Reads the user id of the peer of a Unix socket."""

import socket
import struct
from asyncio.trsock import TransportSocket

SOL_LOCAL, LOCAL_PEERCRED = 0, 1
"""From sys/un.h of the BSDs; Python defines neither."""

XUCRED_BYTES = 128
"""More than a BSD's struct xucred, which starts with a version and the user id."""


def peer_of(connection: socket.socket | TransportSocket) -> int | None:
    """Return the id of the user who connected, None where the system does not report it."""
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
