"""Looks at paths through one standing lean child, and goes round those that hang.

    look(paths) ── queue ── the child ──┬── answers, a line a path
                                        ├── slow: another child takes over the queue behind it
                                        └── late: killed; its place is avoided until it is gone

A look costs a millisecond and no process. A child that hangs in the kernel cannot be killed: the
place that it was about to touch (daemon/paths/probe_program.py tells) is then touched by no other
child, however it is reached, and all other paths are answered without delay.
"""

import asyncio
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
"""How long those behind a path wait for it."""

LATE_S = 2.0
"""How long a path is waited for."""

START_S = 10.0
"""How long a child may take until its first word: a busy system is slow to start one."""

MOST_HANGING = 16
"""How many children may hang at once; then nothing is looked at."""

REQUEST_BYTES = 4096
"""How much is asked at once: a socket's buffer holds more."""

CHUNK_BYTES = 64 << 10
MOST_TRIES = 2

PathStates = Mapping[str, PathState | None]
"""What was seen, by path; None where a path hangs. What could not be looked at is left out."""


@dataclass(eq=False, slots=True)
class _Ask:
    """A path that somebody waits for; a quick one is answered as soon as it is seen to be slow."""

    path: str
    is_quick: bool
    answer: asyncio.Future[PathState | None]
    tries: int = 0

    def settle(self, seen: PathState | None) -> None:
        if not self.answer.done():
            self.answer.set_result(seen)

    def give_up(self) -> None:
        """Leave the path out of the answers."""
        if not self.answer.done():
            self.answer.cancel()


