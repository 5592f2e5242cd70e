"""Runs commands of hammerd that are killed within a step; reads one from each line of its input.

    ["STEP", "before" or "after", ["promote", "home", ...]]

Each runs in a child that is forked from this process, which has loaded all modules already: a
test of all steps of a plan starts some thirty of them. The answer is a line of JSON: the exit
status, negative for a signal, and the output.
"""

import json
import os
import signal
import sys
import tempfile

from hammerd.cli import group
from hammerd.cli.commands.plans import role_changes
from hammerd.cli.main import main
from hammerd.cli.plans.roles import changes, compare
from hammerd.cli.plans.runner import Runner
from hammerd.core.plans.steps import Action, Step

LOADED = (group, role_changes, changes, compare)


def run(step: str, when: str, words: list[str]) -> tuple[int, str]:
    """Run a command, and return its exit status and output."""
    with tempfile.TemporaryFile("w+") as output:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            for fd in (1, 2):
                os.dup2(output.fileno(), fd)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            _kill_at(step, when)
            sys.argv[1:] = words
            main()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        output.seek(0)
        return status, output.read()


def _kill_at(name: str, moment: str) -> None:
    """Kill this process before or after the action of a step; then nothing is noted of it."""
    run_step, act = Runner._run, Runner._act
    begun: list[str] = []

    def note_name(runner: Runner, step: Step) -> None:
        begun.append(step.name)
        run_step(runner, step)

    def die_at(runner: Runner, action: Action) -> None:
        for now in ("before", "after"):
            if (begun[-1], now) == (name, moment):
                sys.stdout.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            if now == "before":
                act(runner, action)

    Runner._run = note_name  # type: ignore[method-assign]
    Runner._act = die_at  # type: ignore[method-assign]


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(run(*json.loads(line)))}\n")
        sys.stdout.flush()
