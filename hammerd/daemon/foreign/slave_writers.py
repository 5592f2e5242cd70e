"""Finds the processes that write to a slave on this machine, by their command lines.

A scan of all processes takes 50 µs of CPU for each, once a minute; done in slices, it never holds
the loop for more than a few milliseconds, though a thousand run. The directory and the session of
a process come from the process table, never from a disk.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from posixpath import basename, join, normpath

from hammerd.core.characters import printable
from hammerd.core.hammer.process_args import is_remote_operand, written_slave
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint
from hammerd.daemon.process import process_table
from hammerd.daemon.process.long_args import LongArgs, ProcessKey
from hammerd.daemon.process.platform import SYSTEM

SLICE = 20
"""The number of processes that are scanned before the loop goes on: about a millisecond."""

LONGEST_COMMAND = 1000


@dataclass(frozen=True, slots=True)
class SlaveWriter:
    """A process that writes to a slave; `operand` is the slave in its command line."""

    pid: int
    pgid: int
    started_time: float
    words: tuple[str, ...]
    operand: str
    cwd: str | None = None
    leads_session: bool = False

    @property
    def command(self) -> str:
        """The command line, for people: without control characters."""
        return printable(" ".join(self.words)[:LONGEST_COMMAND])

    @property
    def slave(self) -> Endpoint:
        """The slave as an endpoint; a relative path starts at the directory of the process."""
        if is_remote_operand(self.words, self.operand):
            where, _, path = self.operand.partition(":")
            user, _, host = where.rpartition("@")
            return Endpoint(normalized(path), SshHost(host, user or None))
        return Endpoint(normalized(join(self.cwd or "", self.operand)))


def normalized(path: str) -> str:
    """Return a path without `//`, `/./`, `/../` and a slash at its end."""
    return normpath(path).replace("//", "/", 1)


async def find_writers(
    but: Collection[int] = (), long: LongArgs | None = None
) -> AsyncIterator[SlaveWriter]:
    """Yield every process that writes to a slave, and let the loop run in between.

    The words of members of the groups `but` are not even read. `long` returns the words of
    processes for which the process table has none.
    """
    wordless: list[ProcessKey] = []
    for index, pid in enumerate(process_table.process_ids()):
        if index % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        words = _words(pid, but)
        if isinstance(words, ProcessKey):
            wordless.append(words)
        elif words and (writer := _writer(pid, words)) is not None:
            yield writer
    if wordless and long is not None:
        for process, words in (await long.argv_of(wordless)).items():
            writer = _writer(process.pid, words)
            if writer is not None and writer.started_time == process.started_time:
                yield writer


def _words(pid: int, but: Collection[int]) -> tuple[str, ...] | ProcessKey:
    try:
        if os.getpgid(pid) in but:
            return ()
        with process_table.querying(pid) as process:
            words = tuple(process.cmdline())
            if words or SYSTEM.shows_long_commands or not _may_write(process.uids().effective):
                return words
            return ProcessKey(pid, process.create_time(), process.name())
    except OSError:
        return ()


def _writer(pid: int, words: tuple[str, ...]) -> SlaveWriter | None:
    operand = written_slave(words)
    if not operand:
        return None
    try:
        pgid = os.getpgid(pid)
        with process_table.querying(pid) as process:
            if not _may_write(process.uids().effective):
                return None
            started_time, leads = process.create_time(), os.getsid(pid) == pgid
    except OSError:
        return None
    return SlaveWriter(pid, pgid, started_time, words, operand, process_table.cwd_of(pid), leads)


def _may_write(euid: int) -> bool:
    """Return whether this user can write to a slave at all: root or our own (docs/hammer.md 3.4).

    Any user may run a program with any command line: its words alone must stop no mirror.
    """
    return euid in (0, os.geteuid())


def holds_only_writers(pids: Collection[int], pgid: int) -> bool:
    """Return whether a group holds only these writers and a shell that waits for them.

    cron runs each line in such a shell, whose words hold the whole line.
    """
    try:
        others = {
            one.pid for one in process_table.living(process_table.members_of({pgid})[pgid])
        } - set(pids)
    except OSError:
        return False
    commands = [process_table.argv_of(pid) for pid in others]
    return all("mirror-" in " ".join(one) and written_slave(one) is None for one in commands)


def is_running(writer: SlaveWriter) -> bool:
    """Return whether a writer still runs; True as well when its process cannot be read."""
    try:
        now = process_table.read_member(writer.pid)
    except OSError:
        return True
    return (
        now is not None
        and not now.is_zombie
        and abs(writer.started_time - now.started_time) <= process_table.SAME_START_S
    )


def is_under_hammerd(writer: SlaveWriter) -> bool:
    """Return whether the group of a writer was started by a hammerd that still runs.

    A parent without words may be one. An orphan's parent is init, which has words.
    """
    parents = (next(process_table.ancestors_of(pid), None) for pid in (writer.pgid, writer.pid))
    return any(
        parent is not None and _may_be_hammerd(process_table.argv_of(parent)) for parent in parents
    )


def _may_be_hammerd(words: Collection[str]) -> bool:
    return not words or any(
        basename(word) == "hammerd" or word.startswith("hammerd.") for word in words
    )
