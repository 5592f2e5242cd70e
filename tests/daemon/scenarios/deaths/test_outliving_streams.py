"""A stream goes on when hammerd is killed: its stderr depends on no other process."""

import os
import sys
from pathlib import Path

import pytest

from hammerd.daemon.process import spawn
from tests.daemon.world import World, living_pids
from tests.waiting import until

TALKER = """
import os, pathlib, sys
said = 0
for _ in range(4096):
    try:
        said += os.write(2, b"x" * 511 + b"\\n")
    except BlockingIOError:
        pass
pathlib.Path(sys.argv[1] + ".new").write_text(str(said))
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""


@pytest.fixture
def world(world_once: World) -> World:
    """The world on one path: test_deaths.py has both."""
    return world_once


@pytest.mark.parametrize("is_reader_missing", [True, False])
def test_stream_that_nobody_reads_is_neither_killed_nor_held_up(
    tmp_path: Path, is_reader_missing: bool
) -> None:
    done = tmp_path / "done"
    argv = (sys.executable, "-IS", "-c", TALKER, str(done))

    child = spawn.spawn_stream(argv, {"PATH": "/bin:/usr/bin"})
    if is_reader_missing:
        os.close(child.fds[0])
        child.fds = ()

    until(done.exists, "it said all it had to say")
    assert 0 < int(done.read_text()) < 4096 * 512
    assert spawn.reap(child) == "exit 0"


def test_end_of_a_stream_is_seen_in_its_pipe() -> None:
    child = spawn.spawn_stream(("/bin/sh", "-c", "echo over >&2"), {"PATH": "/bin:/usr/bin"})
    os.set_blocking(child.fds[0], True)

    assert os.read(child.fds[0], 100) == b"over\n"
    assert os.read(child.fds[0], 100) == b""
    assert spawn.reap(child) == "exit 0"


def test_killed_hammerd_leaves_a_mirror_that_runs(mirrored: World) -> None:
    before = mirrored.wait_until_idle()
    processes = {before["pid"], *before["half_pids"]}
    daemon = mirrored.daemons[-1]

    daemon.kill()
    daemon.wait()

    slave = mirrored.fs(2) / "pfs/test"
    for name in ("second", "third", "fourth"):
        mirrored.write(name, f"{name}\n")
        until((slave / name).exists, f"{name} is on the slave")
        assert (slave / name).read_text() == f"{name}\n"
    assert living_pids(f"{before['slave']}") >= processes

    mirrored.start(mirrored.root / "hammerd.toml")
    after = mirrored.wait_until_following()
    assert not living_pids(f"{before['slave']}") & processes
    assert after["pid"] not in processes
