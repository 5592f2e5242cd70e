import os
import threading
from functools import partial
from pathlib import Path

import pytest

from hammerd.daemon import writer as writer_module
from hammerd.daemon.log_files import LogFile
from hammerd.daemon.writer import Job, Writer


def test_jobs_are_done_in_order_and_all_before_the_end() -> None:
    done: list[int] = []
    writer = Writer()
    for number in range(100):
        writer.submit(partial(done.append, number))

    assert writer.close(10)
    assert done == list(range(100))


def test_failed_write_is_counted_and_the_next_one_is_done() -> None:
    done: list[str] = []

    def fail() -> None:
        raise OSError(28, "No space left on device")

    writer = Writer()
    writer.submit(fail)
    writer.submit(partial(done.append, "next"))
    writer.close(10)

    assert writer.failed == 1
    assert done == ["next"]


def test_full_queue_drops_lag_samples_before_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MOST_JOBS", 3)
    gate, is_held, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        is_held.set()
        gate.wait(10)

    writer = Writer()
    writer.submit(hold)
    assert is_held.wait(10)
    writer.submit(partial(done.append, "event 1"))
    writer.submit(partial(done.append, "sample"), Job.DROPPABLE)
    writer.submit(partial(done.append, "event 2"))
    writer.submit(partial(done.append, "event 3"))
    writer.submit(partial(done.append, "event 4"))
    gate.set()
    writer.close(10)

    assert done == ["event 1", "event 2", "event 3"]
    assert writer.dropped == 2


def test_writer_that_hangs_does_not_keep_the_daemon() -> None:
    gate = threading.Event()
    writer = Writer()
    writer.submit(lambda: bool(gate.wait(10)))

    assert not writer.close(0.01)
    gate.set()
    assert writer.close(10)


def test_log_file_goes_on_under_its_name_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile(path)
    log.write_line("one")
    path.rename(tmp_path / "log.0")
    log.write_line("two")
    log.reopen()
    log.write_line("three")

    assert (tmp_path / "log.0").read_text() == "one\ntwo\n"
    assert path.read_text() == "three\n"


def test_lines_that_could_not_be_written_are_counted_and_said(tmp_path: Path) -> None:
    path = tmp_path / "gone/log"
    log = LogFile(path)
    for line in ("one", "two"):
        with pytest.raises(FileNotFoundError):
            log.write_line(line)
    path.parent.mkdir()
    log.write_line("three")

    assert path.read_text() == "# 2 lines before this one could not be written\nthree\n"


def test_log_file_never_follows_a_symlink(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    (tmp_path / "log").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic links"):
        LogFile(tmp_path / "log").write_line("mine")

    assert victim.read_text() == "precious\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_full_disk_is_an_error_of_one_line_only() -> None:
    log = LogFile(Path("/dev/full"))

    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            log.write_line("line")
