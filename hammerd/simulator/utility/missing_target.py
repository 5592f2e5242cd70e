"""The dialogue of a target half whose PFS does not exist (HAMMER.md 8)."""

from __future__ import annotations

import os

from hammerd.simulator import console
from hammerd.simulator.console import CommandError, CommandOver, complain


def offer_to_create(path: str, shared_uuid: str, *, assume_yes: bool) -> None:
    """Make the slave when the terminal or -y says so; abort otherwise."""
    if assume_yes:
        complain(f"PFS slave {path} does not exist. Auto create new slave PFS!\n")
    else:
        complain(
            f"PFS slave {path} does not exist.\nDo you want to create a new slave PFS? [y/n] "
        )
        if not _terminal_says_yes():
            raise CommandError("Aborting operation")
    if not _create_in_child(path, shared_uuid):
        complain("Failed to create PFS\n")


def _terminal_says_yes() -> bool:
    try:
        fd = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        complain("No terminal for response\n")
        return False
    answer = os.read(fd, 256)[:1].lower()
    os.close(fd)
    if answer not in (b"y", b"n", b""):
        complain("Response not understood\n")
    return answer == b"y"


def _create_in_child(path: str, shared_uuid: str) -> bool:
    """Run pfs-slave as system(3) would, its stdout sent to stderr."""
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        os._exit(_create(path, shared_uuid))
    return os.waitpid(child, 0)[1] == 0


def _create(path: str, shared_uuid: str) -> int:
    # Imported here: no other stream needs it.
    from hammerd.simulator.utility import pfs_commands

    try:
        pfs_commands.create([path, f"shared-uuid={shared_uuid}"], is_slave=True)
    except CommandError as failure:
        console.flush()
        failure.report()
        return 1
    except CommandOver as over:
        return over.status
    finally:
        console.flush()
    return 0
