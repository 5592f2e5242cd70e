"""Waits for groups that end until no living member is left in them.

    told to end ── leader dead, seen without reaping ── nobody lives in it ── empty

Where zombies keep no group one system call tells that nobody lives there. Elsewhere the leader's
own zombie, which is not reaped yet, keeps it, and only a scan of the process table can tell.

EOF on stderr is neither necessary (a process that left the group may hold the pipe) nor
sufficient; like a leader's death it only makes us look sooner. Else we look ever less often.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from hammerd.daemon.process import spawn
from hammerd.daemon.process.group_scan import GroupScan, sweep_delays
from hammerd.daemon.process.platform import SYSTEM
from hammerd.daemon.process.process_table import Member, is_group_missing, living
from hammerd.daemon.stream.live_stream import Stream
from hammerd.daemon.timing.timers import Timer


class GroupReaper:
    """The sweeps through all groups that are ending."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        group_scan: GroupScan,
        streams: Callable[[], Iterable[Stream]],
        on_empty: Callable[[Stream], None],
        on_living: Callable[[Stream, float], None],
    ) -> None:
        self._loop = loop
        self._group_scan = group_scan
        self._streams = streams
        self._on_empty = on_empty
        self._on_living = on_living
        self._timer = Timer(loop, self._look)
        self._rests = sweep_delays()

    def look_soon(self) -> None:
        """Look at once, since something happened, and then often for a while."""
        self._rests = sweep_delays()
        self._look_after(0)

    def _look_after(self, span_s: float) -> None:
        self._timer.set(self._loop.time() + span_s)

    def _look(self) -> None:
        ending = [stream for stream in self._streams() if stream.is_ending]
        if not ending:
            return
        # Before anything that may fail: whatever happens here, it is looked at again.
        self._look_after(next(self._rests))
        for stream in ending:
            if not stream.is_counted:
                stream.is_counted = True
                # Each in a callback of its own: one that fails takes nothing from the others.
                self._loop.call_soon(self._count, stream)

    def _count(self, stream: Stream) -> None:
        try:
            self._look_at(stream)
        except Exception:
            # The next sweep counts it again: a group that is never counted never ends.
            stream.is_counted = False
            raise

    def _look_at(self, stream: Stream) -> None:
        looked_at = self._loop.time()
        if spawn.notice_death(stream.child) is None:
            self._lives(stream, looked_at)
        elif is_group_missing(stream.pgid):
            self._counted(stream, looked_at, ())
        elif SYSTEM.zombies_keep_groups:
            self._group_scan.request(stream.pgid, partial(self._counted, stream, looked_at))
        else:
            self._lives(stream, looked_at)

    def _counted(self, stream: Stream, looked_at: float, members: tuple[Member, ...]) -> None:
        if living(members):
            self._lives(stream, looked_at)
        else:
            stream.is_counted = False
            self._on_empty(stream)

    def _lives(self, stream: Stream, looked_at: float) -> None:
        stream.is_counted = False
        self._on_living(stream, looked_at)
