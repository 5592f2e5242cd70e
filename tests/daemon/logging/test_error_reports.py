"""What breaks in the loop is in the log, once a minute, and never on stderr."""

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


def broken(act: Callable[[asyncio.AbstractEventLoop], None]) -> list[dict[str, Any]]:
    """Let something break in a loop; return what was logged."""

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
def hooks_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    log = logging.getLogger("asyncio")
    monkeypatch.setattr(log, "handlers", log.handlers)
    monkeypatch.setattr(log, "propagate", log.propagate)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


def fail() -> None:
    raise RuntimeError("a callback broke")


def test_callback_that_breaks_is_logged_with_its_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    [line] = broken(lambda loop: loop.call_soon(fail))

    assert (line["event"], line["log_level"]) == ("daemon.broke", "error")
    assert line["error"] == "RuntimeError('a callback broke')"
    assert "in fail" in line["traceback"]
    assert capfd.readouterr().err == ""


def test_same_trouble_is_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    def often(loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(100):
            loop.call_soon(fail)

    assert len(broken(often)) == 1
    assert capfd.readouterr().err == ""


def test_warning_of_asyncio_itself_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    [line] = broken(lambda _: logging.getLogger("asyncio").warning("socket.send() raised"))

    assert line["because"] == "socket.send() raised"
    assert capfd.readouterr().err == ""


def test_reserve_is_given_when_fds_run_out() -> None:
    def run_out(loop: asyncio.AbstractEventLoop) -> None:
        held.append(len(os.listdir("/dev/fd")))
        error = OSError(errno.EMFILE, "Too many open files")
        loop.call_exception_handler({"message": "accept", "exception": error})
        held.append(len(os.listdir("/dev/fd")))

    held: list[int] = []
    broken(run_out)

    assert held[0] - held[1] == RESERVED_FDS


class Breaking:
    """It breaks as it is thrown away."""

    def __del__(self) -> None:
        raise RuntimeError("a finalizer broke")


def test_what_a_finalizer_of_another_thread_raises_is_logged_by_the_loop() -> None:
    """The log leads to the history, which has the loop call it: nothing of a thread's."""
    threads = []

    def log_from(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        threads.append(threading.current_thread())
        raise structlog.DropEvent

    async def main() -> None:
        loop = asyncio.get_running_loop()
        log = structlog.wrap_logger(None, processors=[log_from])
        reserve = Reserve()
        LoopErrors(loop, log, reserve).catch()
        thread = threading.Thread(target=Breaking)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)
        reserve.release()

    asyncio.run(main())

    assert threads == [threading.main_thread()]
