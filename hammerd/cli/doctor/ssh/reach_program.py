"""Resolves a name and connects to a port, as a program of its own: either may hang.

    reach_program.py HOST PORT SECONDS
    {"addresses": "192.0.2.7"}             or {"error": "Name or service not known"}
    {"banner": "SSH-2.0-OpenSSH_9.2"}      or {"error": "Connection refused"}

The caller ends it at a deadline; what it has printed by then counts.
"""

import json
import socket
import sys

LONGEST_BANNER = 255


def main(host: str, port: int, timeout_s: float) -> None:
    """Print what resolving and connecting told."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        _print({"error": getattr(error, "strerror", None) or str(error)})
        return
    addresses = [str(address[0]) for *_, address in found]
    _print({"addresses": ", ".join(dict.fromkeys(addresses))})
    _print(_connect(addresses, port, timeout_s))


def _connect(addresses: list[str], port: int, timeout_s: float) -> dict[str, str]:
    """Return the first line of the first address that answers, else the last error."""
    because = ""
    for address in addresses:
        try:
            with socket.create_connection((address, port), timeout_s) as connection:
                return {"banner": _first_line(connection)}
        except OSError as error:
            because = error.strerror or str(error)
    return {"error": because}


def _first_line(connection: socket.socket) -> str:
    line = b""
    while b"\n" not in line and len(line) < LONGEST_BANNER:
        data = connection.recv(LONGEST_BANNER)
        if not data:
            break
        line += data
    return line.partition(b"\n")[0].decode("ascii", "backslashreplace").strip()


def _print(facts: dict[str, str]) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
