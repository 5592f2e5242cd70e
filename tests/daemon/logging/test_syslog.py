"""Lines of the log for syslogd: the daemon never waits, whatever syslogd does."""

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from hammerd.core.config.model import DaemonConfig, LogFormat, LogLevel, SyslogFacility
from hammerd.daemon.logging.files import LogFiles
from hammerd.daemon.logging.setup import render
from hammerd.daemon.logging.syslog import LONGEST_BYTES, SystemLog
from hammerd.daemon.threads.writer_thread import WriterThread

LINE = "2026-03-04T16:00:00.000Z error   pair.parked pair=home because=diverged"


@contextmanager
def syslogd(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.setblocking(False)
        yield receiver
    path.unlink()


class LogMaker:
    """Makes system logs that are closed after the test."""

    def __init__(self) -> None:
        self.made: list[SystemLog] = []

    def __call__(self, path: Path, log_format: LogFormat = LogFormat.HUMAN) -> SystemLog:
        paths = [str(path.with_name("none")), str(path)]
        self.made.append(SystemLog(SyslogFacility.LOCAL3, log_format, paths))
        return self.made[-1]


@pytest.fixture
def make() -> Iterator[LogMaker]:
    make = LogMaker()
    yield make
    for log in make.made:
        log.close()


def test_line_has_facility_severity_and_name_but_no_second_time_and_level(
    tmp_path: Path, make: LogMaker
) -> None:
    path = tmp_path / "log"
    with syslogd(path) as receiver:
        make(path).write_line(LogLevel.ERROR, LINE)

        message = receiver.recv(4096).decode()

    shape = r"<155>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d hammerd\[\d+\]: (.*)"
    match = re.fullmatch(shape, message)
    assert match is not None
    assert match[1] == "pair.parked pair=home because=diverged"


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_each_format_is_sent_as_in_the_log(
    tmp_path: Path, make: LogMaker, log_format: LogFormat
) -> None:
    path = tmp_path / "log"
    line = render(log_format, "info", "pair.started", pair="home")
    with syslogd(path) as receiver:
        make(path, log_format).write_line(LogLevel.INFO, line)

        sent = receiver.recv(4096).decode().partition("]: ")[2]

    assert line.endswith(sent)
    assert "pair.started" in sent


def test_nothing_is_sent_without_a_facility(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with syslogd(path) as receiver:
        SystemLog(SyslogFacility.NONE, LogFormat.HUMAN, [str(path)]).write_line(
            LogLevel.INFO, LINE
        )

        with pytest.raises(BlockingIOError):
            receiver.recv(4096)


def test_long_line_is_cut_to_the_length_that_every_syslogd_takes(
    tmp_path: Path, make: LogMaker
) -> None:
    path = tmp_path / "log"
    with syslogd(path) as receiver:
        make(path).write_line(LogLevel.INFO, LINE + "ä" * 5000)

        assert len(receiver.recv(65536)) == LONGEST_BYTES


def test_lines_lost_without_syslogd_are_reported_when_it_is_back(
    tmp_path: Path, make: LogMaker
) -> None:
    path = tmp_path / "log"
    log = make(path)
    for _ in range(3):
        log.write_line(LogLevel.INFO, LINE)
    assert log.describe()["syslog_lines_lost"] == 3
    assert "nobody listens" in str(log.describe()["syslog_unreached_because"])

    with syslogd(path) as receiver:
        log.write_line(LogLevel.INFO, LINE)

        assert log.describe() == {"syslog_unreached_because": None, "syslog_lines_lost": 0}
        loss, line = receiver.recv(4096).decode(), receiver.recv(4096).decode()
    assert loss.endswith("log.lines_lost count=3")
    assert line.endswith("because=diverged")


def test_syslogd_that_hangs_blocks_nothing(tmp_path: Path, make: LogMaker) -> None:
    path = tmp_path / "log"
    with syslogd(path):
        log = make(path)
        flood(log)

    words = {os.strerror(number) for number in (errno.EAGAIN, errno.ENOBUFS)}
    assert log.unreached_because in words


def flood(log: SystemLog) -> None:
    for _ in range(100_000):
        log.write_line(LogLevel.INFO, LINE)
        if log.unreached_because:
            return


def test_line_that_only_syslogd_lost_does_not_count_as_lost_in_the_log(
    tmp_path: Path, make: LogMaker
) -> None:
    settings = DaemonConfig(log_file=str(tmp_path / "log"), lag_log_file=str(tmp_path / "lag"))
    files = LogFiles(settings)
    files.system = make(tmp_path / "no syslogd")
    writer = WriterThread()

    writer.submit(partial(files.write_line, LogLevel.ERROR, LINE))
    assert writer.close(60)

    assert (writer.dropped, writer.failed) == (0, 0)
    assert (tmp_path / "log").read_text() == f"{LINE}\n"
    files.log.reopen()


def test_line_is_sent_to_syslogd_though_the_file_cannot_be_written(
    tmp_path: Path, make: LogMaker
) -> None:
    path = tmp_path / "log"
    settings = DaemonConfig(
        log_file=str(tmp_path / "no such directory/log"),
        lag_log_file=str(tmp_path / "lag"),
        syslog_facility=SyslogFacility.DAEMON,
    )
    files = LogFiles(settings)
    files.system = make(path)
    with syslogd(path) as receiver:
        with pytest.raises(FileNotFoundError):
            files.write_line(LogLevel.ERROR, LINE)

        assert receiver.recv(4096).decode().endswith("because=diverged")
