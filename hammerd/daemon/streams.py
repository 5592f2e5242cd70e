"""The process groups that live long: one mirror-stream each, its output, its halves, its end.

    leader dies, or the pair asks ── terminate ── every member dead ── drain ── reap ── GroupEmpty

What the processes do becomes events of the pair; what the pair decides comes back as launch(),
terminate() and kill(). GroupEmpty is the last event of a group: all output is heard before.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hammerd.core.hammer_output import OutputParser
from hammerd.core.pair_events import Event, GroupEmpty, HalfDied, HalvesWorked, LeaderDied, Said
from hammerd.core.slaves import Claim
from hammerd.core.stream_sayings import Progress, Saying
from hammerd.daemon import children
from hammerd.daemon.children import Child
from hammerd.daemon.halves import HalfWatch
from hammerd.daemon.process_table import Member, cpu_seconds, living, look_at, members_of
from hammerd.daemon.spawn_records import KnownProcess, SpawnRecord, SpawnRecords

BITE_BYTES = 64 << 10
PROGRESS_REST_S = 0.05
FIRST_SWEEP_S, LONGEST_SWEEP_S = 0.002, 0.5
SEEK_HALVES_S = (0.0, 0.01, 0.02, 0.04)
HALVES = 2

Emit = Callable[[str, Event], None]


@dataclass(slots=True)
class Stream:
    """A group of ours: `pair` gets its events."""

    pair: str
    child: Child
    claim: Claim
    parser: OutputParser = field(default_factory=OutputParser)
    halves: dict[int, Member] = field(default_factory=dict)
    seeks: int = 0
    cpu_s: float = 0.0
    is_reading: bool = True
    is_ending: bool = False
    is_at_eof: bool = False

    @property
    def fd(self) -> int:
        """The pipe that holds the group's stderr."""
        return self.child.fds[0]


