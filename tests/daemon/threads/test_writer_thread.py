"""The writer thread runs jobs in order of priority, and log files survive what a disk does."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from hammerd.core.config.model import LogFormat
from hammerd.daemon.logging.files import LineBatch, LogFile, render_lines_lost
from hammerd.daemon.threads import writer_thread as writer_module
from hammerd.daemon.threads.writer_thread import Priority, WriterThread
from tests.daemon.small_disk import a_small_disk


def test_jobs_are_done_in_order_and_all_before_the_end() -> None:
    done: list[int] = []
    writer = WriterThread()
    for number in range(100):
        writer.submit(partial(done.append, number))

    assert writer.close(10)
    assert done == list(range(100))


def test_failed_write_is_counted_and_the_next_one_is_done() -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError(28, "No space left on device")

    writer = WriterThread()
    writer.submit(fail)
    writer.submit(partial(done.append, "next"))
    writer.close(10)

    assert writer.failed == 1
    assert done == ["next"]


def test_full_queue_drops_lag_samples_before_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MOST_LINES", 3)
    gate, is_held, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        is_held.set()
        gate.wait(10)

    writer = WriterThread()
    writer.submit(hold)
    assert is_held.wait(10)
    writer.submit(partial(done.append, "event 1"))
    writer.submit(partial(done.append, "sample"), Priority.DROPPABLE)
    writer.submit(partial(done.append, "event 2"))
    writer.submit(partial(done.append, "event 3"))
    writer.submit(partial(done.append, "event 4"))
    gate.set()
    writer.close(10)

    assert done == ["event 1", "event 2", "event 3"]
    assert writer.dropped == 2


def test_full_queue_counts_every_line_of_a_job_that_it_drops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "MOST_LINES", 10)
    gate, is_held, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        is_held.set()
        gate.wait(10)

    writer = WriterThread()
    writer.submit(hold)
    assert is_held.wait(10)
    for sample in ("old", "new"):
        writer.submit(partial(done.append, sample), Priority.DROPPABLE, 6)
    writer.submit(partial(done.append, "event"))
    writer.submit(partial(done.append, "newest"), Priority.DROPPABLE, 6)
    gate.set()
    writer.close(10)

    assert done == ["event", "new", "newest"]
    assert writer.dropped == 6


def test_signal_never_wakes_the_writer() -> None:
    blocked: set[int] = set()
    writer = WriterThread()
    writer.submit(lambda: blocked.update(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
    writer.close(10)

    assert {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP} <= blocked


def test_lines_of_one_turn_of_the_loop_are_one_job(tmp_path: Path) -> None:
    jobs: list[int] = []

    class CountingWriter(WriterThread):
        def submit(
            self, write: Callable[[], None], priority: Priority = Priority.NORMAL, lines: int = 1
        ) -> None:
            jobs.append(lines)
            super().submit(write, priority, lines)

    async def main() -> None:
        batch = LineBatch(asyncio.get_running_loop(), writer, log, Priority.DROPPABLE)
        for turn in ("first", "second"):
            for number in range(3):
                batch.put(f"{turn} {number}")
            await asyncio.sleep(0)

    writer, log = CountingWriter(), LogFile(tmp_path / "log", "lost {}".format)
    asyncio.run(main())
    writer.close(10)

    assert jobs == [3, 3]
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines == [f"{turn} {n}" for turn in ("first", "second") for n in range(3)]


def test_writer_that_hangs_does_not_keep_the_daemon_from_ending() -> None:
    gate = threading.Event()
    writer = WriterThread()
    writer.submit(lambda: bool(gate.wait(10)))

    assert not writer.close(0.01)
    gate.set()
    assert writer.close(10)


def test_log_file_goes_on_under_its_name_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path, "lost {}".format)
    log.write_line("one")
    path.rename(tmp_path / "log.0")
    log.write_line("two")
    log.reopen()
    log.write_line("three")

    assert (tmp_path / "log.0").read_text() == "one\ntwo\n"
    assert path.read_text() == "three\n"


def test_lines_that_could_not_be_written_are_counted_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "gone/log"
    log = LogFile(path, "lost {}".format)
    for line in ("one", "two"):
        with pytest.raises(FileNotFoundError):
            log.write_line(line)
    path.parent.mkdir()
    log.write_line("three")

    assert path.read_text() == "lost 2\nthree\n"


def test_log_file_never_follows_a_symlink(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "log").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic links"):
        LogFile(tmp_path / "log", "lost {}".format).write_line("mine")

    assert victim.read_text() == "precious\n"


def test_every_line_of_a_batch_that_could_not_be_written_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "gone/log"
    log = LogFile(path, "lost {}".format)
    with pytest.raises(FileNotFoundError):
        log.write_lines(["one", "two", "three"])
    path.parent.mkdir()
    log.write_lines(["four", "five"])

    assert path.read_text() == "lost 3\nfour\nfive\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_full_disk_is_an_error_of_one_line_only() -> None:
    log = LogFile(Path("/dev/full"), "lost {}".format)

    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            log.write_line("line")


def test_bug_in_a_job_is_reported_once_with_its_traceback_and_the_next_is_done() -> None:
    done: list[str] = []
    reported: list[str] = []

    def fail_with_bug() -> None:
        raise LookupError("a bug")

    writer = WriterThread()
    writer.on_error = reported.append
    for _ in range(3):
        writer.submit(fail_with_bug)
    writer.submit(partial(done.append, "next"))
    writer.close(10)

    assert (writer.failed, done, len(reported)) == (3, ["next"], 1)
    assert "LookupError: a bug" in reported[0]
    assert "in fail_with_bug" in reported[0]


def test_saved_state_is_written_first() -> None:
    gate, is_held, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        is_held.set()
        gate.wait(10)

    writer = WriterThread()
    writer.submit(hold)
    assert is_held.wait(10)
    writer.submit(partial(done.append, "sample"), Priority.DROPPABLE)
    writer.submit(partial(done.append, "line"))
    writer.submit(partial(done.append, "state"), Priority.FIRST)
    gate.set()
    writer.close(10)

    assert done == ["state", "line", "sample"]


def test_full_queue_takes_saved_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MOST_LINES", 1)
    gate, is_held, done = threading.Event(), threading.Event(), []
    reported: list[int] = []

    def hold() -> None:
        is_held.set()
        gate.wait(10)

    writer = WriterThread()
    writer.on_dropped = reported.append
    writer.submit(hold)
    assert is_held.wait(10)
    for line in ("line 1", "line 2", "line 3"):
        writer.submit(partial(done.append, line))
    writer.submit(partial(done.append, "state"), Priority.FIRST)
    gate.set()
    writer.close(10)

    assert done == ["state", "line 1"]
    assert reported == [2]


def test_abandoned_writer_writes_nothing_more() -> None:
    gate, is_held, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        is_held.set()
        gate.wait(10)

    writer = WriterThread()
    writer.submit(hold)
    assert is_held.wait(10)
    writer.submit(partial(done.append, "late"))
    assert not writer.close(0.01)
    gate.set()

    assert writer.close(10)
    assert done == []


@pytest.mark.parametrize("log_format", LogFormat)
def test_loss_is_reported_in_the_format_of_the_log(log_format: LogFormat) -> None:
    line = render_lines_lost(log_format, 7)

    assert "log.lines_lost" in line
    assert "7" in line
    assert (log_format is LogFormat.JSON) == line.startswith("{")


def test_fifo_without_a_reader_fails_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    log = LogFile(tmp_path / "log", "lost {}".format)

    with pytest.raises(OSError, match="No such device"):
        log.write_line("line")


def test_fifo_with_a_reader_is_refused_as_a_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    log = LogFile(tmp_path / "log", "lost {}".format)

    with pytest.raises(OSError, match="neither a file nor a device"):
        log.write_line("line")

    os.close(reader)


def test_line_torn_by_a_full_disk_does_not_run_into_the_next(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "disk") as disk:
        log = LogFile(disk.path / "log", "lost {}".format)
        log.write_line("first")
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            log.write_line("x" * 100_000)
        disk.free()
        log.write_line("last")

        lines = (disk.path / "log").read_text().splitlines()

    assert (lines[0], lines[-2:]) == ("first", ["lost 1", "last"])
    assert set("".join(lines[1:-2])) <= {"x"}


def test_of_a_batch_torn_by_a_full_disk_the_lines_that_stand_are_not_called_lost(
    tmp_path: Path,
) -> None:
    with a_small_disk(tmp_path / "disk") as disk:
        log = LogFile(disk.path / "log", "lost {}".format)
        log.write_line("first")
        disk.fill()
        batch = [f"{number:05} {'x' * 90}" for number in range(2000)]
        with pytest.raises(OSError, match="No space left"):
            log.write_lines(batch)
        disk.free()
        log.write_line("last")

        lines = (disk.path / "log").read_text().splitlines()

    whole = [line for line in lines if line in set(batch)]
    assert whole == batch[: len(whole)]
    assert lines[-2:] == [f"lost {len(batch) - len(whole)}", "last"]
