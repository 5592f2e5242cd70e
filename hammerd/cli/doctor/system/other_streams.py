"""Finds other streams onto a slave: those that run, and those that a crontab starts at boot.

The tutorial ends with a line like `@reboot hammer mirror-stream ...` in /etc/crontab; with hammerd
it must go. A stream of hammerd itself has a record in run_dir, named after its process group.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hammerd.cli.check.path_check import probe_paths
from hammerd.cli.doctor.lines.findings import Finding, bad, ok
from hammerd.cli.doctor.system.machine import Machine
from hammerd.core.characters import printable
from hammerd.core.hammer.process_args import scheduled_slave, written_slave
from hammerd.core.pairs import Endpoint
from hammerd.core.paths import RECORDS_DIR

LONGEST_LINE = 300
CRONTAB_HINT = (
    "delete this line: hammerd starts the stream, and two streams onto one slave move its TID"
    " backwards"
)


@dataclass(frozen=True, slots=True)
class StreamLine:
    """A command line that writes to a slave, and the process group or the crontab that has it."""

    place: str
    line: str
    operand: str


class OtherStreams:
    """The streams that a machine runs or will start, whoever made them."""

    def __init__(self, machine: Machine, run_dir: str) -> None:
        self._machine = machine
        self._run_dir = run_dir
        self._scheduled: list[StreamLine] = []
        self._unread: Finding | None = None
        for path in machine.files.crontabs:
            self._read_crontab(path)
        # A writer on another host may be the half of hammerd's own stream.
        listed = machine.output(machine.files.ps) if machine.host.shares_processes else ""
        self._not_listed = listed if isinstance(listed, Finding) else None
        self._running = list(_running(listed)) if isinstance(listed, str) else []
        self._real = self._real_paths()

    def scheduled(self, slave: Endpoint, real: str) -> tuple[StreamLine, ...]:
        """Return the lines of crontabs that start a stream onto a slave."""
        return tuple(each for each in self._scheduled if self._is_slave(each.operand, slave, real))

    def running(self, slave: Endpoint, real: str) -> tuple[StreamLine, ...]:
        """Return the groups that write to a slave now; a group is listed for each process."""
        return tuple(each for each in self._running if self._is_slave(each.operand, slave, real))

    def is_ours(self, stream: StreamLine) -> bool:
        """Return whether a hammerd has started a group: its record exists."""
        return os.path.exists(os.path.join(self._run_dir, RECORDS_DIR, f"{stream.place}.json"))

    def crontab_finding(self, slave: Endpoint, real: str) -> Finding:
        """Judge whether a crontab starts another stream onto a slave."""
        for each in self.scheduled(slave, real):
            return bad(f"{each.place}: {each.line}", CRONTAB_HINT)
        return self._unread or ok("no crontab starts another stream")

    def running_finding(self, slave: Endpoint, real: str) -> Finding:
        """Judge whether another stream writes to a slave now."""
        is_ours = False
        for each in self.running(slave, real):
            if not self.is_ours(each):
                what = f"process group {each.place} writes to the slave: {each.line}"
                hint = f'end it with "kill -TERM -- -{each.place}", and what started it'
                return bad(what, hint)
            is_ours = True
        found = "only hammerd's own stream writes to it" if is_ours else "no other stream runs"
        return self._not_listed or ok(found)

    def _read_crontab(self, path: str) -> None:
        text = self._machine.read(path)
        if isinstance(text, Finding):
            self._unread = self._unread or text
            return
        for line in text.splitlines():
            slave = scheduled_slave(line)
            if slave is not None:
                self._scheduled.append(StreamLine(path, _short(line), slave))

    def _real_paths(self) -> Mapping[str, str]:
        """Return the path without links of each operand on this machine."""
        if not self._machine.host.shares_paths:
            return {}
        named: Iterable[StreamLine] = (*self._scheduled, *self._running)
        operands = {each.operand for each in named if each.operand.startswith("/")}
        return {path: state.real for path, state in probe_paths(tuple(operands)).items()}

    def _is_slave(self, operand: str, slave: Endpoint, real: str) -> bool:
        if operand == str(slave):
            return True
        if slave.host == self._machine.host:
            return operand == slave.path or (real != "" and self._real.get(operand) == real)
        # The host may have several names; its paths rarely have.
        return operand.endswith(f":{slave.path}")


def _running(listed: str) -> Iterator[StreamLine]:
    for line in listed.splitlines():
        pgid, *words = line.split()
        slave = written_slave(words)
        if slave is not None and pgid.isdecimal():
            yield StreamLine(pgid, _short(" ".join(words)), slave)


def _short(line: str) -> str:
    return printable(" ".join(line.split())[:LONGEST_LINE])
