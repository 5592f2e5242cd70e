"""Waits for groups that are ending until they have no living member.

    signalled ── parent dead, found without reaping ── no living member ── empty

Where zombies keep no group, one system call finds that it has no member. Elsewhere the parent's
own zombie, which is not reaped yet, keeps the group, and only a scan of the process table can
find that.

EOF on stderr is neither necessary (a process that left the group may hold the pipe) nor
sufficient; like a parent's death it only makes the next sweep sooner. Else sweeps get rarer.
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
    """Sweeps through all groups that are ending."""

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
        self._timer = Timer(loop, self._sweep)
        self._delays = sweep_delays()

    def sweep_soon(self) -> None:
        """Sweep at once, since something happened, and then often for a while."""
        self._delays = sweep_delays()
        self._sweep_after(0)

    def _sweep_after(self, span_s: float) -> None:
        self._timer.set(self._loop.time() + span_s)

    def _sweep(self) -> None:
        ending = [stream for stream in self._streams() if stream.is_ending]
        if not ending:
            return
        # Before anything that may fail: whatever happens here, the next sweep comes.
        self._sweep_after(next(self._delays))
        for stream in ending:
            if not stream.is_being_checked:
                stream.is_being_checked = True
                # A separate callback for each: an error in one does not affect the others.
                self._loop.call_soon(self._try_to_check, stream)

    def _try_to_check(self, stream: Stream) -> None:
        try:
            self._check(stream)
        except Exception:
            # The next sweep checks it again: a group that is never checked never ends.
            stream.is_being_checked = False
            raise

    def _check(self, stream: Stream) -> None:
        checked_at = self._loop.time()
        is_parent_dead = spawn.notice_death(stream.child) is not None
        if is_parent_dead and is_group_missing(stream.pgid):
            self._found(stream, checked_at, ())
        elif is_parent_dead and SYSTEM.zombies_keep_groups:
            self._group_scan.request(stream.pgid, partial(self._found, stream, checked_at))
        else:
            self._found_living(stream, checked_at)

    def _found(self, stream: Stream, checked_at: float, members: tuple[Member, ...]) -> None:
        if living(members):
            self._found_living(stream, checked_at)
        else:
            stream.is_being_checked = False
            self._on_empty(stream)

    def _found_living(self, stream: Stream, checked_at: float) -> None:
        stream.is_being_checked = False
        self._on_living(stream, checked_at)
