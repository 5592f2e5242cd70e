"""Messages that do not fit into a full stderr, or have no reader."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine
from tests.waiting import until


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a full pipe whose write end does not block."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_stream_continues_while_its_stderr_is_full(
    machine: Machine, full_pipe: tuple[int, int]
) -> None:
    master, slave = machine.master_and_slave()
    reader, writer = full_pipe
    words = [machine.hammer, "-vv", "-B", "mirror-stream", master, slave]
    stream = subprocess.Popen(
        words, env=machine.environment(), stderr=writer, start_new_session=True
    )
    try:
        for name in ("first", "second"):
            (machine.path("/Backup1/test") / name).write_text(name)
            tid = admin.flush(machine.path("/Backup1"))
            until(lambda tid=tid: admin.sync_end_tid(slave) == tid)
        os.read(reader, 1 << 20)
        (machine.path("/Backup1/test") / "third").write_text("third")
        tid = admin.flush(machine.path("/Backup1"))
        until(lambda: admin.sync_end_tid(slave) == tid)

        output = b""
        while not output.endswith(b" W"):
            output += os.read(reader, 4096)
        assert b"Mirror-write: Completed, updated snapshot to %016x" % tid in output
        assert stream.poll() is None
    finally:
        os.killpg(stream.pid, signal.SIGKILL)
        stream.wait()


def test_command_ends_normally_while_its_stderr_is_full(
    machine: Machine, full_pipe: tuple[int, int]
) -> None:
    _, writer = full_pipe
    words = [machine.hammer, "pfs-status", machine.path("/nowhere")]

    assert subprocess.run(words, stderr=writer, check=False).returncode == 1


def test_half_whose_stderr_has_no_reader_dies(machine: Machine) -> None:
    master, slave = machine.master_and_slave()
    (machine.path("/Backup1/test") / "file").write_text("text")
    admin.flush(machine.path("/Backup1"))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.close(reader)

    done = subprocess.run(
        [machine.hammer, "-v", "mirror-copy", master, slave],
        env=machine.environment(),
        stderr=writer,
        check=False,
    )
    os.close(writer)

    assert done.returncode == 0
    assert admin.sync_end_tid(slave) == 1
