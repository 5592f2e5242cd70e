"""A forked hammerd is to a test as an executed one."""

import os
import subprocess
from pathlib import Path

import pytest

from hammerd.daemon.process.process_table import argv_of
from tests import fork_server, hammerd_program
from tests.hammerd_program import HAMMERD

pytestmark = pytest.mark.skipif(fork_server.CLONE is None, reason="needs clone(2) of Linux")


@pytest.mark.parametrize(
    "words", [("version", "--json"), ("--help",), ("check", "-c", "no.toml"), ("nonsense",)]
)
def test_output_and_status_are_those_of_an_executed_one(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    options = {"cwd": tmp_path, "capture_output": True, "text": True}

    forked = hammerd_program.run([*HAMMERD, *words], **options)
    executed = subprocess.run([*HAMMERD, *words], check=False, **options)  # type: ignore[call-overload]

    assert (forked.returncode, forked.stdout, forked.stderr) == (
        executed.returncode,
        executed.stdout,
        executed.stderr,
    )
    assert forked.stdout + forked.stderr


def test_it_is_a_child_with_its_own_command_line_and_streams(tmp_path: Path) -> None:
    fifo = tmp_path / "config"
    os.mkfifo(fifo)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with hammerd_program.popen([*HAMMERD, "run", "-c", fifo], text=True, **pipes) as process:
        assert argv_of(process.pid) == (*HAMMERD, "run", "-c", str(fifo))
        process.kill()

    assert process.pid not in hammerd_program.server_pids()
    assert process.returncode == -9


def test_another_environment_of_python_is_executed() -> None:
    env = {**os.environ, "PYTHONVERBOSE": "1"}

    done = hammerd_program.run([*HAMMERD, "version"], env=env, capture_output=True, text=True)

    assert "import 'hammerd.cli.group'" in done.stderr
