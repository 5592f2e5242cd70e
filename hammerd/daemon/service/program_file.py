"""Checks that only root can change a program of the config that root runs.

It imports only core and the standard library: `hammerd check` uses it too.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator

from hammerd.core.config.permissions import PathPermissions, permission_faults
from hammerd.core.config.values import show_value
from hammerd.core.errors import Fault

Command = tuple[str, tuple[str, ...]]
"""The key path of a command, and its argv."""

DIRECTORY_HINT = "move the program to a directory that only root can write to"


def program_faults(path: str) -> tuple[Fault, ...]:
    """Find by what other users could change a program; () if it is missing, or we are not root."""
    return permission_faults(tuple(_permissions(path)), os.geteuid(), DIRECTORY_HINT)


def command_faults(commands: Iterable[Command]) -> tuple[Fault, ...]:
    """Find the commands of a config whose programs other users could change."""
    return tuple(
        Fault(where, f"{fault.what} ({fault.got})", show_value(argv[0]), fault.hint)
        for where, argv in commands
        for fault in program_faults(argv[0])
    )


def _permissions(path: str) -> Iterator[PathPermissions]:
    real = os.path.realpath(path)
    for one in dict.fromkeys((real, os.path.dirname(path), os.path.dirname(real))):
        with contextlib.suppress(OSError):
            found = os.stat(one)
            is_directory = one != real
            yield PathPermissions(one, found.st_uid, found.st_gid, found.st_mode, is_directory)
