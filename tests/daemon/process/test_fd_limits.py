"""Limits of open files: raised for the daemon, inherited by its children, refused if too low."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from hammerd.core.errors import SpawnError
from hammerd.daemon.process import spawn
from hammerd.daemon.process.fd_limits import FDS_PER_PAIR, OTHER_FDS
from tests.daemon.world import World
from tests.waiting import until

PAIRS = 12


def with_limits(soft: int, hard: int) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f'ulimit -Sn {soft}; ulimit -Hn {hard}; exec "$@"', "sh")


def many_pairs(world: World, count: int) -> dict[str, tuple[object, object]]:
    masters = {f"p{n}": world.make_master(f"p{n}") for n in range(count)}
    return {name: (master, world.make_slave(master, name)) for name, master in masters.items()}


def test_config_that_needs_more_files_than_the_hard_limit_is_refused_with_the_numbers(
    world: World,
) -> None:
    needed = OTHER_FDS + 2 * FDS_PER_PAIR
    config = world.configure({"a": ("/m/a", "/s/a"), "b": ("/m/b", "/s/b")})

    daemon = world.spawn(config, *with_limits(50, needed - 1))

    assert daemon.wait(40) == 78
    printed = " ".join(daemon.stderr.read().split()) if daemon.stderr else ""
    assert f"2 pairs need {needed} open files" in printed
    assert f"the hard limit is {needed - 1}" in printed
    assert "hint: raise the hard limit" in printed


def test_more_streams_than_the_soft_limit_run_and_get_that_limit_themselves(world: World) -> None:
    soft, hard = 32, OTHER_FDS + PAIRS * FDS_PER_PAIR
    pairs = many_pairs(world, PAIRS)

    daemon = world.start(world.configure(pairs, probe_timeout="60s"), *with_limits(soft, hard))
    for name in pairs:
        world.wait_for(lambda now: len(now["half_pids"]) == 2, "both halves found", name)

    if sys.platform == "linux":  # only there psutil reads the limits of another process
        leader = psutil.Process(world.status("p0")["pid"])
        assert leader.rlimit(resource.RLIMIT_NOFILE) == (soft, hard)
        assert psutil.Process(daemon.pid).rlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert world.stop(daemon) == 0


def run_without_fds(script: str) -> str:
    """Run a script in a process that has used up all its fds before it calls `main`."""
    whole = textwrap.dedent(
        """
        import os, sys, resource, asyncio, errno
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        {script}
        fds = []
        try:
            while True:
                fds.append(os.dup(0))
        except OSError:
            pass
        result = main()
        for fd in fds:
            os.close(fd)
        print(result)
        """
    ).format(script=textwrap.dedent(script))
    done = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=False, timeout=40
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_live_group_never_counts_as_empty_for_lack_of_fds() -> None:
    script = """
    from hammerd.daemon.process.process_table import living, read_member, members_of
    def main():
        results, own = [], os.getpgrp()
        for read in (lambda: living(members_of({own})[own]), lambda: read_member(os.getpid())):
            try:
                results.append(bool(read()))
            except OSError as error:
                results.append(errno.errorcode[error.errno])
        return results
    """

    assert run_without_fds(script) == "['EMFILE', 'EMFILE']"


def test_spawn_without_fds_is_an_error_with_this_cause() -> None:
    script = """
    from hammerd.core.errors import SpawnError
    from hammerd.daemon.process import spawn
    def main():
        try:
            spawn.spawn(("/bin/sh", "-c", ":"), {})
        except SpawnError as error:
            return str(error)
    """

    assert "Too many open files\nhint: too many files are open" in run_without_fds(script)


@pytest.mark.parametrize("argument", ["nul\0inside", "stray \udc80\ud800"])
def test_argument_that_no_program_can_get_is_a_spawn_error(argument: str) -> None:
    before = len(os.listdir("/dev/fd"))

    with pytest.raises(SpawnError, match="could not be started"):
        spawn.spawn(("/bin/sh", "-c", ":", argument), {})

    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.long
def test_daemon_without_fds_logs_it_writes_nothing_to_stderr_and_answers(world: World) -> None:
    hard = OTHER_FDS + FDS_PER_PAIR
    config = world.configure({"test": world.make_pair()})
    daemon = world.start(config, *with_limits(hard, hard))
    world.wait_until_following()
    if sys.platform != "linux":
        return  # no other system lets us lower the limit of a running process
    used = max(int(fd) for fd in os.listdir(f"/proc/{daemon.pid}/fd")) + 1
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (used, hard))
    held = [_connected(world.run_dir / "status.sock") for _ in range(used)]

    until(lambda: "Too many open files" in world.log(), "it is logged")
    for connection in held:
        connection.close()
    until(world.is_answering, "the daemon answers")

    world.wait_for_log("daemon.broke")
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert world.stop(daemon) == 0
    assert daemon.stderr is not None
    assert daemon.stderr.read() == ""


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        connection.connect(str(path))
    return connection
