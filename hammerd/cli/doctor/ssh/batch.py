"""Runs many commands over there by one login, because each login costs time.

A program of sh runs them one after the other, whatever the login's own shell is. Each one's output
is followed by a mark and its exit status. Where one hangs, those before it are known.
"""

import re
from collections.abc import Iterator, Sequence

from hammerd.cli.check.bounded_command import CommandResult
from hammerd.cli.doctor.system.machine import Machine

MARK = "hammerd-doctor-status"
_STATUS = re.compile(rb"\n" + MARK.encode() + rb" (\d+)\n")

Argv = tuple[str, ...]


def fetch(machine: Machine, argvs: Sequence[Argv]) -> None:
    """Run commands of an open host; each argv is a whole one, with the ssh that leads there."""
    distinct = list(dict.fromkeys(argvs))
    batch = machine.host.program((batch_command([argv[-1] for argv in distinct]),))
    done = machine.run_again(batch)
    results = [*parse_batch(done.out)]
    for argv, result in zip(distinct, results, strict=False):
        machine.remember(argv, result)
    if done.is_late:
        # The next one hangs; those behind it run by themselves.
        for argv in distinct[len(results) : len(results) + 1]:
            machine.remember(argv, done)


def batch_command(commands: Sequence[str]) -> str:
    """Return the remote command that runs commands, whose words no shell changes."""
    calls = "; ".join(f"r {command}" for command in commands)
    return f"/bin/sh -c 'r() {{ \"$@\" 2>&1; x=$?; echo; echo {MARK} $x; }}; {calls}'"


def parse_batch(out: bytes) -> Iterator[CommandResult]:
    """Yield the result of each command that has ended; what a failed one printed is its error."""
    *parts, _ = _STATUS.split(out)
    for text, status in zip(parts[::2], parts[1::2], strict=True):
        is_good = status == b"0"
        yield CommandResult(int(status), text, b"" if is_good else text)
