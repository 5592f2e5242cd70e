"""Finds the halves of our streams, watches them, and checks them at each tick.

Halves are searched at a stream's first output, again shortly while fewer than two are found, and
at each tick after that: a loaded machine may fork one late. Their death is posted at once where
the kernel reports it; each tick checks all of them as well, because no kernel reports to a
grandparent that a half was stopped, and the tick makes up for an event that was lost.
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
    HalvesGone,
    HalvesWorked,
)
from hammerd.daemon.process.exit_watch import ExitWatch
from hammerd.daemon.process.group_scan import GroupScan
from hammerd.daemon.process.process_table import Member, is_same_process, living, read_member
from hammerd.daemon.stream.live_stream import Stream

SEARCH_AGAIN_S = (0.01, 0.02, 0.04)
CHECKS_PER_TURN = 8
"""The number of streams that are checked before the loop goes on."""

Emit = Callable[[str, Event], None]


class StreamHalves:
    """Finds, watches and checks halves, and posts their events."""

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
        self._to_check: deque[Stream] = deque()

    def on_output(self, stream: Stream) -> None:
        """Search the halves of a stream at its first output."""
        if stream.searches == 0:
            self._search(stream)

    def check(self, streams: Iterable[Stream]) -> None:
        """Check the halves of all streams; called at each tick."""
        is_under_way = bool(self._to_check)
        self._to_check = deque(streams)
        if not is_under_way:
            self._check_next()

    def check_gone(self, stream: Stream) -> None:
        """Post HalvesGone if the group has no living half now."""
        self._group_scan.request(stream.pgid, partial(self._scanned, stream))

    def _scanned(self, stream: Stream, members: tuple[Member, ...]) -> None:
        halves = [one for one in living(members) if one.ppid == stream.pgid]
        if not halves and not stream.is_ending:
            self._emit(stream.pair, HalvesGone())

    def forget(self, stream: Stream) -> None:
        """Stop watching the halves of a stream: its group is empty."""
        for pid in stream.halves:
            self._watch.forget(pid)

    def _search(self, stream: Stream) -> None:
        if stream.lacks_halves and not stream.is_ending:
            stream.searches += 1
            self._group_scan.request(stream.pgid, partial(self._found, stream))

    def _found(self, stream: Stream, members: tuple[Member, ...]) -> None:
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
        if stream.lacks_halves and stream.searches <= len(SEARCH_AGAIN_S):
            self._loop.call_later(SEARCH_AGAIN_S[stream.searches - 1], self._search, stream)

    def _died(self, stream: Stream, pid: int) -> None:
        if not stream.is_ending and pid not in stream.dead:
            stream.dead.add(pid)
            self._emit(stream.pair, HalfDied(pid, stream.half_name(pid)))

    def _check_next(self) -> None:
        for _ in range(min(CHECKS_PER_TURN, len(self._to_check))):
            stream = self._to_check.popleft()
            # A separate callback for each: an error in one does not affect the others.
            self._loop.call_soon(self._check, stream)
        if self._to_check:
            self._loop.call_soon(self._check_next)

    def _check(self, stream: Stream) -> None:
        self._search(stream)
        cpu_s = 0.0
        for half in tuple(stream.halves.values()):
            if stream.is_ending:
                return
            try:
                now = read_member(half.pid)
            except OSError:
                continue  # the next tick checks it again
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
