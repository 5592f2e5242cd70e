"""Halves on other hosts: arguments of ssh, and the command that sshd is forced to run.

For ssh or $HAMMER_RSH see docs/hammer.md 7.1; for ssh-remote, -R and -T docs/hammer.md 7.4.
"""

import os
import sys

from hammerd.simulator.runtime.console import CommandError
from hammerd.simulator.utility.arguments.options import Options, exit_with_usage


def arguments(options: Options, spec: str, command: str) -> list[str]:
    """Return the words that run `command` for [user@]host:path; -i, -b, -B are not passed on."""
    place, _, path = spec.partition(":")
    # hammer searches the @ in the whole text, also in the path.
    user, at, host = spec.partition("@")
    host = host.partition(":")[0] if at else place
    words = [os.environ.get("HAMMER_RSH", "ssh")]
    if options.compress:
        words.append("-C")
    words += ["-l", user, host] if at else [host]
    if options.port:
        words += ["-p", options.port]
    words.append("hammer")
    if options.verbose:
        words.append("-" + "v" * min(options.verbose, 3))
    if options.assume_yes:
        words.append("-y")
    words.append("-2")
    if command != "mirror-write":
        words += _source_words(options)
    return [*words, command, path]


def _source_words(options: Options) -> list[str]:
    words = []
    if options.timeout_s:
        words += ["-t", str(options.timeout_s)]
    if options.split_text:
        words += ["-S", options.split_text]
    return words


def exec_remote(words: list[str]) -> None:
    """Replace this process by the words; end it without a message if that fails."""
    try:
        os.execvp(words[0], words)
    except OSError:
        os._exit(1)


def run_forced_command(words: list[str]) -> None:
    """Run the command that ssh asked for, restricted by -R and -T to these words (ssh-remote)."""
    if len(words) != 2:
        exit_with_usage("usage.txt", 1)
    asked = os.environ.get("SSH_ORIGINAL_COMMAND")
    if asked is None:
        raise CommandError("SSH_ORIGINAL_COMMAND env missing")
    for blank in "\t\r\n":
        asked = asked.replace(blank, " ")
    program, *rest = asked.split(" ")
    if "hammer" not in program:
        raise CommandError("hammer-remote: Command not 'hammer'")
    os.execv(sys.argv[0], ["hammer", "-R", words[0], "-T", words[1], *rest])


def check_command(options: Options, command: str) -> None:
    """Raise CommandError if -R does not name this command."""
    allowed = options.restrict_commands
    if allowed is not None and command not in allowed.split(","):
        raise CommandError("hammer-remote: request does not match restricted command")


def check_path(options: Options, path: str) -> None:
    """Raise CommandError if -T does not allow this path; only the halves check."""
    prefix = options.restrict_path
    if prefix is None:
        return
    if not path.startswith(prefix):
        raise CommandError("hammer-remote: restricted target")
    if any(word.startswith("..") for word in path[len(prefix) :].split("/")):
        raise CommandError("hammer-remote: '..' not allowed")
