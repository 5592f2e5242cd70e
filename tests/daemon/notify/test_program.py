"""The command of a notification: its environment, its input, and why it failed."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from hammerd.core.alarms.message import heartbeat_message
from hammerd.core.hammer.commands import environment
from hammerd.daemon.notify.program import Program, Ran, last_line
from hammerd.daemon.process.commands import Commands

MESSAGE = heartbeat_message("near", "2026-11-26T22:00:00.000Z")
ENV = environment("/root")


def run(*argv: str, timeout_s: float = 30) -> Ran:
    async def main() -> Ran:
        loop = asyncio.get_running_loop()
        commands = Commands(loop)
        loop.add_signal_handler(signal.SIGCHLD, commands.child_changed)
        done: asyncio.Future[Ran] = loop.create_future()
        Program(commands, ENV).run(argv, MESSAGE, timeout_s, done.set_result)
        ran = await done
        await commands.close(30)
        return ran

    return asyncio.run(main())


def test_command_gets_facts_and_nothing_of_ours(tmp_path: Path) -> None:
    script = f"env > {tmp_path}/env; cat > {tmp_path}/input; pwd"
    ran = run("/bin/sh", "-c", script)

    assert ran == Ran("exit 0", "/")
    env = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert env.keys() - {"PWD", "_", "SHLVL", "OLDPWD"} - ENV.keys() == {
        f"HAMMERD_{name}"
        for name in (
            *("KIND", "LEVEL", "PAIRS", "BECAUSE", "SUMMARY", "HINT", "HOST", "FAR_HOST"),
            *("LAG_S", "SAFE_UNTIL", "TIME"),
        )
    }
    assert env["HAMMERD_KIND"] == "heartbeat"
    assert json.loads((tmp_path / "input").read_text()) == MESSAGE


@pytest.mark.parametrize(
    ("script", "ran"),
    [
        ("exit 3", Ran("exit 3", "", "exit 3")),
        (
            "echo one; echo 'no route' >&2; exit 1",
            Ran("exit 1", "no route", "exit 1: no route"),
        ),
        (
            "printf 'a\\033[2Jb\\n\\n  \\n'; exit 1",
            Ran("exit 1", "a?[2Jb", "exit 1: a?[2Jb"),
        ),
        ("kill -9 $$", Ran("signal SIGKILL", "", "signal SIGKILL")),
        ("echo done", Ran("exit 0", "done")),
    ],
)
def test_failure_is_told_with_status_and_last_line(script: str, ran: Ran) -> None:
    assert run("/bin/sh", "-c", script) == ran


def test_command_that_hangs_is_ended() -> None:
    assert run("/bin/sleep", "60", timeout_s=0.2).because == "it did not end within 0.2s"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "No such file"), ("directory", "Permission denied"), ("text", "Permission")],
)
def test_what_is_no_program_is_told(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "text").write_text("text")

    ran = run(str(tmp_path / name))
    assert ran.status == "not started"
    assert reason in ran.because


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_program_that_others_could_change_is_not_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho > {tmp_path}/ran\n")
    program.chmod(0o777)

    ran = run(str(program))
    assert ran.status == "not started"
    assert f"everybody may write to {program}" in ran.because
    assert not (tmp_path / "ran").exists()


def test_last_line_of_much_is_short() -> None:
    assert len(last_line("x" * 5000)) == 300
