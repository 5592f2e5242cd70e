"""Handles the daemon's signals, from its start on.

    hold_signals() ── pid file ── catch_signals(): from now on the loop runs the reactions

A signal may come as soon as the pid file is written. A signal without a reaction, or one that
comes too early, must not kill the daemon; its handler does nothing, since an ignored signal would
stay ignored in every child beyond its exec.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FrameType

Reaction = Callable[[], object]

HARMLESS = ("HUP", "USR1", "USR2", "INFO", "ALRM", "VTALRM", "PROF", "IO", "POLL", "PWR", "STKFLT")
"""Signals that kill by default and are no sign of a bug of ours; INFO is Control-T on a BSD."""

CHUNK_BYTES = 4096


def hold_signals() -> None:
    """Exit in order at TERM and INT, and ignore harmless signals, until catch_signals()."""
    for number in _harmless():
        signal.signal(number, _do_nothing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit_in_order)


def catch_signals(loop: asyncio.AbstractEventLoop, reactions: Mapping[str, Reaction]) -> None:
    """Let the loop run the reaction to each signal; a name that the system lacks is left out.

    However many signals come, a turn of the loop runs each reaction once: a storm makes no
    backlog, and no stop is lost in it.
    """
    _Wakeup(loop, {number: reactions[name] for name, number in _numbers_of(reactions)}).install()


class _Wakeup:
    """Wakes the loop at signals; asyncio's own wakeup handles each byte of a storm, or loses it.

    The byte of a signal is lost when the socket is full; its number in `_pending` never is: the
    handler adds it in the main thread before the loop goes on, and any byte makes the loop run
    the reactions to all pending signals.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, reactions: Mapping[int, Reaction]) -> None:
        self._loop = loop
        self._reactions = reactions
        self._pending: dict[int, None] = {}
        self._receiver, self._sender = socket.socketpair()

    def install(self) -> None:
        """Catch the signals from now on; signal.signal() keeps us for the life of the process."""
        for each in (self._receiver, self._sender):
            each.setblocking(False)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        self._loop.add_reader(self._receiver, self._run_pending)
        for number in self._reactions:
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._pending[number] = None

    def _run_pending(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._receiver.recv(CHUNK_BYTES)
        pending, self._pending = self._pending, {}
        for number in pending:
            # A separate callback for each: an error in one does not affect the others.
            self._loop.call_soon(self._reactions[number])


def _numbers_of(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    for name in names:
        if (number := getattr(signal, f"SIG{name}", None)) is not None:
            yield name, number


def _harmless() -> Iterator[int]:
    yield from (number for _, number in _numbers_of(HARMLESS))
    if hasattr(signal, "SIGRTMIN"):
        yield from range(signal.SIGRTMIN, signal.SIGRTMAX + 1)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    pass


def _exit_in_order(_number: int, _frame: FrameType | None) -> None:
    # Nothing was started yet; the context managers on the way out remove the pid file.
    raise SystemExit(0)
