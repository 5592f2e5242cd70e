"""What becomes of the halves of our streams: found, watched, and looked at at each tick.

Halves are sought at a stream's first output, again shortly while fewer than two are seen, and at
each tick after that: a loaded machine may fork one late. Their death is told at once where an
event tells of it; each tick looks at all of them all the same, because no kernel tells a
grandparent that a half was stopped, and an event that is lost must not be lost for ever.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from hammerd.core.pair.events import (
    Event,
    HalfContinued,
    HalfDied,
    HalfStopped,
    HalvesWorked,
)
from hammerd.daemon.process.exit_watch import ExitWatch
from hammerd.daemon.process.group_scan import GroupScan
from hammerd.daemon.process.process_table import Member, is_same_process, read_member
from hammerd.daemon.stream.live_stream import Stream

SEEK_AGAIN_S = (0.01, 0.02, 0.04)
LOOKS_A_TURN = 8
"""How many streams are looked at before the loop gets to others."""

Emit = Callable[[str, Event], None]


class StreamHalves:
    """Seeks, watches and looks at halves; tells the pairs."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        group_scan: GroupScan,
        watch: ExitWatch,
        emit: Emit,
        on_found: Callable[[Stream], None],
    ) -> None:
        self._loop = loop
        self._group_scan = group_scan
        self._watch = watch
        self._emit = emit
        self._on_found = on_found
        self._to_look_at: deque[Stream] = deque()

    def heard(self, stream: Stream) -> None:
        """Seek the halves of a stream that says something for the first time."""
        if stream.seeks == 0:
            self._seek(stream)

    def look(self, streams: Iterable[Stream]) -> None:
        """Look at the halves of all streams; called at each tick."""
        is_under_way = bool(self._to_look_at)
        self._to_look_at = deque(streams)
        if not is_under_way:
            self._look_on()

    def forget(self, stream: Stream) -> None:
        """Watch the halves of a stream no more: its group is empty."""
        for pid in stream.halves:
            self._watch.forget(pid)

    # --- seeking -----------------------------------------------------------------------------

    def _seek(self, stream: Stream) -> None:
        if stream.lacks_halves and not stream.is_ending:
            stream.seeks += 1
            self._group_scan.request(stream.pgid, partial(self._counted, stream))

    def _counted(self, stream: Stream, members: tuple[Member, ...]) -> None:
        if stream.is_ending:
            return
        found = [
            member
            for member in members
            if member.ppid == stream.pgid and member.pid not in stream.halves
        ]
        stream.add_halves(found)
        for half in found:
            self._watch.watch(half, partial(self._died, stream))
        if found:
            self._on_found(stream)
        if stream.lacks_halves and stream.seeks <= len(SEEK_AGAIN_S):
            self._loop.call_later(SEEK_AGAIN_S[stream.seeks - 1], self._seek, stream)

    # --- what happens to them ----------------------------------------------------------------

    def _died(self, stream: Stream, pid: int) -> None:
        if not stream.is_ending and pid not in stream.dead:
            stream.dead.add(pid)
            self._emit(stream.pair, HalfDied(pid, stream.half_name(pid)))

    def _look_on(self) -> None:
        for _ in range(min(LOOKS_A_TURN, len(self._to_look_at))):
            stream = self._to_look_at.popleft()
            # Each in a callback of its own: one that fails takes nothing from the others.
            self._loop.call_soon(self._look_at, stream)
        if self._to_look_at:
            self._loop.call_soon(self._look_on)

    def _look_at(self, stream: Stream) -> None:
        self._seek(stream)
        cpu_s = 0.0
        for half in tuple(stream.halves.values()):
            if stream.is_ending:
                return
            try:
                now = read_member(half.pid)
            except OSError:
                continue  # at the next tick again
            if now is None or now.is_zombie or not is_same_process(half, now):
                self._died(stream, half.pid)
                continue
            self._compare(stream, now)
            cpu_s += now.cpu_s
        if cpu_s > stream.cpu_s and not stream.is_ending:
            stream.cpu_s = cpu_s
            self._emit(stream.pair, HalvesWorked())

    def _compare(self, stream: Stream, now: Member) -> None:
        if now.is_stopped and now.pid not in stream.stopped:
            stream.stopped.add(now.pid)
            self._emit(stream.pair, HalfStopped(now.pid, stream.half_name(now.pid)))
        if not now.is_stopped and now.pid in stream.stopped:
            stream.stopped.discard(now.pid)
            self._emit(stream.pair, HalfContinued(now.pid))
