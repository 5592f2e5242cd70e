"""Runs short commands with a deadline, such as pfs-status.

Each command has one result, at the deadline at the latest: then its group is killed and the result
is returned at once. The command stays listed until its process has exited, since a process that
hangs in the kernel cannot be killed, and its caller must not start a second one beside it.

A command of the config gets more care: an input, TERM before KILL, and what it left in its group
may go on for a while after its exit, since mail(1) leaves its sendmail there.

After each chunk that a command prints, its pipes are not read for a delay: most commands exit
meanwhile, and all of their output is then in the pipes. So a sample wakes the loop a few times,
however many endpoints it reads.
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
"""The least that a pipe holds (BSD: 16 or 32 KiB, Linux: 64): after more, the writer may wait."""

MOST_OUTPUT_BYTES = 4 << 20
"""No command of ours prints more; stdout beyond this is dropped."""

MOST_STDERR_BYTES = 16 << 10
"""The last bytes of stderr that are stored."""

DELAY_S, LONGEST_DELAY_S = 0.05, 0.8
"""The delay after a first chunk of less than a full pipe, and the longest one after many."""

MOST_DRAINED_CHUNKS = 2
"""A pipe holds one chunk; a process that left the group may write for ever."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The output and the exit status of a command; `is_late`: the deadline came first.

    `pid` is that of a late command, for is_under_way(), and 0 otherwise.
    """

    status: str
    stdout: str = ""
    stderr: str = ""
    is_late: bool = False
    spawn_error: SpawnError | None = None
    pid: int = 0

    @property
    def is_good(self) -> bool:
        """Whether the command exited by itself with status 0."""
        return self.status == "exit 0" and not self.is_late


@dataclass(frozen=True, slots=True)
class Care:
    """The care for a command that is not ours: it may print without end, or read nothing.

    `grace_s`: from TERM, at the deadline, to KILL. `linger_s`: how long its group may outlive it.
    """

    given: bytes = b""
    grace_s: float = 0.0
    linger_s: float = 0.0


OnResult = Callable[[CommandResult], None]


@dataclass(slots=True)
class _Command:
    child: Child
    on_result: OnResult
    timer: asyncio.TimerHandle
    output: dict[int, bytearray] = field(default_factory=dict)
    open_fds: set[int] = field(default_factory=set)
    delay: asyncio.TimerHandle | None = None
    delay_s: float = DELAY_S
    is_finished: bool = False
    care: Care | None = None
    left: memoryview = field(default_factory=lambda: memoryview(b""))
    is_terminated: bool = False
    is_lingering: bool = False


class Commands:
    """The commands that have not exited yet, by pid."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._commands: dict[int, _Command] = {}
        self._none_left = asyncio.Event()

    def start(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        timeout_s: float,
        on_result: OnResult,
        care: Care | None = None,
    ) -> int:
        """Start a command and return its pid, 0 if that failed.

        The loop calls `on_result` exactly once.
        """
        try:
            child = spawn.spawn(argv, env, has_input=care is not None)
        except SpawnError as error:
            result = CommandResult("not started", stderr=str(error), spawn_error=error)
            self._loop.call_soon(on_result, result)
            return 0
        timer = self._loop.call_later(timeout_s, self._expire, child.pid)
        command = _Command(child, on_result, timer, care=care)
        self._commands[child.pid] = command
        for fd in child.fds:
            command.output[fd] = bytearray()
            command.open_fds.add(fd)
        self._add_readers(command)
        if care is not None and child.input_fd is not None:
            command.left = memoryview(care.given)
            self._add_writer(command, child.input_fd)
        return child.pid

    def report(self, result: CommandResult, on_result: OnResult) -> None:
        """Report the result of a command that is not even started, as start() does."""
        self._loop.call_soon(on_result, result)

    def kill(self, pid: int) -> None:
        """Kill a command before its deadline; its result follows when it has exited."""
        if (command := self._commands.get(pid)) is not None:
            spawn.kill_group(command.child)

    async def run(
        self, argv: Sequence[str], env: Mapping[str, str], timeout_s: float
    ) -> CommandResult:
        """Run a command and return its result, at the deadline at the latest."""
        finished: asyncio.Future[CommandResult] = self._loop.create_future()

        def finish(result: CommandResult) -> None:
            if not finished.done():
                finished.set_result(result)

        self.start(argv, env, timeout_s, finish)
        return await finished

    def is_under_way(self, pid: int) -> bool:
        """Return whether a late command, although killed, has not exited yet."""
        return pid in self._commands

    def child_changed(self) -> None:
        """Reap the commands that exited; called at each SIGCHLD."""
        for command in tuple(self._commands.values()):
            if spawn.notice_death(command.child):
                self._reap(command)

    async def close(self, timeout_s: float) -> None:
        """Kill every command and wait until all have exited; no result is reported any more."""
        for command in tuple(self._commands.values()):
            command.is_finished = True
            spawn.kill_group(command.child)
            if command.is_lingering:
                self._bury(command)
        if self._commands:
            self._none_left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), timeout_s)

    def _add_readers(self, command: _Command) -> None:
        command.delay = None
        for fd in command.open_fds:
            self._loop.add_reader(fd, self._readable, command, fd)

    def _add_writer(self, command: _Command, fd: int) -> None:
        try:
            self._loop.add_writer(fd, self._write, command)
        except OSError:
            # kqueue refuses a pipe that the command has closed already.
            self._close_input(command)

    def _readable(self, command: _Command, fd: int) -> None:
        # A command that filled its pipe waits for us; any other goes on without us.
        if self._read(command, fd) >= FULL_PIPE_BYTES and command.care is None:
            command.delay_s = DELAY_S
        elif command.delay is None:
            for each in command.open_fds:
                self._loop.remove_reader(each)
            command.delay = self._loop.call_later(command.delay_s, self._add_readers, command)
            command.delay_s = min(2 * command.delay_s, LONGEST_DELAY_S)

    def _read(self, command: _Command, fd: int) -> int:
        """Read a chunk from one pipe of a command; return its length in bytes."""
        try:
            data = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        output = command.output[fd]
        if not data:
            self._close(command, fd)
        elif fd == command.child.fds[-1] or command.care is not None:
            output += data
            del output[:-MOST_STDERR_BYTES]
        else:
            output += data[: MOST_OUTPUT_BYTES - len(output)]
        return len(data)

    def _close(self, command: _Command, fd: int) -> None:
        self._loop.remove_reader(fd)
        command.open_fds.discard(fd)

    def _write(self, command: _Command) -> None:
        """Write some of the input of a command; it may have closed it, or ended."""
        fd = command.child.input_fd
        assert fd is not None
        try:
            sent = os.write(fd, command.left[:CHUNK_BYTES])
        except BlockingIOError:
            return
        except OSError:
            sent = len(command.left)
        command.left = command.left[sent:]
        if not command.left:
            self._close_input(command)

    def _close_input(self, command: _Command) -> None:
        fd, command.child.input_fd = command.child.input_fd, None
        if fd is not None:
            self._loop.remove_writer(fd)
            os.close(fd)

    def _expire(self, pid: int) -> None:
        command = self._commands[pid]
        if command.care is not None and not command.is_terminated:
            command.is_terminated = True
            spawn.terminate_group(command.child)
            command.timer = self._loop.call_later(command.care.grace_s, self._expire, pid)
            return
        spawn.kill_group(command.child)
        self._finish(command, is_late=True)

    def _reap(self, command: _Command) -> None:
        if command.is_lingering:
            return
        self._close_input(command)
        if command.delay is not None:
            command.delay.cancel()
        for fd in tuple(command.open_fds):
            self._drain(command, fd)
        if command.care is not None and self._may_linger(command):
            command.is_lingering = True
            self._finish(command, is_late=False)
            self._loop.call_later(command.care.linger_s, self._bury, command)
        else:
            self._bury(command)

    def _may_linger(self, command: _Command) -> bool:
        # Without waitid() the status is known only after the leader was reaped.
        is_known = command.child.status != spawn.DEAD
        return is_known and not (command.is_terminated or command.is_finished)

    def _bury(self, command: _Command) -> None:
        if command.child.is_reaped:
            return
        # The rest of its group ends too, before another process may get its pid.
        spawn.kill_group(command.child)
        del self._commands[command.child.pid]
        spawn.reap(command.child)
        self._finish(command, is_late=False)
        if not self._commands:
            self._none_left.set()

    def _drain(self, command: _Command, fd: int) -> None:
        for _ in range(MOST_DRAINED_CHUNKS):
            if fd in command.open_fds:
                self._read(command, fd)
        if fd in command.open_fds:
            self._close(command, fd)

    def _finish(self, command: _Command, *, is_late: bool) -> None:
        command.timer.cancel()
        if command.is_finished:
            return
        command.is_finished = True
        stdout, stderr = (_text(command.output[fd]) for fd in command.child.fds)
        status, pid = command.child.status or "running", command.child.pid if is_late else 0
        is_late |= command.is_terminated
        # A separate callback for each: an error in one does not affect other commands.
        result = CommandResult(status, stdout, stderr, is_late, pid=pid)
        self._loop.call_soon(command.on_result, result)


def _text(data: bytearray) -> str:
    return data.decode("utf-8", "backslashreplace")
