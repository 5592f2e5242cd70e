"""Offers to create the missing PFS of a target half (docs/hammer.md 5.7)."""

import os

from hammerd.simulator.runtime.console import CommandError, write_stderr
from hammerd.simulator.runtime.process import run_and_exit


def ask_to_create(path: str, shared_uuid: str, *, assume_yes: bool) -> None:
    """Create the slave if -y or the terminal confirms it; abort otherwise."""
    if assume_yes:
        write_stderr(f"PFS slave {path} does not exist. Auto create new slave PFS!\n")
    else:
        write_stderr(
            f"PFS slave {path} does not exist.\nDo you want to create a new slave PFS? [y/n] "
        )
        if not _terminal_says_yes():
            raise CommandError("Aborting operation")
    if not _create_in_child(path, shared_uuid):
        write_stderr("Failed to create PFS\n")


def _terminal_says_yes() -> bool:
    try:
        fd = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        write_stderr("No terminal for response\n")
        return False
    answer = os.read(fd, 256)[:1].lower()
    os.close(fd)
    if answer not in (b"y", b"n", b""):
        write_stderr("Response not understood\n")
    return answer == b"y"


def _create_in_child(path: str, shared_uuid: str) -> bool:
    """Run pfs-slave as system(3) would, with its stdout sent to stderr."""
    child = os.fork()
    if child == 0:
        # Imported here: no other stream needs it.
        from hammerd.simulator.utility.commands import pfs

        os.dup2(2, 1)
        run_and_exit(lambda: pfs.create([path, f"shared-uuid={shared_uuid}"], is_slave=True), 0)
    return os.waitpid(child, 0)[1] == 0
