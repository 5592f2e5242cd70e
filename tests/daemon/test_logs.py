"""One thread writes the logs and the history, and its errors are logged."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hammerd.core.config.model import DaemonConfig, LogFormat
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.lag import UNKNOWN
from hammerd.daemon.logs import Logs
from hammerd.daemon.threads.writer_thread import MOST_LINES
from hammerd.daemon.timing.clock import Clock
from tests.daemon.at_each_await import reached


@pytest.fixture
def settings(tmp_path: Path) -> DaemonConfig:
    return DaemonConfig(
        log_file=str(tmp_path / "hammerd.log"),
        lag_log_file=str(tmp_path / "lag.log"),
        log_format=LogFormat.LOGFMT,
        state_dir=str(tmp_path),
        run_dir=str(tmp_path),
    )


def ignore(_result: object) -> None:
    """Ignore the result of a job."""


def written(settings: DaemonConfig, act: Callable[[Logs], None], event: str) -> list[str]:
    """Call `act` with logs; return the lines of the log as soon as one has this event."""

    path = Path(settings.log_file)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        logging = Logs(loop, settings, Clock(loop.time))
        try:
            act(logging)
            # Samples are submitted in the next turn of the loop.
            await asyncio.sleep(0)
            await reached(lambda: path.exists() and event in path.read_text(), event)
        finally:
            logging.history.finish()
            assert await asyncio.to_thread(logging.writer.close, 60)

    asyncio.run(main())
    return path.read_text().splitlines()


HOME = Pair("home", Endpoint("/m"), Endpoint("/s"))


def test_line_and_sample_are_written_to_their_files(settings: DaemonConfig) -> None:
    def act(logging: Logs) -> None:
        logging.journal.sampled(HOME, replace(UNKNOWN, safe_at=70.0), None, None, 100.5)
        logging.journal.log.info("daemon.started", pid=1)

    [line] = written(settings, act, "daemon.started")

    assert "level=info event=daemon.started pid=1" in line
    sampled = Path(settings.lag_log_file).read_text()
    assert "pair=home" in sampled
    assert "safe_age_s=30.5" in sampled
    with closing(sqlite3.connect(Path(settings.state_dir) / "history.db")) as opened:
        # Rounded up: no more than was proven.
        assert opened.execute("SELECT safe_s, durable_s FROM lag_recent").fetchall() == [
            (31, None)
        ]


def test_job_that_fails_is_logged_with_its_traceback(settings: DaemonConfig) -> None:
    def fail() -> None:
        raise LookupError("a bug")

    lines = written(settings, lambda logging: ignore(logging.writer.submit(fail)), "writer.broke")

    assert "a bug" in lines[-1]
    assert "level=error" in lines[-1]


def test_dropped_lines_are_counted_in_status_and_logged(settings: DaemonConfig) -> None:
    counts: list[object] = []

    def act(logging: Logs) -> None:
        gate = threading.Event()
        logging.writer.submit(lambda: ignore(gate.wait(60)))
        for _ in range(MOST_LINES + 7):
            logging.journal.log.info("daemon.noise")
        counts.append(logging.describe(3)["lines_dropped"])
        counts.append(logging.describe(3)["writes_failed"])
        gate.set()

    lines = written(settings, act, "log.lines_dropped")

    dropped, failed = counts
    assert isinstance(dropped, int)
    assert dropped >= 7
    assert failed == 3, "lines that never came to the thread count as well"
    # The history submits rows meanwhile, which may be dropped as well.
    assert int(lines[-1].rpartition("count=")[2]) >= dropped


def test_rotated_log_is_opened_again(settings: DaemonConfig) -> None:
    def act(logging: Logs) -> None:
        logging.journal.log.info("daemon.first")
        rotated = f"{settings.log_file}.0"
        logging.writer.submit(lambda: ignore(Path(settings.log_file).rename(rotated)))
        logging.reopen()
        logging.journal.log.info("daemon.second")

    [line] = written(settings, act, "daemon.second")

    assert "daemon.second" in line
    assert "daemon.first" in Path(f"{settings.log_file}.0").read_text()


def test_error_is_written_on_this_thread_when_the_loop_has_ended(settings: DaemonConfig) -> None:
    lines = written(
        settings,
        lambda logging: logging.write_error("state.unsaved", because="the disk is full"),
        "state.unsaved",
    )

    assert len(lines) == 1
    assert "level=error" in lines[0]
