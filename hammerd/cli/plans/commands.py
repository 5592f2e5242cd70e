"""Runs the command of a step, and shows its output while it runs.

The command belongs to the terminal's process group, so an interrupt from the keyboard reaches it
as well; it is waited for before the plan ends.
"""

import os
import pwd
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.text import print_line
from hammerd.core.hammer.commands import SEARCH_PATH, environment
from hammerd.core.plans.steps import Command

INDENT = "    "


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of this machine: hammer as the config names it, and those beside it."""

    hammer: str

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of each command.

        mount_null and umount are searched beside hammer first: that is /sbin on DragonFly.
        """
        home = pwd.getpwuid(os.getuid()).pw_dir
        return {
            **environment(home),
            "PATH": os.pathsep.join((os.path.dirname(self.hammer), SEARCH_PATH)),
        }

    def argv(self, command: Command) -> tuple[str, ...]:
        """Return the argv of a command, on this machine or to another host."""
        program, *words = command.words
        # The other key may be restricted to mirroring.
        host = command.host.administered or command.host
        if program == "hammer":
            return host.command(self.hammer, words)
        return host.program(command.words)


def run(programs: Programs, command: Command) -> str:
    """Run a command, show its output, and return it; try again as the command says.

    Raises:
        CommandFailed: it could not be started, failed, or did not print what it must.
    """
    retry = command.retry
    for _ in range(retry.times if retry else 0):
        assert retry is not None
        try:
            return _run_once(programs, command)
        except CommandFailed as error:
            if retry.text not in error.message:
                raise
        _run_once(programs, Command(retry.words, command.host))
    return _run_once(programs, command)


def _run_once(programs: Programs, command: Command) -> str:
    """Run a command, show its output, and return it.

    Raises:
        CommandFailed: it could not be started, failed, or did not print what it must.
    """
    argv = programs.argv(command)
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=programs.env,
            cwd="/",
        )
    except OSError as error:
        raise CommandFailed(f"cannot start {argv[0]}: {error.strerror}") from error
    with child:
        output = _converse(child, command.answers)
    status = child.returncode
    line = " ".join(command.words)
    if status != 0:
        raise CommandFailed(f"{line} failed: {_last(output) or f'exit status {status}'}")
    if command.expects not in output:
        # Exit status 0, and no word of success.
        raise CommandFailed(f"{line} did not succeed: {_last(output) or 'it printed nothing'}")
    return output


def _converse(child: "subprocess.Popen[bytes]", answers: str) -> str:
    """Give a child its answers, and show and return its output."""
    lines: list[str] = []
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        # A pipe takes the few bytes of all answers at once.
        child.stdin.write(answers.encode())
        child.stdin.close()
    except BrokenPipeError:
        pass
    for data in child.stdout:
        line = data.decode("utf-8", "backslashreplace").rstrip()
        lines.append(line)
        print_line(INDENT + line)
    return "\n".join(lines)


def _last(output: str) -> str:
    return output.strip().rpartition("\n")[2]
