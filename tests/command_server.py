"""Runs commands of hammerd, each in a process of its own that is forked from a loaded one.

Tests of plans run some hundred commands, and loading the modules is half of what each costs. A
command may be killed within a step of a plan: most steps run no program that could do it from
outside. As a program it reads a request from each line of its input, and answers with a line.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import IO

Kill = tuple[str, str]
"""The name of a step, and `before` or `after`: whether its action has been carried out."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command: its words, its environment, its input, and the step that it dies in."""

    words: Sequence[str]
    env: Mapping[str, str]
    stdin: str = ""
    kill: Kill | None = None


def run(request: Request) -> subprocess.CompletedProcess[str]:
    """Run a command in a session of its own, without a terminal, to its end."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{json.dumps(asdict(request))}\n")
    server.stdin.flush()
    status, out, err = json.loads(server.stdout.readline())
    return subprocess.CompletedProcess(list(request.words), status, out, err)


@cache
def _server() -> "subprocess.Popen[str]":
    """Start the server of this test process; it ends when its input is closed."""
    argv = [sys.executable, __file__]
    server = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # The process that serves is no child of this one: some tests look at all their children.
    server.wait()
    return server


# --- the server ----------------------------------------------------------------------------------


def serve() -> None:
    """Answer each request, in a child of this process, which ends at once."""
    if os.fork() != 0:
        os._exit(0)
    _load()
    for line in sys.stdin:
        sys.stdout.write(f"{json.dumps(_carry_out(Request(**json.loads(line))))}\n")
        sys.stdout.flush()


def _load() -> None:
    """Load all that a plan needs."""
    from hammerd.cli import group
    from hammerd.cli.commands import verify
    from hammerd.cli.commands.plans import provision, role_changes
    from hammerd.cli.plans.roles import changes, compare
    from hammerd.cli.provision import session

    assert all((group, verify, provision, role_changes, changes, compare, session))


def _carry_out(request: Request) -> tuple[int, str, str]:
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile("w+", newline="") as out,
        tempfile.TemporaryFile("w+", newline="") as err,
    ):
        given.write(request.stdin)
        given.flush()
        given.seek(0)
        pid = os.fork()
        if pid == 0:
            _become(request, (given, out, err))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


def _become(request: Request, files: tuple[IO[str], ...]) -> None:
    """Replace the standard streams and the environment of this process, and run the command."""
    from hammerd.cli.main import main

    os.setsid()
    for fd, file in enumerate(files):
        os.dup2(file.fileno(), fd)
    os.environ.clear()
    os.environ.update(request.env)
    if request.kill is not None:
        _kill_at(*request.kill)
    sys.argv[1:] = request.words
    status = 1
    try:
        status = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _kill_at(name: str, moment: str) -> None:
    """Kill this process before or after the action of a step; then nothing is noted of it."""
    from hammerd.cli.plans.runner import Runner
    from hammerd.core.plans.steps import Action, Step

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
    serve()
