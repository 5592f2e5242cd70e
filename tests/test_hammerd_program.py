"""A forked hammerd is to a test as an executed one."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from hammerd.daemon.process.process_table import argv_of
from tests import fork_server, hammerd_program
from tests.daemon.conftest import a_world
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


def test_daemon_is_a_child_with_its_own_command_line() -> None:
    with a_world({}) as world:
        config = world.configure({"test": ("/no/such/master", "/no/such/slave")})
        daemon = world.start(config)
        parent = psutil.Process(daemon.pid).ppid()
        argv = argv_of(daemon.pid)
        status = world.stop(daemon)

    assert parent == os.getpid()
    assert argv == (*HAMMERD, "run", "-c", str(config))
    assert status == 0
    assert daemon.pid not in hammerd_program.server_pids()


def test_another_environment_of_python_is_executed() -> None:
    env = {**os.environ, "PYTHONVERBOSE": "1"}

    done = hammerd_program.run([*HAMMERD, "version"], env=env, capture_output=True, text=True)

    assert "import 'hammerd.cli.group'" in done.stderr
