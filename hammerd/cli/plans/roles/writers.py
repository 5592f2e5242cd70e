"""Finds the processes that write to the ends of a pair, and whose they are.

A group that a dead hammerd left is ours only if its record in run_dir fits a process of it: by pid
and start, or by its command line. Its id alone may be that of another group by now.
"""

import calendar
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hammerd.cli.check.bounded_command import run_command
from hammerd.core.characters import printable
from hammerd.core.hammer.process_args import is_same_command, written_slave
from hammerd.core.paths import RECORDS_DIR
from hammerd.core.plans.roles.facts import Writer, WriterKind

if TYPE_CHECKING:
    from hammerd.daemon.state.spawn_records import SpawnRecord

_COLUMNS = ("pid=", "pgid=", "stat=", "lstart=", "command=")
PS = ("ps", "-axww", *(word for column in _COLUMNS for word in ("-o", column)))
TIMEOUT_S = 10.0
SAME_START_S = 2.0
"""The most that two readings of one start differ: some systems count it from their boot."""

LONGEST_COMMAND = 200
COMMANDS = frozenset(
    {"mirror-copy", "pfs-slave", "pfs-upgrade", "pfs-downgrade", "pfs-destroy", "synctid"}
)
"""The commands of hammer that plans run."""

_START_WORDS = 5
_START_FORM = "%a %b %d %H:%M:%S %Y"


@dataclass(frozen=True, slots=True)
class Process:
    """A process as ps(1) lists it; its start is in seconds of wall time."""

    pid: int
    pgid: int
    state: str
    started_time: float
    words: tuple[str, ...]


def list_processes(env: Mapping[str, str]) -> tuple[Process, ...] | str:
    """Return all processes but zombies, or why they cannot be listed."""
    done = run_command(PS, TIMEOUT_S, {**env, "TZ": "UTC"})
    if done.status != 0:
        return done.start_error or done.error_text.strip() or "ps did not end in time"
    return tuple(each for each in parse_processes(done.text) if not each.state.startswith("Z"))


def parse_processes(text: str) -> Iterator[Process]:
    """Parse the lines of PS; a line in another form is left out."""
    for line in text.splitlines():
        fields = line.split(None, 3 + _START_WORDS)
        if len(fields) < 3 + _START_WORDS:
            continue
        pid, pgid, state, *start = fields[: 3 + _START_WORDS]
        try:
            started = calendar.timegm(time.strptime(" ".join(start), _START_FORM))
            process = Process(int(pid), int(pgid), state, float(started), _words(fields))
        except ValueError:
            continue
        yield process


def _words(fields: list[str]) -> tuple[str, ...]:
    return tuple(fields[-1].split()) if len(fields) > 3 + _START_WORDS else ()


def read_records(run_dir: str) -> "Mapping[int, SpawnRecord]":
    """Return the records of streams by their groups."""
    # Imported only here: it is the daemon's.
    from hammerd.daemon.state.spawn_records import read_records as read

    return {record.pgid: record for record in read(Path(run_dir) / RECORDS_DIR)}


def find_writers(
    processes: Iterable[Process],
    operands: frozenset[str],
    records: "Mapping[int, SpawnRecord]",
    *,
    is_daemon_running: bool,
) -> tuple[Writer, ...]:
    """Return each group that writes to one of `operands`, the names of the ends of a pair."""
    listed = tuple(processes)
    groups = {
        each.pgid: each
        for each in listed
        if (slave := written_slave(each.words)) is not None and _is_among(slave, operands)
    }
    ours = WriterKind.RUNNING if is_daemon_running else WriterKind.ORPHAN
    return tuple(
        _writer(each, [one for one in listed if one.pgid == pgid], records.get(pgid), ours)
        for pgid, each in groups.items()
    )


def find_commands(processes: Iterable[Process], paths: frozenset[str]) -> tuple[str, ...]:
    """Return the commands of hammer under way that have one of these paths, but no streams.

    A plan that was killed leaves its last command behind, which goes on.
    """
    return tuple(
        printable(" ".join(each.words)[:LONGEST_COMMAND])
        for each in processes
        if any(os.path.basename(word) == "hammer" for word in each.words[:3])
        and COMMANDS.intersection(each.words)
        and any(_is_among(word, paths) for word in each.words)
    )


def _is_among(operand: str, operands: frozenset[str]) -> bool:
    return operand in operands or os.path.normpath(operand) in operands


def _writer(
    found: Process, group: list[Process], record: "SpawnRecord | None", ours: WriterKind
) -> Writer:
    is_ours = record is not None and any(_fits(each, record) for each in group)
    kind = ours if is_ours else WriterKind.FOREIGN
    command = printable(" ".join(found.words)[:LONGEST_COMMAND])
    hangs = all(each.state.startswith("D") for each in group)
    return Writer(found.pgid, command, kind, hangs, frozenset(each.pid for each in group))


def _fits(process: Process, record: "SpawnRecord") -> bool:
    starts = {one.pid: one.started_time for one in record.members}
    start = starts.get(process.pid)
    if start is not None and abs(start - process.started_time) <= SAME_START_S:
        return True
    return is_same_command(process.words, record.argv)
