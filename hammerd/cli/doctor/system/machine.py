"""Runs commands on a host for the doctor, each once, with a deadline.

`Files` names what is read there. The commands are words that no shell changes, because on another
host the shell of the login reads them.
"""

import os
import platform
import pwd
from collections.abc import Sequence
from dataclasses import dataclass

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.cli.doctor.lines.findings import (
    NEEDS_OPEN_KEY,
    NEEDS_ROOT,
    Find,
    Finding,
    not_tried,
)
from hammerd.core.hammer.commands import environment
from hammerd.core.hosts.host import Host
from hammerd.core.platforms import DRAGONFLY, platform_of

COMMAND_TIMEOUT_S = 10.0
LOGIN_TIMEOUT_S = 25.0
"""ssh gives up by itself after 15 s without a connection, and after 20 s without an answer."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files and commands from which the doctor learns about a system."""

    fstab: str = "/etc/fstab"
    crontabs: tuple[str, ...] = DRAGONFLY.crontabs
    dmesg: tuple[str, ...] = ("dmesg",)
    mount: tuple[str, ...] = ("mount",)
    ps: tuple[str, ...] = ("ps", "-axww", "-o", "pgid=", "-o", "command=")


FILES_HERE = Files(crontabs=platform_of(platform.system()).crontabs)
FILES_THERE = Files()
"""HAMMER is on DragonFly only, so another host is one, whatever this machine is."""


class Machine:
    """A host; `is_open`: any command may be run there, which a restricted key does not allow."""

    def __init__(self, host: Host, *, is_open: bool | None = None) -> None:
        self.host = host
        self.is_open = not host.needs_login if is_open is None else is_open
        self.files = FILES_THERE if host.needs_login else FILES_HERE
        self.env = environment(pwd.getpwuid(os.getuid()).pw_dir)
        self._known: dict[tuple[str, ...], CommandResult] = {}

    @property
    def name(self) -> str:
        """The host as people write it."""
        return self.host.login or "this host"

    def run(self, *words: str) -> CommandResult:
        """Run a program, or return its result if it has run already."""
        return self._run_once(self.host.program(words))

    def run_hammer(self, hammer: str, *words: str) -> CommandResult:
        """Run hammer (here: the program `hammer`), or return its result if it has run already."""
        return self._run_once(self.host.command(hammer, words))

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """Return the argv of each command that tells about the system as a whole."""
        files = self.files
        read = [("cat", path) for path in (files.fstab, *files.crontabs)]
        return tuple(self.host.program(words) for words in (files.mount, *read, files.dmesg))

    def run_again(self, argv: Sequence[str]) -> CommandResult:
        """Run an argv of this machine, also if it has run already."""
        timeout_s = LOGIN_TIMEOUT_S if self.host.needs_login else COMMAND_TIMEOUT_S
        return run_command(argv, timeout_s, self.env)

    def remember(self, argv: tuple[str, ...], done: CommandResult) -> None:
        """Take a result for that of an argv."""
        self._known[argv] = done

    def _run_once(self, argv: tuple[str, ...]) -> CommandResult:
        if argv not in self._known:
            self._known[argv] = self.run_again(argv)
        return self._known[argv]

    def read(self, path: str) -> "str | Finding":
        """Return the text of a file, or why it cannot be told; a missing file is empty."""
        done = self.run("cat", path)
        if done.status == 0 or "No such file" in done.error_text:
            return done.text
        return self.cannot(f"cat {path}", done)

    def output(self, words: Sequence[str]) -> "str | Finding":
        """Return the output of a command, or why there is none."""
        done = self.run(*words)
        return done.text if done.status == 0 else self.cannot(words[0], done)

    def cannot(self, what: str, done: CommandResult) -> Finding:
        """Return the finding of a command that failed, which is no fault of the pair."""
        if any(word in done.error_text for word in ("Permission denied", "not permitted")):
            return not_tried(f"{what}: {NEEDS_ROOT if os.geteuid() else 'no permission'}")
        if done.is_late:
            return not_tried(f"{what} does not come back")
        return not_tried(f"{what} fails: {last_line(done) or f'exit {done.status}'}")

    def if_open(self, find: Find) -> Finding:
        """Return a finding that needs a shell there."""
        return find() if self.is_open else not_tried(NEEDS_OPEN_KEY)


def last_line(done: CommandResult) -> str:
    """Return the last words of a command, those on stderr if there are any."""
    return (done.start_error or done.error_text or done.text).strip().rpartition("\n")[2]