class Streams:
    """Every stream that runs, by the name of its pair."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        emit: Emit,
        watch: HalfWatch,
        records: SpawnRecords,
    ) -> None:
        self._loop = loop
        self._emit = emit
        self._watch = watch
        self._records = records
        self._streams: dict[str, Stream] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._sweep_s = FIRST_SWEEP_S
        self._none_left = asyncio.Event()

    # --- what the pair decides -------------------------------------------------------------

    def launch(
        self, pair: str, argv: tuple[str, ...], env: Mapping[str, str], claim: Claim
    ) -> int:
        """Start a stream and return its leader's pid.

        Raises:
            SpawnError: the program could not be started.
        """
        child = children.spawn(argv, env, reads_stdout=False)
        stream = Stream(pair, child, claim)
        self._streams[pair] = stream
        self._record(stream)
        self._loop.add_reader(stream.fd, self._read, stream)
        return child.pid

    def terminate(self, pair: str) -> None:
        """Tell a pair's group to end; GroupEmpty follows when it has."""
        stream = self._streams[pair]
        stream.is_ending = True
        children.terminate_group(stream.child)
        self._sweep_again()

    def kill(self, pair: str) -> None:
        """End a pair's group by force."""
        children.kill_group(self._streams[pair].child)
        self._sweep_again()

    # --- what others ask -------------------------------------------------------------------

    def of(self, pair: str) -> Stream | None:
        """Return the stream of a pair, None when it has none."""
        return self._streams.get(pair)

    def groups(self) -> frozenset[int]:
        """Return the ids of all groups of ours."""
        return frozenset(stream.child.pid for stream in self._streams.values())

    def pairs(self) -> tuple[str, ...]:
        """Return the names of the pairs that have a stream."""
        return tuple(self._streams)

    async def all_ended(self, timeout_s: float) -> tuple[str, ...]:
        """Wait until no stream is left; return the pairs whose groups are there after all."""
        if self._streams:
            self._none_left.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), timeout_s)
        return self.pairs()

    def look(self) -> None:
        """Look at the halves: at their deaths where no event tells, and at the CPU they used."""
        self._watch.look()
        for stream in tuple(self._streams.values()):
            cpu_s = sum(cpu_seconds(pid) for pid in stream.halves)
            if cpu_s > stream.cpu_s:
                stream.cpu_s = cpu_s
                self._emit(stream.pair, HalvesWorked())

    # --- what the processes do -------------------------------------------------------------

    def child_changed(self) -> None:
        """See which leaders died; called at each SIGCHLD."""
        for stream in tuple(self._streams.values()):
            was_known = stream.child.status is not None
            status = children.notice_death(stream.child)
            if status is not None and not was_known:
                self._emit(stream.pair, LeaderDied(status))
                self._sweep_again()

    def _read(self, stream: Stream) -> None:
        data = _read_once(stream.fd)
        if data is None:
            return
        if not data:
            self._at_eof(stream)
            return
        self._hear(stream, stream.parser.feed(data))

    def _hear(self, stream: Stream, sayings: list[Saying]) -> None:
        if not stream.is_ending and stream.seeks == 0 and sayings:
            self._seek_halves(stream)
        if sayings and all(isinstance(saying, Progress) for saying in sayings):
            self._rest(stream)
        for saying in sayings:
            self._emit(stream.pair, Said(saying))

    def _rest(self, stream: Stream) -> None:
        self._loop.remove_reader(stream.fd)
        stream.is_reading = False
        self._loop.call_later(PROGRESS_REST_S, self._read_on, stream)

    def _read_on(self, stream: Stream) -> None:
        if not stream.is_reading and not stream.child.is_reaped:
            stream.is_reading = True
            self._loop.add_reader(stream.fd, self._read, stream)

    def _at_eof(self, stream: Stream) -> None:
        self._loop.remove_reader(stream.fd)
        stream.is_at_eof = True
        if stream.is_ending:
            self._sweep_again()

    # --- halves ----------------------------------------------------------------------------

    def _seek_halves(self, stream: Stream) -> None:
        if stream.is_ending or stream.child.is_reaped:
            return
        stream.seeks += 1
        known = len(stream.halves)
        for member in members_of({stream.child.pid})[stream.child.pid]:
            if member.ppid == stream.child.pid and member.pid not in stream.halves:
                stream.halves[member.pid] = member
                self._watch.watch(member, lambda pid: self._half_died(stream, pid))
        if len(stream.halves) > known:
            self._record(stream)
        if len(stream.halves) < HALVES and stream.seeks < len(SEEK_HALVES_S):
            self._loop.call_later(SEEK_HALVES_S[stream.seeks], self._seek_halves, stream)

    def _half_died(self, stream: Stream, pid: int) -> None:
        if not stream.is_ending:
            # The source half is forked first, so it is the older one (HAMMER.md §6).
            is_source = pid == next(iter(stream.halves))
            self._emit(stream.pair, HalfDied(pid, "source" if is_source else "target"))

    # --- the end of a group ----------------------------------------------------------------

    def _sweep_again(self) -> None:
        self._sweep_s = FIRST_SWEEP_S
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._sweep_timer = self._loop.call_later(0, self._sweep)

    def _sweep(self) -> None:
        self._sweep_timer = None
        ending = [stream for stream in self._streams.values() if stream.is_ending]
        leaderless = [stream for stream in ending if children.notice_death(stream.child)]
        members = members_of({stream.child.pid for stream in leaderless}) if leaderless else {}
        for stream in leaderless:
            if not living(members[stream.child.pid]):
                self._emptied(stream)
        if any(stream.is_ending for stream in self._streams.values()):
            if self._sweep_timer is None:
                self._sweep_timer = self._loop.call_later(self._sweep_s, self._sweep)
            self._sweep_s = min(2 * self._sweep_s, LONGEST_SWEEP_S)

    def _emptied(self, stream: Stream) -> None:
        for pid in stream.halves:
            self._watch.forget(pid)
        sayings = self._drained(stream)
        self._loop.remove_reader(stream.fd)
        del self._streams[stream.pair]
        for saying in sayings:
            self._emit(stream.pair, Said(saying))
        children.reap(stream.child)
        self._records.remove(stream.child.pid)
        self._emit(stream.pair, GroupEmpty())
        if not self._streams:
            self._none_left.set()

    def _drained(self, stream: Stream) -> list[Saying]:
        sayings: list[Saying] = []
        while data := _read_once(stream.fd):
            sayings += stream.parser.feed(data)
        return sayings + stream.parser.finish()

    def _record(self, stream: Stream) -> None:
        leader = look_at(stream.child.pid)
        known = [leader] if leader else []
        known += stream.halves.values()
        self._records.write(
            SpawnRecord(
                stream.child.pid,
                stream.pair,
                stream.child.argv,
                tuple(sorted(stream.claim.keys)),
                tuple(KnownProcess(one.pid, one.started_time) for one in known),
            )
        )


def _read_once(fd: int) -> bytes | None:
    """Read a bite; empty at the end, None when there is nothing at the moment."""
    try:
        return os.read(fd, BITE_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
