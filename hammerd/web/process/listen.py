"""Reads addresses to listen on, and binds them."""

import ipaddress
import socket
from dataclasses import dataclass

from hammerd.core.errors import HammerdError

BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Address:
    """An address of this machine and a port; 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(text: str) -> Address:
    """Read an address: `127.0.0.1:9427`, `[::1]:9427`, `localhost:9427`.

    Raises:
        ValueError: it is none.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not (port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise ValueError("it takes ADDRESS:PORT, as 127.0.0.1:9427 or [::1]:9427")
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
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def bind(address: Address) -> socket.socket:
    """Listen on an address.

    Raises:
        HammerdError: the system refuses it.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address.host, address.port))
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise HammerdError(
            f"cannot listen on {address}: {error.strerror}",
            "name another address with --listen; sockstat -l tells who has this one",
        ) from error
    return made
