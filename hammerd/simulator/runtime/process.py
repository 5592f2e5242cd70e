"""Signals and exit status of a hammer process: it never ends with a traceback."""

from __future__ import annotations

# `signal` itself would bring `enum` and half a megabyte into every stream.
import _signal as signal  # type: ignore[import-not-found]
import os

from hammerd.simulator.runtime import console
from hammerd.simulator.runtime.console import CommandError, CommandExit, write_stderr

SIGPIPE: int = signal.SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def reset_signals() -> None:
    """Give SIGPIPE its default action back; SIGINT ends with status 1 at once.

    See docs/hammer.md 3.2.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))


def ignore_sigpipe() -> None:
    """Survive a stderr without a reader, as the parent of two halves does."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def run_and_exit(command: Callable[[], None], status: int) -> NoReturn:
    """Run a command, or a half, and end the process with the status that hammer would have."""
    try:
        command()
    except CommandError as failure:
        console.flush_stdout()
        failure.report()
        status = 1
    except CommandExit as ended:
        status = ended.status
    except OSError as error:
        write_stderr(f"hammer: {os.strerror(error.errno or 0)}\n")
        status = 1
    console.flush_stdout()
    os._exit(status)
