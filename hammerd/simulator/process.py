"""What a hammer process does with signals, and how it ends: never with a traceback."""

from __future__ import annotations

# `signal` itself would bring `enum` and half a megabyte into every stream.
import _signal as signal  # type: ignore[import-not-found]
import os

from hammerd.simulator import console
from hammerd.simulator.console import CommandError, CommandOver, complain

SIGPIPE: int = signal.SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def default_signals() -> None:
    """Undo what Python does to SIGPIPE; SIGINT ends with status 1 at once (HAMMER.md 2)."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, lambda *_: os._exit(1))


def ignore_broken_pipes() -> None:
    """Live on without a reader of stderr, as the parent of two halves does."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def finish(run: Callable[[], None]) -> NoReturn:
    """Run a half and end its process; its status is 1 always, and nobody looks at it."""
    end(run, 1)


def end(run: Callable[[], None], status: int) -> NoReturn:
    """Run a command and end the process with the status that hammer would have."""
    try:
        run()
    except CommandError as failure:
        console.flush()
        failure.report()
        status = 1
    except CommandOver as over:
        status = over.status
    except OSError as error:
        complain(f"hammer: {os.strerror(error.errno or 0)}\n")
        status = 1
    console.flush()
    os._exit(status)
