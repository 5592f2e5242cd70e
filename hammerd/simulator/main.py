"""The `hammer` program: reads the command line and runs the one command that it names."""

from __future__ import annotations

import sys

from hammerd.simulator.process import default_signals, end
from hammerd.simulator.utility.options import Options, UsageError, parse, show_usage_and_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run hammer with the arguments of this process."""
    default_signals()
    end(lambda: _run(sys.argv[1:]), 0)


def _run(words: list[str]) -> None:
    try:
        options, command = parse(words)
    except UsageError:
        show_usage_and_end("usage.txt", 1)
        return
    if command and options.restrict_commands is not None:
        from hammerd.simulator.utility.ssh_remote import check_command

        check_command(options, command[0])
    if not command or not _dispatch(options, command[0], command[1:]):
        show_usage_and_end("usage.txt", 1)


# Each import stands in its branch: a pfs-status every few seconds must start fast, and a
# stream must not carry the code of other commands.
def _dispatch(options: Options, command: str, words: list[str]) -> bool:
    if command.startswith("mirror-"):
        return _mirror(options, command, words)
    if command.startswith("pfs-"):
        return _pfs(options, command, words)
    if command in ("synctid", "version"):
        from hammerd.simulator.utility import file_system_commands

        file_system_commands.run(options, command, words)
        return True
    if command == "ssh-remote":
        from hammerd.simulator.utility import ssh_remote

        ssh_remote.run(words)
        return True
    return False


def _mirror(options: Options, command: str, words: list[str]) -> bool:
    if command in ("mirror-copy", "mirror-stream"):
        from hammerd.simulator.utility.mirror_parent import mirror

        mirror(options, words, is_streaming=command == "mirror-stream")
        return True
    if command in ("mirror-read", "mirror-read-stream", "mirror-write"):
        from hammerd.simulator.utility import one_half

        one_half.run(options, command, words)
        return True
    return False


def _pfs(options: Options, command: str, words: list[str]) -> bool:
    from hammerd.simulator.utility import pfs_commands

    if command == "pfs-status":
        pfs_commands.status(words)
    elif command in ("pfs-master", "pfs-slave"):
        pfs_commands.create(words, is_slave=command == "pfs-slave")
    elif command == "pfs-update":
        pfs_commands.update(words)
    elif command in ("pfs-upgrade", "pfs-downgrade", "pfs-destroy"):
        from hammerd.simulator.utility import pfs_turns

        pfs_turns.run(options, command, words)
    else:
        return False
    return True
