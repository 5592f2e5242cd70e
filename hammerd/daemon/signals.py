"""Which signal of the daemon means what, from its first moment on.

    hold_signals() ── pid file ── catch_signals(): from now on the loop answers

Whoever reads the pid file may signal us at once. What means nothing to us, or nothing yet, must
not kill; it gets a handler that does nothing, since an ignored signal would stay ignored in every
child beyond its exec.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

Act = Callable[[], object]

HARMLESS = ("HUP", "USR1", "USR2", "INFO", "ALRM", "VTALRM", "PROF", "IO", "POLL", "PWR", "STKFLT")
"""What would kill by default and is no sign of a fault of ours; INFO is Control-T on a BSD."""


@dataclass(frozen=True, slots=True)
class Reactions:
    """What is done at which signal: CHLD; TERM, INT; HUP, USR1; USR2, INFO."""

    child_changed: Act
    stop: Act
    reopen_logs: Act
    log_status: Act


def hold_signals() -> None:
    """Until the signals are caught, let a stop end us in order, and nothing harmless at all."""
    for number in _harmless():
        signal.signal(number, _do_nothing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_in_order)


def catch_signals(loop: asyncio.AbstractEventLoop, reactions: Reactions) -> None:
    """Have every signal that means something answered on the loop."""
    meanings = {
        "SIGCHLD": reactions.child_changed,
        "SIGTERM": reactions.stop,
        "SIGINT": reactions.stop,
        "SIGHUP": reactions.reopen_logs,
        "SIGUSR1": reactions.reopen_logs,
        "SIGUSR2": reactions.log_status,
        "SIGINFO": reactions.log_status,
    }
    for name, act in meanings.items():
        if (number := getattr(signal, name, None)) is not None:
            loop.add_signal_handler(number, act)


def _harmless() -> Iterator[int]:
    for name in HARMLESS:
        if (number := getattr(signal, f"SIG{name}", None)) is not None:
            yield number
    if hasattr(signal, "SIGRTMIN"):
        yield from range(signal.SIGRTMIN, signal.SIGRTMAX + 1)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    pass


def _end_in_order(_number: int, _frame: FrameType | None) -> None:
    # Nothing was started yet; what is unwound on the way out removes the pid file.
    raise SystemExit(0)
