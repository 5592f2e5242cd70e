"""Defines the exit statuses of hammerd's commands: sysexits(3), and those for monitoring."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit status of a command; a daemon's refusal contains one, too."""

    OK = 0
    FAILURE = 1
    USAGE = 64
    DATA = 65  # a damaged file
    NO_INPUT = 66  # no such file
    UNAVAILABLE = 69  # no daemon answers
    IO_ERROR = 74  # stdout cannot be written
    TEMPORARY = 75  # try again
    PROTOCOL = 76
    NO_PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130  # a shell's status for SIGINT


class PluginExit(IntEnum):
    """The exit status of `status --nagios`: monitoring systems accept no other."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3
