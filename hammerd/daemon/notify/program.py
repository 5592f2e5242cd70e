"""Runs the command of a notification: its argv, its environment, its input, its limits.

The command runs as the daemon does, most often as root. So its program is refused if others than
root could change it, as the config is. It gets nothing of the daemon's environment.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hammerd.core.alarms.message import environment_of
from hammerd.core.api.status_json import Json
from hammerd.core.characters import printable
from hammerd.core.config.values import show_duration
from hammerd.daemon.process.commands import Care, CommandResult, Commands
from hammerd.daemon.service.program_file import program_faults

GRACE_S = 5.0
"""The time from TERM to KILL of a command that takes too long."""

LINGER_S = 10.0
"""The time for which what a command started in its group may go on: mail(1) leaves sendmail so."""

LONGEST_SAID = 300


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a command: its exit status, and the last line that it printed.

    `because` is why it failed, "" if it did not.
    """

    status: str
    said: str = ""
    because: str = ""


OnRan = Callable[[Ran], None]


class Program:
    """Runs commands of notifications."""

    def __init__(self, commands: Commands, env: Mapping[str, str]) -> None:
        self._commands = commands
        self._env = env

    def run(self, argv: Sequence[str], message: Json, timeout_s: float, on_ran: OnRan) -> None:
        """Run a command; `on_ran` is called once, not before this returns."""

        def ended(result: CommandResult) -> None:
            on_ran(_ran(result, timeout_s))

        env = {**self._env, **environment_of(message)}
        given = json.dumps(message).encode() + b"\n"
        if faults := program_faults(argv[0]):
            result = CommandResult("not started", stderr=f"{faults[0].what}: {faults[0].hint}")
            self._commands.report(result, ended)
            return
        self._commands.start(argv, env, timeout_s, ended, Care(given, GRACE_S, LINGER_S))


def _ran(result: CommandResult, timeout_s: float) -> Ran:
    if result.spawn_error is not None:
        # Its hint is about the key `hammer`.
        return Ran(result.status, "", result.spawn_error.message)
    said = last_line(result.stderr) or last_line(result.stdout)
    if result.is_late:
        return Ran(result.status, said, f"it did not end within {show_duration(timeout_s)}")
    if result.is_good:
        return Ran(result.status, said)
    return Ran(result.status, said, f"{result.status}{f': {said}' if said else ''}")


def last_line(text: str) -> str:
    """Return the last line of an output that is not blank, made printable."""
    lines = [line.strip() for line in text.splitlines()]
    return printable(next(filter(None, reversed(lines)), ""))[:LONGEST_SAID]
