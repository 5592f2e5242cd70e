"""Finds running streams in the process table, independently of hammerd's own view."""

import contextlib
import os
import platform
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.hammer.process_args import PS_ARGV, parse_ps
from hammerd.core.platforms import platform_of
from hammerd.daemon.process import process_table

STREAM_SIZE = 3
KEEPS_LONG_COMMANDS = platform_of(platform.system()).shows_long_commands


@dataclass(frozen=True, slots=True)
class StreamGroup:
    """The running processes of one process group: the parent, the source half, the target half."""

    processes: tuple[process_table.Member, ...]

    @property
    def pgid(self) -> int:
        """The process group's id, which is the parent's pid."""
        return self.processes[0].pgid

    @property
    def pids(self) -> tuple[int, ...]:
        """The pids of its processes, the oldest first: hammer forks the source half first."""
        return tuple(process.pid for process in self.processes)

    @property
    def is_whole(self) -> bool:
        """Whether it consists of exactly a parent and two halves."""
        return len(self.pids) == STREAM_SIZE and self.pids[0] == self.pgid


class StreamScanner:
    """Scans for streams of a hammer program, and fails if two run at once.

    All streams of the demo write to the same slave.
    """

    def __init__(self, hammer: Path) -> None:
        self._hammer = hammer
        self.scan_count = 0

    def scan(self) -> tuple[StreamGroup, ...]:
        """Return the stream that runs, if any.

        Raises:
            CommandFailed: two streams run.
        """
        streams = running_streams(self._hammer)
        self.scan_count += 1
        if len(streams) > 1:
            groups = ", ".join(str(stream.pgid) for stream in streams)
            raise CommandFailed(f"two streams write onto one slave: groups {groups}")
        return streams

    def whole_stream(self) -> StreamGroup:
        """Return the stream that runs.

        Raises:
            CommandFailed: there is none, or it is not a parent and two halves.
        """
        streams = self.scan()
        if not streams or not streams[0].is_whole:
            raise CommandFailed(f"this is no whole stream: {streams}")
        return streams[0]


def running_streams(hammer: Path) -> tuple[StreamGroup, ...]:
    """Return the running streams of a hammer program, also those without a parent.

    A scan takes milliseconds. If one group replaces another meanwhile, only the second is
    returned, because all processes found are checked once more at the end.
    """
    groups: dict[int, list[process_table.Member]] = {}
    for pid, words in _command_lines():
        if str(hammer) in words and "mirror-stream" in words:
            found = process_table.read_member_or_none(pid)
            if found is not None and not found.is_zombie:
                groups.setdefault(found.pgid, []).append(found)
    alive = (tuple(filter(is_alive, sorted(group, key=_age))) for group in groups.values())
    return tuple(StreamGroup(members) for members in alive if members)


def is_alive(process: process_table.Member) -> bool:
    """Return whether a process still runs; its start distinguishes it from a later one."""
    now = process_table.read_member_or_none(process.pid)
    return now is not None and now.started_time == process.started_time and not now.is_zombie


def _age(process: process_table.Member) -> tuple[bool, float, bool, int]:
    return process_table.order(process.pid, process.started_time, process.pgid)


def processes_below(root: Path) -> Mapping[int, str]:
    """Return every process with a path below the root in its command line, except ours."""
    own = {os.getpid(), *process_table.ancestors_of(os.getpid())}
    below = f"{root}/"
    return {
        pid: " ".join(words)
        for pid, words in _command_lines()
        if pid not in own and any(below in word for word in words)
    }


def end_processes_below(root: Path) -> None:
    """Kill every process that `processes_below` finds."""
    for pid in processes_below(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _command_lines() -> Iterable[tuple[int, tuple[str, ...]]]:
    found = {pid: process_table.argv_of(pid) for pid in process_table.process_ids()}
    if not KEEPS_LONG_COMMANDS and not all(found.values()):
        printed = subprocess.run(PS_ARGV, capture_output=True, text=True, check=False).stdout
        by_ps = parse_ps(printed)
        found = {pid: words or by_ps.get(pid, ()) for pid, words in found.items()}
    return found.items()