@dataclass(eq=False, slots=True)
class _ProbeProcess:
    """A child: what it was asked, and what it said last that it was about to touch.

    `is_late`: it was killed, and may not be gone. `waiting` are asks that led to its place.
    """

    child: Child
    asked: deque[_Ask] = field(default_factory=deque)
    unread: bytes = b""
    unsent: bytes = b""
    place: str | None = None
    words: int = 0
    is_late: bool = False
    waiting: list[_Ask] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class PathProber:
    """The looks that are asked for and under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, env: Mapping[str, str]) -> None:
        self._loop = loop
        self._env = env
        self._queue: deque[_Ask] = deque()
        self._looker: _ProbeProcess | None = None
        # Those that were slow: each has one path yet to answer, or is to be gone.
        self._apart: list[_ProbeProcess] = []
        self._none_left = asyncio.Event()
        self._is_closed = False

    async def look(self, paths: Iterable[str], *, is_quick: bool = False) -> PathStates:
        """Look at paths; quickly: what is slow counts as hanging until it is asked again."""
        asks = {
            path: _Ask(path, is_quick, self._loop.create_future()) for path in dict.fromkeys(paths)
        }
        self._queue.extend(asks.values())
        self._go_on()
        if asks:
            await asyncio.wait([ask.answer for ask in asks.values()])
        return {
            path: ask.answer.result() for path, ask in asks.items() if not ask.answer.cancelled()
        }

    def child_changed(self) -> None:
        """See which children ended; called at each SIGCHLD."""
        for looker in self._all():
            if spawn.notice_death(looker.child):
                self._read(looker)
                self._ended(looker)

    async def close(self, timeout_s: float) -> None:
        """End the children and wait until they are gone; nobody is answered any more."""
        self._is_closed = True
        for looker in self._all():
            spawn.kill_group(looker.child)
        self._give_up(self._queue)
        if self._all():
            self._none_left.clear()
            try:
                await asyncio.wait_for(self._none_left.wait(), timeout_s)
            except TimeoutError:
                return

    def _all(self) -> list[_ProbeProcess]:
        return [*self._apart, *([self._looker] if self._looker else [])]

    # --- asking ------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Ask what is to be asked, once all that was asked is answered."""
        if not self._queue:
            return
        if self._looker is None:
            self._looker = self._started()
        if self._looker is None:
            self._give_up(self._queue)
        elif not self._looker.asked:
            self._ask(self._looker)

    def _started(self) -> _ProbeProcess | None:
        if self._is_closed or len(self._apart) >= MOST_HANGING:
            return None
        argv = (sys.executable, "-IS", str(Path(probe_program.__file__)))
        try:
            looker = _ProbeProcess(spawn.spawn_with_socket(argv, self._env))
        except SpawnError:
            return None
        try:
            self._loop.add_reader(looker.child.fds[0], self._readable, looker)
        except OSError:
            # A child that nobody hears must not stay: SIGCHLD tells when it is gone.
            spawn.kill_group(looker.child)
            self._apart.append(looker)
            return None
        return looker

    def _ask(self, looker: _ProbeProcess) -> None:
        places = {one.place for one in self._apart if one.place}
        records = ["!", *(f"+{place}" for place in sorted(places))]
        size = 0
        while self._queue and size < REQUEST_BYTES:
            ask = self._queue.popleft()
            looker.asked.append(ask)
            records.append(f"?{ask.path}")
            size += len(records[-1])
        looker.unsent = b"".join(os.fsencode(record) + b"\0" for record in records)
        self._send(looker)
        self._watch(looker)

    def _send(self, looker: _ProbeProcess) -> None:
        fd = looker.child.fds[0]
        try:
            looker.unsent = looker.unsent[os.write(fd, looker.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            # Its end is told by what is read of it.
            looker.unsent = b""
        if looker.unsent:
            self._loop.add_writer(fd, self._send, looker)
        else:
            self._loop.remove_writer(fd)

    # --- hearing -----------------------------------------------------------------------------

    def _readable(self, looker: _ProbeProcess) -> None:
        if not self._read(looker):
            # Nothing more will come; SIGCHLD tells when it is gone.
            self._loop.remove_reader(looker.child.fds[0])
            self._lost(looker)

    def _read(self, looker: _ProbeProcess) -> bool:
        """Take in what a child said; False at the end."""
        try:
            data = os.read(looker.child.fds[0], CHUNK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        *lines, looker.unread = (looker.unread + data).split(b"\n")
        for line in lines:
            looker.words += 1
            if looker.words == 1:
                # It has started: from now on it may be seen to be slow.
                self._watch(looker)
            self._hear(looker, line)
        return bool(data)

    def _hear(self, looker: _ProbeProcess, line: bytes) -> None:
        if line.startswith(b"@"):
            looker.place = str(json.loads(line[1:]))
            return
        if not looker.asked:
            return
        self._answer(looker.asked.popleft(), line)
        if not looker.asked:
            looker.stop_timer()
            if looker is self._looker:
                self._go_on()
            else:
                self._came_after_all(looker)

    def _answer(self, ask: _Ask, line: bytes) -> None:
        try:
            found = parse_path_state(line)
        except (ValueError, KeyError, TypeError):
            ask.give_up()
            return
        if isinstance(found, PathState):
            ask.settle(found)
        else:
            self._avoided(ask, found)

    def _avoided(self, ask: _Ask, place: str) -> None:
        """Let a path wait for the child that hangs, or may hang, on its way."""
        looker = next((one for one in self._apart if one.place == place), None)
        if looker is None:
            self._queue.append(ask)
        elif looker.is_late or ask.is_quick:
            ask.settle(None)
        else:
            looker.waiting.append(ask)

    # --- those that do not answer ------------------------------------------------------------

    def _watch(self, looker: _ProbeProcess) -> None:
        looker.stop_timer()
        wait_s = SLOW_S if looker.words else START_S
        looker.timer = self._loop.call_later(wait_s, self._look_after, looker, looker.words)

    def _look_after(self, looker: _ProbeProcess, words: int) -> None:
        if looker.words != words:
            self._watch(looker)
        elif not words:
            spawn.kill_group(looker.child)
        else:
            self._is_slow(looker)

    def _is_slow(self, looker: _ProbeProcess) -> None:
        """Leave a child with its one path, and let another one take over those behind it."""
        ask = looker.asked.popleft()
        self._queue.extendleft(reversed(looker.asked))
        looker.asked = deque([ask])
        looker.timer = self._loop.call_later(LATE_S - SLOW_S, self._is_too_late, looker)
        if ask.is_quick:
            ask.settle(None)
        self._apart.append(looker)
        self._looker = None
        self._go_on()

    def _is_too_late(self, looker: _ProbeProcess) -> None:
        looker.is_late = True
        spawn.kill_group(looker.child)
        for ask in (*looker.asked, *looker.waiting):
            ask.settle(None)
        looker.asked.clear()
        looker.waiting.clear()

    def _came_after_all(self, looker: _ProbeProcess) -> None:
        """Let a child go that was slow: another one has its place."""
        looker.place = None
        spawn.kill_group(looker.child)
        self._free(looker)

    def _free(self, looker: _ProbeProcess) -> None:
        waiting, looker.waiting = looker.waiting, []
        self._queue.extend(waiting)
        self._go_on()

    def _lost(self, looker: _ProbeProcess) -> None:
        """Ask another child what this one did not answer; a path that ends two is given up."""
        looker.stop_timer()
        if looker is self._looker:
            self._looker = None
            self._apart.append(looker)
        asked, looker.asked = looker.asked, deque()
        for number, ask in enumerate(asked):
            # A child that never said a word would end at each other path as well.
            ask.tries += number == 0 or not looker.words
        self._give_up(deque(ask for ask in asked if ask.tries >= MOST_TRIES))
        self._queue.extendleft(ask for ask in reversed(asked) if ask.tries < MOST_TRIES)
        looker.place = looker.place if looker.is_late else None
        self._free(looker)

    def _ended(self, looker: _ProbeProcess) -> None:
        self._loop.remove_reader(looker.child.fds[0])
        self._loop.remove_writer(looker.child.fds[0])
        self._lost(looker)
        self._apart.remove(looker)
        spawn.reap(looker.child)
        self._go_on()
        if not self._all():
            self._none_left.set()

    def _give_up(self, asks: deque[_Ask]) -> None:
        for ask in asks:
            ask.give_up()
        asks.clear()
