"""The daemon's process imports no module that it does not need."""

import subprocess
import sys

import psutil

from tests.daemon.world import World

LIST_MODULES = """
import sys
from hammerd.daemon.service.lean_imports import without_unused_modules
with without_unused_modules():
    import hammerd.daemon.run
print(*sorted(sys.modules))
"""


def test_daemon_imports_neither_rich_nor_ssl_nor_the_simulator() -> None:
    __import__("rich")  # it is installed here, or the test would prove nothing
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES], capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())

    assert {"structlog", "tenacity", "psutil", "asyncio"} <= modules
    unused = {"rich", "ssl", "click", "sqlite3", "hypothesis", "hammerd.simulator"}
    assert not modules & unused


def test_daemon_has_two_threads_and_no_fd_to_spare(world_once: World) -> None:
    daemon = world_once.start(world_once.configure({"test": world_once.make_pair()}))
    world_once.wait_until_following()

    process = psutil.Process(daemon.pid)

    children = {" ".join(child.cmdline()): child for child in process.children()}
    (prober,) = [child for words, child in children.items() if "probe_program.py" in words]
    assert prober.num_fds() == 3, "the child that probes paths inherits nothing"
    assert process.num_threads() == 2
    assert process.num_fds() < 24
