"""The program `hammer`: reads the command line and runs the command that it names."""

import sys

from hammerd.simulator.runtime.process import reset_signals, run_and_exit
from hammerd.simulator.utility.arguments.options import Options, UsageError, exit_with_usage, parse


def main() -> None:
    """Run hammer with the arguments of this process."""
    reset_signals()
    run_and_exit(lambda: _run(sys.argv[1:]), 0)


def _run(words: list[str]) -> None:
    try:
        options, command = parse(words)
    except UsageError:
        exit_with_usage("usage.txt", 1)
        return
    if command and options.restrict_commands is not None:
        from hammerd.simulator.utility.mirror.remote import check_command

        check_command(options, command[0])
    if not command or not _dispatch(options, command[0], command[1:]):
        exit_with_usage("usage.txt", 1)


# Each branch has its own import: a pfs-status every few seconds must start fast, and a stream
# must not load the code of other commands.
def _dispatch(options: Options, command: str, words: list[str]) -> bool:
    if command in ("mirror-copy", "mirror-stream"):
        from hammerd.simulator.utility.mirror.commands import mirror

        mirror(options, words, is_streaming=command == "mirror-stream")
    elif command in ("mirror-read", "mirror-read-stream", "mirror-write"):
        from hammerd.simulator.utility.mirror.commands import run_half

        run_half(options, command, words)
    elif command in ("pfs-status", "pfs-master", "pfs-slave", "pfs-update"):
        from hammerd.simulator.utility.commands import pfs

        pfs.run(command, words)
    elif command in ("pfs-upgrade", "pfs-downgrade", "pfs-destroy"):
        from hammerd.simulator.utility.commands import pfs_lifecycle

        pfs_lifecycle.run(options, command, words)
    elif command in ("synctid", "version"):
        from hammerd.simulator.utility.commands import file_system

        file_system.run(options, command, words)
    elif command in ("history", "prune-everything", "reblock", "version-upgrade"):
        from hammerd.simulator.utility.commands import maintenance

        maintenance.run(command, words)
    elif command == "ssh-remote":
        from hammerd.simulator.utility.mirror.remote import run_forced_command

        run_forced_command(words)
    else:
        return False
    return True
