"""Runs the process groups of streams: their output, their halves, their end.

    parent dies, or the pair ends it ── terminate ── all dead ── drain ── reap ── GroupEmpty

The processes cause events of the pair; the pair calls launch(), terminate() and kill(). GroupEmpty
is the last event of a group: it comes after all output. Whatever fails here for one stream, the
others go on, and GroupEmpty comes.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hammerd.core.hammer.messages import Message
from hammerd.core.pair.events import GroupEmpty, GroupLives, MessageRead, ParentDied
from hammerd.core.pair.slave_claims import Claim
from hammerd.daemon.process import spawn
from hammerd.daemon.process.exit_watch import ExitWatch
from hammerd.daemon.process.group_scan import GroupScan
from hammerd.daemon.process.process_table import read_member_or_none
from hammerd.daemon.state.spawn_records import KnownProcess, SpawnRecord, SpawnRecords
from hammerd.daemon.stream.group_reaper import GroupReaper
from hammerd.daemon.stream.halves import Emit, StreamHalves
from hammerd.daemon.stream.live_stream import Stream
from hammerd.daemon.stream.stderr_reader import Noise, StderrReader


class Streams:
    """All running streams, by the name of their pair."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, emit: Emit, watch: ExitWatch, records: SpawnRecords
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._records = records
        self._streams: dict[str, Stream] = {}
        self._noise = Noise()
        group_scan = GroupScan(loop)
        self._halves = StreamHalves(loop, group_scan, watch, emit, self._record)
        self._reaper = GroupReaper(
            loop, group_scan, self._running, self._on_empty, self._on_living
        )
        self._is_empty = asyncio.Event()

    # --- for the pair ----------------------------------------------------------------------

    def launch(
        self, pair: str, argv: tuple[str, ...], env: Mapping[str, str], claim: Claim
    ) -> int:
        """Start a stream and return its parent's pid.

        Raises:
            SpawnError: the program could not be started; there is no group.
        """
        child = spawn.spawn_stream(argv, env)
        stream = Stream(pair, child, claim)
        self._streams[pair] = stream
        try:
            stream.stderr = StderrReader(
                self._loop,
                self._noise,
                child.fds[0],
                partial(self._on_messages, stream),
                partial(self._on_eof, stream),
            )
        except OSError:
            # A stream without a reader must not run: its death is posted like any other.
            spawn.kill_group(child)
        self._record(stream)
        return child.pid

    def terminate(self, pair: str) -> None:
        """End a pair's group; GroupEmpty follows when it is empty, at once if there is none."""
        self._end(pair, spawn.terminate_group)

    def kill(self, pair: str) -> None:
        """End a pair's group by force; GroupEmpty follows."""
        if (stream := self._streams.get(pair)) is not None:
            stream.is_killed = True
        self._end(pair, spawn.kill_group)

    def check_halves(self, pair: str) -> None:
        """Post HalvesGone if a scan from now on finds no half of a pair's stream."""
        if (stream := self._streams.get(pair)) is not None:
            self._halves.check_gone(stream)

    # --- for others ------------------------------------------------------------------------

    def of(self, pair: str) -> Stream | None:
        """Return the stream of a pair, None when it has none."""
        return self._streams.get(pair)

    def unwritten_at(self, pair: str) -> float | None:
        """Return a time at which a stream had not written its present message; None if unknown."""
        stream = self._streams.get(pair)
        return stream.stderr.unwritten_at if stream and stream.stderr else None

    def group_of(self, pair: str) -> int | None:
        """Return the id of a pair's group, None when it has no stream."""
        stream = self._streams.get(pair)
        return stream.pgid if stream else None

    def groups(self) -> frozenset[int]:
        """Return the ids of all groups of ours."""
        return frozenset(stream.pgid for stream in self._streams.values())

    def pairs(self) -> tuple[str, ...]:
        """Return the names of the pairs that have a stream."""
        return tuple(self._streams)

    async def wait_until_ended(self, timeout_s: float) -> tuple[str, ...]:
        """Wait until no stream is left; return the pairs whose groups are still present."""
        if self._streams:
            self._is_empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_empty.wait(), timeout_s)
        return self.pairs()

    def check(self) -> None:
        """Check all parents and halves, also without an event; called at each tick."""
        self.child_changed()
        self._halves.check(self._running())

    # --- events of processes ---------------------------------------------------------------

    def child_changed(self) -> None:
        """Post the death of parents; called at each SIGCHLD."""
        for stream in self._running():
            status = spawn.notice_death(stream.child)
            if status is not None and not stream.is_death_reported:
                stream.is_death_reported = True
                self._emit(stream.pair, ParentDied(status))
                self._reaper.sweep_soon()

    def _running(self) -> tuple[Stream, ...]:
        return tuple(self._streams.values())

    def _on_messages(self, stream: Stream, messages: Sequence[Message]) -> None:
        for message in messages:
            self._emit(stream.pair, MessageRead(message))
        self._halves.on_output(stream)

    def _on_eof(self, stream: Stream) -> None:
        if stream.is_ending:
            self._reaper.sweep_soon()

    # --- the end of a group ----------------------------------------------------------------

    def _end(self, pair: str, signal_group: Callable[[spawn.Child], None]) -> None:
        stream = self._streams.get(pair)
        if stream is None:
            self._emit(pair, GroupEmpty())
            return
        stream.is_ending = True
        self._reaper.sweep_soon()
        signal_group(stream.child)

    def _on_living(self, stream: Stream, checked_at: float) -> None:
        if stream.is_killed and self._streams.get(stream.pair) is stream:
            self._emit(stream.pair, GroupLives(checked_at))

    def _on_empty(self, stream: Stream) -> None:
        if self._streams.get(stream.pair) is not stream:
            return
        del self._streams[stream.pair]
        try:
            self._halves.forget(stream)
            for message in stream.stderr.finish() if stream.stderr else ():
                self._emit(stream.pair, MessageRead(message))
        finally:
            spawn.reap(stream.child)
            self._records.remove(stream.pgid)
            if not self._streams:
                self._is_empty.set()
            self._emit(stream.pair, GroupEmpty())

    def _record(self, stream: Stream) -> None:
        parent = read_member_or_none(stream.pgid)
        known = [parent] if parent else []
        known += stream.halves.values()
        record = SpawnRecord(
            stream.pgid,
            stream.pair,
            stream.child.argv,
            tuple(sorted(stream.claim.keys)),
            tuple(KnownProcess(one.pid, one.started_time) for one in known),
        )
        try:
            self._records.write(record)
        except Exception as error:
            # A record is for the next hammerd; this stream runs, and must go on.
            what = f"the record of group {stream.pgid} of {stream.pair} was not written"
            self._loop.call_exception_handler({"message": what, "exception": error})
