"""ssh-remote, the forced command of sshd, and what -R and -T then refuse (HAMMER.md 14)."""

from __future__ import annotations

import os
import sys

from hammerd.simulator.console import CommandError
from hammerd.simulator.utility.options import Options, show_usage_and_end


def run(words: list[str]) -> None:
    """Run what the other side asked sshd for, within the bounds that words give."""
    if len(words) != 2:
        show_usage_and_end("usage.txt", 1)
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
    """Fail when -R does not name this command."""
    allowed = options.restrict_commands
    if allowed is not None and command not in allowed.split(","):
        raise CommandError("hammer-remote: request does not match restricted command")


def check_path(options: Options, path: str) -> None:
    """Fail when -T does not allow this path; only the halves ask."""
    prefix = options.restrict_path
    if prefix is None:
        return
    if not path.startswith(prefix):
        raise CommandError("hammer-remote: restricted target")
    if any(word.startswith("..") for word in path[len(prefix) :].split("/")):
        raise CommandError("hammer-remote: '..' not allowed")
