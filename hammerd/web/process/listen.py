"""Reads addresses to listen on, and binds them: an address with a port, or a Unix socket.

Who may connect to a Unix socket is up to its group, so that a reverse proxy with a login is the
only way in; a port of the loopback is open to every user of the machine.
"""

import contextlib
import errno
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass

from hammerd.core.errors import HammerdError

BACKLOG = 128
SOCKET_MODE = 0o660
_UNUSED = frozenset({errno.ECONNREFUSED, errno.ENOENT})


@dataclass(frozen=True, slots=True)
class Address:
    """A numeric address of this machine and a port, or the path of a Unix socket without one.

    Port 0 lets the system choose one.
    """

    host: str
    port: int = 0

    @property
    def is_path(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        if self.is_path:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(text: str) -> Address:
    """Read an address: `127.0.0.1:9427`, `[::1]:9427`, `localhost:9427`, `/var/run/web.sock`.

    Raises:
        ValueError: it is none.
    """
    if text.startswith("/"):
        return Address(os.path.normpath(text))
    host, separator, port = text.rpartition(":")
    if not separator or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ValueError("it takes ADDRESS:PORT, as 127.0.0.1:9427 or [::1]:9427, or a path")
    if host == "localhost":
        host = "127.0.0.1"
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        return Address(str(ipaddress.ip_address(host)), int(port))
    except ValueError as error:
        raise ValueError("it takes a numeric address, as 127.0.0.1 or [::1]") from error


def bound_address(listener: socket.socket) -> Address:
    """Return where a socket listens, with the port that the system chose."""
    name = listener.getsockname()
    return Address(name) if isinstance(name, str) else Address(name[0], name[1])


def bind(address: Address, gid: int = -1) -> socket.socket:
    """Listen on an address; a Unix socket is open to a group, -1 for that of this process.

    Raises:
        HammerdError: the system refuses it, or something else is at that path.
    """
    made = socket.socket(_family(address))
    try:
        if address.is_path:
            _bind_path(made, address.host, gid)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((address.host, address.port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise HammerdError(
            f"cannot listen on {address}: {error.strerror or error}",
            "name another address with --listen; sockstat -l tells who has this one",
        ) from error
    return made


def _family(address: Address) -> socket.AddressFamily:
    if address.is_path:
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET


def _bind_path(made: socket.socket, path: str, gid: int) -> None:
    _remove_unused(path)
    # It is closed to all from the first moment on.
    mask = os.umask(0o777)
    try:
        made.bind(path)
    finally:
        os.umask(mask)
    os.chown(path, -1, gid)
    os.chmod(path, SOCKET_MODE)


def _remove_unused(path: str) -> None:
    """Remove the socket of an earlier web server, which could not: it had no rights any more."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is something else, which is no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(path) in _UNUSED:
                os.unlink(path)
