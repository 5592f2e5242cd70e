"""Which signal of the daemon means what."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Reactions:
    """What is done at which signal: CHLD; TERM, INT; HUP, USR1; USR2, INFO."""

    child_changed: Act
    stop: Act
    reopen_logs: Act
    log_status: Act


def catch_signals(loop: asyncio.AbstractEventLoop, reactions: Reactions) -> None:
    """Have every signal that means something answered on the loop."""
    meanings = {
        "SIGCHLD": reactions.child_changed,
        "SIGTERM": reactions.stop,
        "SIGINT": reactions.stop,
        "SIGHUP": reactions.reopen_logs,
        "SIGUSR1": reactions.reopen_logs,
        "SIGUSR2": reactions.log_status,
        # Only the BSDs have it: Control-T.
        "SIGINFO": reactions.log_status,
    }
    for name, act in meanings.items():
        if (number := getattr(signal, name, None)) is not None:
            loop.add_signal_handler(number, act)
