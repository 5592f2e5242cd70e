"""`run --detach` returns when hammerd is ready, or prints why it is not."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.logging.error_reports import logging_fatal_error
from hammerd.simulator.shebang import shebang
from tests.daemon.world import HAMMERD, World, living_pids
from tests.service.service import NO_MASTER, ends
from tests.waiting import DEADLINE_S, until

HEAD = """
import os, signal, sys, time
from hammerd.core.errors import HammerdError
from hammerd.daemon.service.daemonize import detach
"""


def detached(serve: str, *under: str, marker: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that detaches `serve`, the body of a function of `ready`."""
    body = textwrap.indent(textwrap.dedent(serve), "    ")
    program = f"{HEAD}\ndef serve(ready):\n{body}\nsys.exit(detach(serve))\n"
    return subprocess.run(
        [*under, sys.executable, "-c", program, str(marker)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_returns_when_the_daemon_is_ready_and_not_before(tmp_path: Path) -> None:
    """If it returned earlier, the file would be missing."""
    marker = tmp_path / "pid"

    done = detached(
        """
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        ready()
        print("output too late", file=sys.stderr)
        signal.pause()
        """,
        marker=marker,
    )

    daemon = psutil.Process(int(marker.read_text()))
    directory, session = daemon.cwd(), os.getsid(daemon.pid)
    daemon.kill()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert directory == "/"
    assert session not in (daemon.pid, os.getsid(0))


@pytest.mark.parametrize("status", [1, 64, 77, 78])
def test_status_of_a_daemon_that_fails_is_that_of_the_caller(tmp_path: Path, status: int) -> None:
    done = detached(
        f"""
        print("the disk is gone", file=sys.stderr)
        return {status}
        """,
        marker=tmp_path / "pid",
    )

    assert (done.returncode, done.stderr) == (status, "the disk is gone\n")


def test_unexpected_error_is_printed_by_the_caller(tmp_path: Path) -> None:
    done = detached("raise HammerdError('the lock is lost')", marker=tmp_path / "pid")

    assert done.returncode == 1
    assert "the lock is lost" in done.stderr


@pytest.mark.parametrize(
    ("end", "how"),
    [("os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"), ("return 0", "told to stop")],
)
def test_daemon_that_ends_before_it_is_ready_has_not_started(
    tmp_path: Path, end: str, how: str
) -> None:
    done = detached(end, marker=tmp_path / "pid")

    assert done.returncode == 1
    assert f"hammerd was {how} before it was ready" in done.stderr
    assert "hint: " in done.stderr


SHELL_STARTS = {
    "closed stdio": 'exec "$@" <&- >&- 2>&-',
    "SIGCHLD ignored": 'trap "" CHLD; exec "$@"',
    "SIGHUP ignored": 'trap "" HUP; exec "$@"',
}


@pytest.mark.parametrize("start", SHELL_STARTS.values(), ids=SHELL_STARTS)
@pytest.mark.parametrize("status", [0, 78])
def test_status_is_right_whatever_the_caller_left_open_or_ignored(
    tmp_path: Path, start: str, status: int
) -> None:
    serve = f"ready() if {status} == 0 else None\nreturn {status}"

    done = detached(serve, "sh", "-c", start, "sh", marker=tmp_path / "pid")

    assert (done.returncode, done.stderr) == (status, "")


def test_interrupt_of_the_caller_ends_the_daemon_that_is_not_ready(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    program = f"""{HEAD}
def serve(ready):
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    signal.pause()
detach(serve)
"""
    caller = subprocess.Popen(
        [sys.executable, "-c", program, str(marker)], stderr=subprocess.DEVNULL
    )
    until(marker.exists, "the daemon")

    caller.send_signal(signal.SIGINT)

    assert caller.wait(DEADLINE_S) != 0
    ends(int(marker.read_text()))


def run_detached(world: World, config: Path, *under: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*under, *HAMMERD, "run", "--detach", "-c", str(config)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_hammerd_is_ready_though_hammer_never_answers(world_once: World) -> None:
    """It waits for no pair and no disk, and answers when `run` returns."""
    hanging = world_once.root / "bin/hanging"
    hanging.write_text(shebang() + "import signal\nsignal.pause()\n")
    hanging.chmod(0o755)

    done = run_detached(world_once, world_once.configure(NO_MASTER, hammer=str(hanging)))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert world_once.is_answering()
    pid = int((world_once.run_dir / "hammerd.pid").read_text())
    assert {pid} == living_pids(f"run --detach -c {world_once.root}")


def test_second_hammerd_is_refused_on_the_terminal(world_once: World) -> None:
    config = world_once.configure(NO_MASTER)
    run_detached(world_once, config)
    pid = (world_once.run_dir / "hammerd.pid").read_text().strip()

    done = run_detached(world_once, config)

    assert done.returncode == 1
    assert f"hammerd is already running as pid {pid}" in done.stderr


def test_config_that_only_the_daemon_refuses_is_status_78_too(world_once: World) -> None:
    config = world_once.configure(NO_MASTER)

    done = run_detached(world_once, config, "sh", "-c", 'ulimit -n 64; exec "$@"', "sh")

    assert done.returncode == 78
    assert "the hard limit is 64" in " ".join(done.stderr.split())
    assert living_pids(str(config)) == set()


def test_config_with_a_relative_path_is_found(world_once: World) -> None:
    config = world_once.configure(NO_MASTER)
    argv = [*HAMMERD, "run", "--detach", "-c", config.name]
    env = {**os.environ, "PYTHONPATH": os.getcwd()}

    done = subprocess.run(argv, cwd=config.parent, env=env, check=False)

    assert done.returncode == 0
    # Its command line does not name this world, which would not find it to end it.
    pid = int((world_once.run_dir / "hammerd.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    ends(pid)
    assert f"config={config}" in world_once.log()


def test_fatal_error_of_a_ready_daemon_is_logged(tmp_path: Path) -> None:
    settings = DaemonConfig(log_file=str(tmp_path / "hammerd.log"))

    with pytest.raises(ZeroDivisionError), logging_fatal_error(settings):
        _ = 1 / 0

    (line,) = (tmp_path / "hammerd.log").read_text().splitlines()
    assert "error   daemon.died" in line
    assert "ZeroDivisionError" in line
    assert "hint=" in line
