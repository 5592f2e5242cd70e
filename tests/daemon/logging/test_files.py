"""No failure of a log file kills or blocks the daemon, and streams never wait for a log."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from tests.daemon.small_disk import a_small_disk
from tests.daemon.world import World
from tests.waiting import until

LOST = "log.lines_lost"


class LoggedPair:
    """A pair that streams, and the log of its daemon."""

    def __init__(self, world: World, log: Path, *under: object) -> None:
        self.world, self.log = world, log
        master, slave = world.make_pair()
        lag_log = str(log.with_name("lag.log"))
        pairs = {"test": (master, slave)}
        config = world.configure(pairs, log_file=str(log), lag_log_file=lag_log)
        self.daemon = world.start(config, *under)
        world.wait_until_following()
        self.stream = world.status()["pid"]

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def log_status(self) -> None:
        """Make the daemon write its status to the log."""
        self.daemon.send_signal(signal.SIGUSR2)

    def assert_mirrors(self) -> None:
        """Assert that a write still reaches the slave, by the same stream."""
        tid = self.world.write(f"file{os.urandom(4).hex()}", "text\n")
        self.world.wait_for(
            lambda now: int(now["slave_tid"] or "0", 16) >= tid, "the write is on the slave"
        )
        assert self.world.status()["pid"] == self.stream


@pytest.fixture
def logged(world_once: World) -> LoggedPair:
    (world_once.root / "log").mkdir(exist_ok=True)
    return LoggedPair(world_once, world_once.root / "log/hammerd.log")


def test_daemon_writes_to_a_new_file_after_a_rotation(logged: LoggedPair) -> None:
    rotated = logged.log.with_name("hammerd.log.0")
    lag_log = logged.log.with_name("lag.log")
    logged.log.rename(rotated)
    lag_log.rename(lag_log.with_name("lag.log.0"))

    logged.daemon.send_signal(signal.SIGUSR1)
    logged.log_status()

    until(lambda: "pair.status" in logged.text(), "the new log")
    until(lambda: lag_log.exists() and lag_log.read_text(), "the new record of lag")
    assert "pair.status" not in rotated.read_text()
    assert "daemon.started" in rotated.read_text()
    assert "config.reloaded" not in logged.text()
    logged.assert_mirrors()


def test_truncated_log_continues_at_its_beginning(logged: LoggedPair) -> None:
    os.truncate(logged.log, 0)

    logged.log_status()

    until(lambda: "pair.status" in logged.text(), "the log")
    assert "\0" not in logged.text()
    logged.assert_mirrors()


def test_removed_log_is_made_again(logged: LoggedPair) -> None:
    logged.log.unlink()

    logged.log_status()

    until(lambda: "pair.status" in logged.text(), "the log")


def test_lines_lost_with_a_removed_directory_are_counted(logged: LoggedPair) -> None:
    shutil.rmtree(logged.log.parent)
    logged.log_status()
    until(lambda: failed_writes(logged.world) > 0, "writes that failed")
    logged.assert_mirrors()

    logged.log.parent.mkdir()
    logged.log_status()

    until(lambda: LOST in logged.text(), "the count in the log")
    until(lambda: "pair.status" in logged.text(), "the log")


def test_lines_lost_to_a_file_in_place_of_the_directory_are_counted(logged: LoggedPair) -> None:
    moved = logged.log.parent.with_name("moved")
    logged.log.parent.rename(moved)
    logged.log.parent.write_text("")
    logged.daemon.send_signal(signal.SIGUSR1)
    logged.log_status()
    until(lambda: failed_writes(logged.world) > 0, "writes that failed")
    logged.assert_mirrors()

    logged.log.parent.unlink()
    moved.rename(logged.log.parent)
    logged.log_status()

    until(lambda: LOST in logged.text(), "the count in the log")


def test_lines_lost_to_a_full_disk_are_counted(world_once: World) -> None:
    with a_small_disk(world_once.root / "log") as disk:
        logged = LoggedPair(world_once, disk.path / "hammerd.log")
        disk.fill()
        # Lines that fit into the last page of the log are still written.
        until(lambda: failed_writes_after_a_line(logged) > 0, "writes that failed")
        logged.assert_mirrors()

        disk.free()
        logged.log_status()

        until(lambda: LOST in logged.text(), "the count in the log")
        assert world_once.stop(logged.daemon) == 0


def test_log_on_a_disk_that_hangs_blocks_no_stream_and_no_answer(world_once: World) -> None:
    world = world_once
    (world.root / "log").mkdir(exist_ok=True)
    wrapper = Path(__file__).with_name("hanging_log.py")
    logged = LoggedPair(world, world.root / "log/hammerd.log", sys.executable, wrapper)
    hang = world.root / "log/hang"

    hang.touch()
    logged.log_status()
    logged.assert_mirrors()
    os.kill(world.status()["half_pids"][0], signal.SIGKILL)
    world.wait_for(
        lambda now: now["state"] == "streaming" and now["pid"] != logged.stream, "a new stream"
    )
    assert "pair.status" not in logged.text()
    hang.unlink()

    until(lambda: "pair.status" in logged.text(), "all that was queued")
    assert world.stop(logged.daemon) == 0


def test_hanging_log_does_not_keep_the_daemon_from_stopping(world_once: World) -> None:
    world = world_once
    (world.root / "log").mkdir(exist_ok=True)
    wrapper = Path(__file__).with_name("hanging_log.py")
    logged = LoggedPair(world, world.root / "log/hammerd.log", sys.executable, wrapper)

    (world.root / "log/hang").touch()
    world.ask(Verb.PAUSE, "test")

    assert world.stop(logged.daemon) == 0


def failed_writes_after_a_line(logged: LoggedPair) -> int:
    logged.log_status()
    return failed_writes(logged.world)


def failed_writes(world: World) -> int:
    return int(world.ask(Verb.STATUS)["hammerd"]["writes_failed"])
