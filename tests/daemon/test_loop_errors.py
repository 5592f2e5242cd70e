"""What breaks in the loop is in the log, once a minute, and never on stderr."""

import asyncio
import errno
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from hammerd.daemon.fd_limits import RESERVED_FDS, Reserve
from hammerd.daemon.loop_errors import LoopErrors


def broken(act: Callable[[asyncio.AbstractEventLoop], None]) -> list[dict[str, Any]]:
    """Let something break in a loop; return what was logged."""

    async def main() -> list[dict[str, Any]]:
        loop = asyncio.get_running_loop()
        reserve = Reserve()
        with structlog.testing.capture_logs() as log:
            LoopErrors(loop, structlog.get_logger(), reserve).catch()
            act(loop)
            await asyncio.sleep(0)
        reserve.give()
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
