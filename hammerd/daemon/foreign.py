"""Streams onto our slaves that are not ours, and groups that a killed hammerd left.

A foreign stream parks the pair and is never killed: somebody started it on purpose. An orphan of
our own is ended before anything is launched onto its slave.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import psutil

from hammerd.core.command_lines import is_same_command, written_slave
from hammerd.daemon.process_table import living, members_of
from hammerd.daemon.spawn_records import SpawnRecord

SAME_START_S = 0.5
"""Start times of one process, read in two runs, may differ by the clock's rounding."""


@dataclass(frozen=True, slots=True)
class ForeignStream:
    """A process that writes to a slave and is none of ours."""

    pid: int
    pgid: int
    command: str
    slave: str


def writers(own_groups: Collection[int]) -> Iterator[ForeignStream]:
    """Yield every process that writes to a slave, but those of our own groups."""
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            slave = written_slave(words)
            pgid = os.getpgid(process.pid) if slave else 0
        except (psutil.Error, OSError):
            continue
        if slave and pgid not in own_groups:
            yield ForeignStream(process.pid, pgid, " ".join(words), slave)


def find_foreign(slave_paths: Collection[str], own: Collection[int]) -> ForeignStream | None:
    """Return a stream onto a slave, by any of its paths, that is in none of our own groups.

    Paths are compared as they are written: a readlink on a disk that hangs would hang us.
    """
    for found in writers(own):
        if found.slave.rstrip("/") in slave_paths:
            return found
    return None


def is_still_there(record: SpawnRecord) -> bool:
    """Tell whether a recorded group lives on: a member that is known, or that runs its argv.

    A pid alone proves nothing: after a reboot it may be anybody's.
    """
    known = {one.pid: one.started_time for one in record.members}
    for member in living(members_of({record.pgid})[record.pgid]):
        started_time = known.get(member.pid)
        if started_time is not None and abs(started_time - member.started_time) < SAME_START_S:
            return True
        if _runs(member.pid, record.argv):
            return True
    return False


def _runs(pid: int, argv: tuple[str, ...]) -> bool:
    try:
        return is_same_command(psutil.Process(pid).cmdline(), argv)
    except psutil.Error:
        return False
