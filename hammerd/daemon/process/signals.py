"""Which signal of the daemon means what, from its first moment on.

    hold_signals() ── pid file ── catch_signals(): from now on the loop answers

Whoever reads the pid file may signal us at once. What means nothing to us, or nothing yet, must
not kill; it gets a handler that does nothing, since an ignored signal would stay ignored in every
child beyond its exec.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType

Act = Callable[[], object]

HARMLESS = ("HUP", "USR1", "USR2", "INFO", "ALRM", "VTALRM", "PROF", "IO", "POLL", "PWR", "STKFLT")
"""What would kill by default and is no sign of a fault of ours; INFO is Control-T on a BSD."""

CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Reactions:
    """What is done at which signal: CHLD; TERM, INT; HUP; USR1; USR2, INFO."""

    child_changed: Act
    stop: Act
    reload: Act
    reopen_logs: Act
    log_status: Act


def hold_signals() -> None:
    """Until the signals are caught, let a stop end us in order, and nothing harmless at all."""
    for number in _harmless():
        signal.signal(number, _do_nothing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_in_order)


def catch_signals(loop: asyncio.AbstractEventLoop, reactions: Reactions) -> None:
    """Have every signal that means something answered on the loop.

    However many come, a turn of the loop answers each kind once: a storm makes no backlog, and a
    stop is never lost in it.
    """
    meanings = {
        "SIGCHLD": reactions.child_changed,
        "SIGTERM": reactions.stop,
        "SIGINT": reactions.stop,
        "SIGHUP": reactions.reload,
        "SIGUSR1": reactions.reopen_logs,
        "SIGUSR2": reactions.log_status,
        "SIGINFO": reactions.log_status,
    }
    known = {name: act for name, act in meanings.items() if hasattr(signal, name)}
    _Wakeup(loop, {getattr(signal, name): act for name, act in known.items()}).hang()


class _Wakeup:
    """Wakes the loop at signals; asyncio's own would answer each byte of a storm, or lose it.

    The byte that tells of a signal is lost where the socket is full, the note of it never: it is
    made in the main thread before the loop goes on, and any byte has all notes answered.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, acts: Mapping[int, Act]) -> None:
        self._loop = loop
        self._acts = acts
        self._noted: dict[int, None] = {}
        self._heard, self._rung = socket.socketpair()

    def hang(self) -> None:
        """Catch the signals from now on; signal.signal() keeps us for the life of the process."""
        for end in (self._heard, self._rung):
            end.setblocking(False)
        signal.set_wakeup_fd(self._rung.fileno(), warn_on_full_buffer=False)
        self._loop.add_reader(self._heard, self._answer)
        for number in self._acts:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._noted[number] = None

    def _answer(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._heard.recv(CHUNK_BYTES)
        noted, self._noted = self._noted, {}
        for number in noted:
            # Each in a callback of its own: one that fails takes nothing from the others.
            self._loop.call_soon(self._acts[number])


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
