"""Probes paths with one lean child process, and works around paths that hang.

    probe(paths) ── queue ── the child ──┬── answers, one line for each path
                                         ├── slow: another child takes over the rest of the queue
                                         └── late: killed; its path is avoided until it has exited

A probe takes a millisecond and starts no process. A child that hangs in the kernel cannot be
killed: no other child then touches the path on which it hangs, by whatever way that is reached
(daemon/paths/probe_program.py prints each path before touching it), and all other paths are
answered without delay.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hammerd.core.errors import SpawnError
from hammerd.daemon.paths import probe_program
from hammerd.daemon.paths.path_state import PathState, parse_path_state
from hammerd.daemon.process import spawn
from hammerd.daemon.process.spawn import Child

SLOW_S = 0.25
"""The time after which a path counts as slow: the paths behind it get another child."""

LATE_S = 2.0
"""The longest wait for a path."""

START_S = 10.0
"""The longest wait for the first line of a child: a busy system is slow to start it."""

MOST_HANGING = 16
"""The most children that hang at once; with so many of them, no path is probed."""

REQUEST_BYTES = 4096
"""The size of one request: the buffer of a socket holds more."""

CHUNK_BYTES = 64 << 10
MOST_TRIES = 2

PathStates = Mapping[str, PathState | None]
"""States by path; None where a path hangs. A path that could not be probed is left out."""


@dataclass(eq=False, slots=True)
class _PathRequest:
    """A path to probe; a quick request is answered as soon as its path is slow."""

    path: str
    is_quick: bool
    answer: asyncio.Future[PathState | None]
    tries: int = 0

    def settle(self, state: PathState | None) -> None:
        if not self.answer.done():
            self.answer.set_result(state)

    def give_up(self) -> None:
        """Leave the path out of the answers."""
        if not self.answer.done():
            self.answer.cancel()


@dataclass(eq=False, slots=True)
class _ProbeProcess:
    """A child, its pending requests, and the path that it is about to touch.

    `is_late`: it was killed, and may not have exited. `blocked` are requests whose paths lead
    through the path that it touches.
    """

    child: Child
    requests: deque[_PathRequest] = field(default_factory=deque)
    unread: bytes = b""
    unsent: bytes = b""
    touched_path: str | None = None
    line_count: int = 0
    is_late: bool = False
    blocked: list[_PathRequest] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class PathProber:
    """The children that probe paths, and the requests that wait for them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, env: Mapping[str, str]) -> None:
        self._loop = loop
        self._env = env
        self._queue: deque[_PathRequest] = deque()
        self._active: _ProbeProcess | None = None
        # Children that were slow: each has one path left to answer, or is about to exit.
        self._slow: list[_ProbeProcess] = []
        self._none_left = asyncio.Event()
        self._is_closed = False

    async def probe(self, paths: Iterable[str], *, is_quick: bool = False) -> PathStates:
        """Probe paths; with `is_quick` a slow path counts as one that hangs."""
        requests = {
            path: _PathRequest(path, is_quick, self._loop.create_future())
            for path in dict.fromkeys(paths)
        }
        self._queue.extend(requests.values())
        self._send_next()
        if requests:
            await asyncio.wait([request.answer for request in requests.values()])
        return {
            path: request.answer.result()
            for path, request in requests.items()
            if not request.answer.cancelled()
        }

    def child_changed(self) -> None:
        """Reap the children that exited; called at each SIGCHLD."""
        for process in self._all():
            if spawn.notice_death(process.child):
                self._read(process)
                self._reap(process)

    async def close(self, timeout_s: float) -> None:
        """Kill the children, wait until they have exited, and answer no request any more."""
        self._is_closed = True
        for process in self._all():
            spawn.kill_group(process.child)
        self._give_up(self._queue)
        if self._all():
            self._none_left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), timeout_s)

    def _all(self) -> list[_ProbeProcess]:
        return [*self._slow, *([self._active] if self._active else [])]

    # --- requests ----------------------------------------------------------------------------

    def _send_next(self) -> None:
        """Send the queue to the active child, once it has answered all earlier requests."""
        if not self._queue:
            return
        if self._active is None:
            self._active = self._start()
        if self._active is None:
            self._give_up(self._queue)
        elif not self._active.requests:
            self._send_queue(self._active)

    def _start(self) -> _ProbeProcess | None:
        if self._is_closed or len(self._slow) >= MOST_HANGING:
            return None
        argv = (sys.executable, "-IS", str(Path(probe_program.__file__)))
        try:
            process = _ProbeProcess(spawn.spawn_with_socket(argv, self._env))
        except SpawnError:
            return None
        try:
            self._loop.add_reader(process.child.fds[0], self._readable, process)
        except OSError:
            # Without a reader the child is of no use; SIGCHLD reports its exit.
            spawn.kill_group(process.child)
            self._slow.append(process)
            return None
        return process

    def _send_queue(self, process: _ProbeProcess) -> None:
        avoided = {each.touched_path for each in self._slow if each.touched_path}
        records = ["!", *(f"+{path}" for path in sorted(avoided))]
        size = 0
        while self._queue and size < REQUEST_BYTES:
            request = self._queue.popleft()
            process.requests.append(request)
            records.append(f"?{request.path}")
            size += len(records[-1])
        process.unsent = b"".join(os.fsencode(record) + b"\0" for record in records)
        self._send(process)
        self._watch(process)

    def _send(self, process: _ProbeProcess) -> None:
        fd = process.child.fds[0]
        try:
            process.unsent = process.unsent[os.write(fd, process.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            # The child has exited; reading from it shows that.
            process.unsent = b""
        if process.unsent:
            self._loop.add_writer(fd, self._send, process)
        else:
            self._loop.remove_writer(fd)

    # --- answers -----------------------------------------------------------------------------

    def _readable(self, process: _ProbeProcess) -> None:
        if not self._read(process):
            # Nothing more will come; SIGCHLD reports the exit.
            self._loop.remove_reader(process.child.fds[0])
            self._lost(process)

    def _read(self, process: _ProbeProcess) -> bool:
        """Handle the lines that a child wrote; return False at the end of its output."""
        try:
            data = os.read(process.child.fds[0], CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        *lines, process.unread = (process.unread + data).split(b"\n")
        for line in lines:
            process.line_count += 1
            if process.line_count == 1:
                # It has started: from now on SLOW_S counts instead of START_S.
                self._watch(process)
            self._handle_line(process, line)
        return bool(data)

    def _handle_line(self, process: _ProbeProcess, line: bytes) -> None:
        if line.startswith(b"@"):
            process.touched_path = str(json.loads(line[1:]))
            return
        if not process.requests:
            return
        self._answer(process.requests.popleft(), line)
        if not process.requests:
            process.stop_timer()
            if process is self._active:
                self._send_next()
            else:
                self._answered_late(process)

    def _answer(self, request: _PathRequest, line: bytes) -> None:
        try:
            found = parse_path_state(line)
        except (ValueError, KeyError, TypeError):
            request.give_up()
            return
        if isinstance(found, PathState):
            request.settle(found)
        else:
            self._block(request, found)

    def _block(self, request: _PathRequest, avoided: str) -> None:
        """Let a request wait for the child that hangs, or may hang, at the avoided path."""
        process = next((each for each in self._slow if each.touched_path == avoided), None)
        if process is None:
            self._queue.append(request)
        elif process.is_late or request.is_quick:
            request.settle(None)
        else:
            process.blocked.append(request)

    # --- children that do not answer ---------------------------------------------------------

    def _watch(self, process: _ProbeProcess) -> None:
        process.stop_timer()
        wait_s = SLOW_S if process.line_count else START_S
        process.timer = self._loop.call_later(
            wait_s, self._check_progress, process, process.line_count
        )

    def _check_progress(self, process: _ProbeProcess, line_count: int) -> None:
        if process.line_count != line_count:
            self._watch(process)
        elif not line_count:
            spawn.kill_group(process.child)
        else:
            self._leave_slow(process)

    def _leave_slow(self, process: _ProbeProcess) -> None:
        """Leave a slow child only its first request, and let another child take the others."""
        request = process.requests.popleft()
        self._queue.extendleft(reversed(process.requests))
        process.requests = deque([request])
        process.timer = self._loop.call_later(LATE_S - SLOW_S, self._expire, process)
        if request.is_quick:
            request.settle(None)
        self._slow.append(process)
        self._active = None
        self._send_next()

    def _expire(self, process: _ProbeProcess) -> None:
        process.is_late = True
        spawn.kill_group(process.child)
        for request in (*process.requests, *process.blocked):
            request.settle(None)
        process.requests.clear()
        process.blocked.clear()

    def _answered_late(self, process: _ProbeProcess) -> None:
        """End a slow child that has answered: another child is active by now."""
        process.touched_path = None
        spawn.kill_group(process.child)
        self._unblock(process)

    def _unblock(self, process: _ProbeProcess) -> None:
        blocked, process.blocked = process.blocked, []
        self._queue.extend(blocked)
        self._send_next()

    def _lost(self, process: _ProbeProcess) -> None:
        """Queue the requests of a child that exits; give up a path on which two children did."""
        process.stop_timer()
        if process is self._active:
            self._active = None
            self._slow.append(process)
        requests, process.requests = process.requests, deque()
        for number, request in enumerate(requests):
            # A child that never wrote a line would exit at each other path as well.
            request.tries += number == 0 or not process.line_count
        self._give_up(deque(each for each in requests if each.tries >= MOST_TRIES))
        self._queue.extendleft(each for each in reversed(requests) if each.tries < MOST_TRIES)
        process.touched_path = process.touched_path if process.is_late else None
        self._unblock(process)

    def _reap(self, process: _ProbeProcess) -> None:
        self._loop.remove_reader(process.child.fds[0])
        self._loop.remove_writer(process.child.fds[0])
        self._lost(process)
        self._slow.remove(process)
        spawn.reap(process.child)
        self._send_next()
        if not self._all():
            self._none_left.set()

    def _give_up(self, requests: deque[_PathRequest]) -> None:
        for request in requests:
            request.give_up()
        requests.clear()
