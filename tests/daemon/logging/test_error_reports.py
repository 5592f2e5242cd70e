"""Errors of the loop are logged, once a minute, and never written to stderr."""

import asyncio
import errno
import logging
import os
import sys
import threading
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
import structlog

from hammerd.daemon.logging.error_reports import LoopErrors
from hammerd.daemon.process.fd_limits import RESERVED_FDS, Reserve


def logged(act: Callable[[asyncio.AbstractEventLoop], None]) -> list[dict[str, Any]]:
    """Call `act` with a loop that reports errors; return the logged lines."""

    async def main() -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        reserve = Reserve()
        with structlog.testing.capture_logs() as log:
            LoopErrors(loop, structlog.get_logger(), reserve).catch()
            act(loop)
            await asyncio.sleep(0)
        reserve.release()
        return [dict(line) for line in log]

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def restored_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    log = logging.getLogger("asyncio")
    monkeypatch.setattr(log, "handlers", log.handlers)
    monkeypatch.setattr(log, "propagate", log.propagate)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


def fail() -> None:
    raise RuntimeError("a callback broke")


def test_callback_that_fails_is_logged_with_its_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    [line] = logged(lambda loop: loop.call_soon(fail))

    assert (line["event"], line["log_level"]) == ("daemon.broke", "error")
    assert line["error"] == "RuntimeError('a callback broke')"
    assert "in fail" in line["traceback"]
    assert capfd.readouterr().err == ""


def test_repeated_error_is_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    def fail_often(loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(100):
            loop.call_soon(fail)

    assert len(logged(fail_often)) == 1
    assert capfd.readouterr().err == ""


def test_warning_of_asyncio_itself_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    [line] = logged(lambda _: logging.getLogger("asyncio").warning("socket.send() raised"))

    assert line["because"] == "socket.send() raised"
    assert capfd.readouterr().err == ""


def test_reserve_is_released_when_fds_run_out() -> None:
    def run_out(loop: asyncio.AbstractEventLoop) -> None:
        held.append(len(os.listdir("/dev/fd")))
        error = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "accept", "exception": error})
        held.append(len(os.listdir("/dev/fd")))

    held: list[int] = []
    logged(run_out)

    assert held[0] - held[1] == RESERVED_FDS


class FailingFinalizer:
    def __del__(self) -> None:
        raise RuntimeError("a finalizer broke")


def test_error_of_a_finalizer_on_another_thread_is_logged_by_the_loop() -> None:
    """The log passes events to the history, whose timer only the thread of the loop may set."""
    threads = []

    def log_from(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        threads.append(threading.current_thread())
        raise structlog.DropEvent

    async def main() -> None:
        loop = asyncio.get_running_loop()
        log = structlog.wrap_logger(None, processors=[log_from])
        reserve = Reserve()
        LoopErrors(loop, log, reserve).catch()
        thread = threading.Thread(target=FailingFinalizer)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)
        reserve.release()

    asyncio.run(main())

    assert threads == [threading.main_thread()]
