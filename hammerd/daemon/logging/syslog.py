"""Sends lines of the log to syslogd, if the config names a facility.

syslog(3) and the library's handler are not used, since they wait while a syslogd hangs. Here
syslogd takes a datagram at once, or it is lost; the next one that it takes reports the number.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence

from hammerd.core.config.model import LogFormat, LogLevel, SyslogFacility

SOCKETS = ("/var/run/log", "/dev/log")
"""The sockets of syslogd on the BSDs, and on other systems."""

LONGEST_BYTES = 1024
"""The longest message that every syslogd takes (RFC 3164 4.1)."""

_FACILITIES = {
    SyslogFacility.USER: 1,
    SyslogFacility.DAEMON: 3,
    **{SyslogFacility(f"local{number}"): 16 + number for number in range(8)},
}
_SEVERITIES = {LogLevel.ERROR: 3, LogLevel.WARNING: 4, LogLevel.INFO: 6, LogLevel.DEBUG: 7}
_HEAD_WORDS = 2
"""The number of words of a line with its time and level, which syslogd adds itself."""


class SystemLog:
    """The connection to syslogd; only the writer thread uses it."""

    def __init__(
        self, facility: SyslogFacility, log_format: LogFormat, paths: Sequence[str] = SOCKETS
    ) -> None:
        self.facility = facility
        self.log_format = log_format
        self._paths = paths
        self._socket: socket.socket | None = None
        self._lost = 0
        self.unreached_because: str | None = None
        """The reason why syslogd did not take the last line, None when it did."""

    def describe(self) -> Mapping[str, object]:
        """Return the part of a status about syslog."""
        return {
            "syslog_unreached_because": self.unreached_because,
            "syslog_lines_lost": self._lost,
        }

    def write_line(self, level: LogLevel, line: str) -> None:
        """Send a line of the log without its time and level; count it if syslogd refuses it."""
        if self.facility is SyslogFacility.NONE:
            self._lost, self.unreached_because = 0, None
            return
        try:
            if self._lost:
                self._send(LogLevel.WARNING, f"log.lines_lost count={self._lost}")
                self._lost = 0
            self._send(level, self._without_head(line))
            self.unreached_because = None
        except OSError as error:
            self._lost += 1
            self.unreached_because = error.strerror or str(error)
            self.close()

    def _send(self, level: LogLevel, text: str) -> None:
        priority = _FACILITIES[self.facility] * 8 + _SEVERITIES[level]
        stamp = time.strftime("%b %e %H:%M:%S")
        message = f"<{priority}>{stamp} hammerd[{os.getpid()}]: {text}"
        data = message.encode("utf-8", "backslashreplace")[:LONGEST_BYTES]
        if self._socket is None:
            self._socket = _connected(self._paths)
        self._socket.send(data)

    def _without_head(self, line: str) -> str:
        if self.log_format is LogFormat.JSON:
            return line
        return line.split(maxsplit=_HEAD_WORDS)[-1]

    def close(self) -> None:
        """Close the socket; the next line connects again."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def _connected(paths: Sequence[str]) -> socket.socket:
    """Return a non-blocking socket to the first path with a listener.

    Raises:
        OSError: no path has a listener.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    connection.setblocking(False)
    for path in paths:
        with contextlib.suppress(OSError):
            connection.connect(path)
            return connection
    connection.close()
    raise ConnectionRefusedError(f"nobody listens at {' or '.join(paths)}")
