"""Short commands with a deadline: pfs-status, a look at paths.

One call gives one answer, in time, whatever the command does: at the deadline its group is killed
and the answer is given at once, but the call stays known until the process is really gone, since
a process that hangs in the kernel cannot be killed and must not get a second one beside it.

A command that prints piecemeal is left alone for a while after each piece: most end meanwhile, and
their end finds all that they said in the pipe. So a sample wakes the loop a few times, however
many ends it reads.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hammerd.core.errors import SpawnError
from hammerd.daemon.process import spawn
from hammerd.daemon.process.spawn import Child

CHUNK_BYTES = 64 << 10
FULL_PIPE_BYTES = 16 << 10
"""A pipe holds at least this (BSD: 16 or 32 KiB, Linux: 64): who filled one waits for us."""

MOST_OUTPUT_BYTES = 4 << 20
"""No command of ours prints more; what is beyond is not kept."""

MOST_STDERR_BYTES = 16 << 10
"""Of complaints the last ones are kept."""

REST_S, LONGEST_REST_S = 0.05, 0.8
"""The delay after a first chunk of less than a full pipe, and the longest one after many."""

MOST_DRAINED_CHUNKS = 2
"""A pipe holds one chunk; a process that left the group may write for ever."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed and how it ended; `is_late` when the deadline came first.

    `pid` is that of a late command, for is_under_way(); 0 otherwise.
    """

    status: str
    stdout: str = ""
    stderr: str = ""
    is_late: bool = False
    spawn_error: SpawnError | None = None
    pid: int = 0

    @property
    def is_good(self) -> bool:
        """Whether the command ended by itself with exit status 0."""
        return self.status == "exit 0" and not self.is_late


OnResult = Callable[[CommandResult], None]


@dataclass(slots=True)
class _Command:
    child: Child
    on_answer: OnResult
    timer: asyncio.TimerHandle
    output: dict[int, bytearray] = field(default_factory=dict)
    open_fds: set[int] = field(default_factory=set)
    rest: asyncio.TimerHandle | None = None
    rest_s: float = REST_S
    is_answered: bool = False


class Commands:
    """The commands under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[int, _Command] = {}
        self._none_left = asyncio.Event()

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        timeout_s: float,
        on_answer: OnResult,
    ) -> None:
        """Start a command; `on_answer` is called exactly once, from the loop."""
        try:
            child = spawn.spawn(argv, env, reads_stdout=True)
        except SpawnError as error:
            answer = CommandResult("not started", stderr=str(error), spawn_error=error)
            self._loop.call_soon(on_answer, answer)
            return
        timer = self._loop.call_later(timeout_s, self._too_late, child.pid)
        call = _Command(child, on_answer, timer)
        self._calls[child.pid] = call
        for fd in child.fds:
            call.output[fd] = bytearray()
            call.open_fds.add(fd)
        self._listen(call)

    async def run(
        self, argv: Sequence[str], env: Mapping[str, str], timeout_s: float
    ) -> CommandResult:
        """Run a command and return its answer, at the deadline at the latest."""
        answered: asyncio.Future[CommandResult] = self._loop.create_future()

        def keep(answer: CommandResult) -> None:
            if not answered.done():
                answered.set_result(answer)

        self.start(argv, env, timeout_s, keep)
        return await answered

    def is_under_way(self, pid: int) -> bool:
        """Tell whether a command that was answered for late is not gone yet, though killed."""
        return pid in self._calls

    def child_changed(self) -> None:
        """See which commands ended; called at each SIGCHLD."""
        for call in tuple(self._calls.values()):
            if spawn.notice_death(call.child):
                self._ended(call)

    async def close(self, timeout_s: float) -> None:
        """Kill every command and wait until they are gone; no answer is given any more."""
        for call in tuple(self._calls.values()):
            call.is_answered = True
            spawn.kill_group(call.child)
        if self._calls:
            self._none_left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), timeout_s)

    def _listen(self, call: _Command) -> None:
        call.rest = None
        for fd in call.open_fds:
            self._loop.add_reader(fd, self._readable, call, fd)

    def _readable(self, call: _Command, fd: int) -> None:
        # Who fills a pipe waits for us; who does not needs nobody until it does.
        if self._read(call, fd) >= FULL_PIPE_BYTES:
            call.rest_s = REST_S
        elif call.rest is None:
            for each in call.open_fds:
                self._loop.remove_reader(each)
            call.rest = self._loop.call_later(call.rest_s, self._listen, call)
            call.rest_s = min(2 * call.rest_s, LONGEST_REST_S)

    def _read(self, call: _Command, fd: int) -> int:
        """Read a chunk of what a command says on one of its pipes; return how much it was."""
        try:
            data = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        kept = call.output[fd]
        if not data:
            self._close(call, fd)
        elif fd == call.child.fds[-1]:
            kept += data
            del kept[:-MOST_STDERR_BYTES]
        else:
            kept += data[: MOST_OUTPUT_BYTES - len(kept)]
        return len(data)

    def _close(self, call: _Command, fd: int) -> None:
        self._loop.remove_reader(fd)
        call.open_fds.discard(fd)

    def _too_late(self, pid: int) -> None:
        call = self._calls[pid]
        spawn.kill_group(call.child)
        self._answer(call, is_late=True)

    def _ended(self, call: _Command) -> None:
        if call.rest is not None:
            call.rest.cancel()
        for fd in tuple(call.open_fds):
            self._drain(call, fd)
        # Whatever it left behind in its group ends too, before its pid may be another's.
        spawn.kill_group(call.child)
        del self._calls[call.child.pid]
        spawn.reap(call.child)
        self._answer(call, is_late=False)
        if not self._calls:
            self._none_left.set()

    def _drain(self, call: _Command, fd: int) -> None:
        for _ in range(MOST_DRAINED_CHUNKS):
            if fd in call.open_fds:
                self._read(call, fd)
        if fd in call.open_fds:
            self._close(call, fd)

    def _answer(self, call: _Command, *, is_late: bool) -> None:
        call.timer.cancel()
        if call.is_answered:
            return
        call.is_answered = True
        stdout, stderr = (_text(call.output[fd]) for fd in call.child.fds)
        status, pid = call.child.status or "running", call.child.pid if is_late else 0
        # In a callback of its own: one that fails takes nothing from other commands.
        answer = CommandResult(status, stdout, stderr, is_late, pid=pid)
        self._loop.call_soon(call.on_answer, answer)


def _text(data: bytearray) -> str:
    return data.decode("utf-8", "backslashreplace")
