"""Builds the commands that describe the ends of a pair, and counts the files of one."""

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.verify.end_process import EndCommand, EndProcess
from hammerd.core.hammer.commands import environment
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid, format_tid
from hammerd.core.verify.entries import counts_of
from hammerd.core.verify.request import EndRequest

FAR_HINT = (
    "is hammerd on that host (remote_hammerd), and does its authorized_keys have the line that"
    ' "hammerd authorized-keys PAIR" prints now?'
)
NO_CONTENTS = EndRequest(jobs=1, sample_of_million=0)


@dataclass(frozen=True, slots=True)
class FileCount:
    """The files of a tree, and their bytes."""

    files: int = 0
    size: int = 0


def end_commands(pair: Pair, tid: Tid) -> tuple[EndCommand, EndCommand]:
    """Return the commands that describe master and slave as of a TID."""
    return _command("master", pair.master, tid), _command("slave", pair.slave, tid)


def _command(role: str, end: Endpoint, tid: Tid) -> EndCommand:
    from hammerd.daemon.process.rsh_program import hammerd_words

    argv = end.host.hammerd(hammerd_words(), ("verify", "--end", end.path, format_tid(tid)))
    if not end.host.needs_login:
        return EndCommand(f"{role} {end}", argv)
    env = environment(pwd.getpwuid(os.getuid()).pw_dir)
    return EndCommand(f"{role} {end}", argv, env, FAR_HINT)


def nearer(pair: Pair, commands: tuple[EndCommand, EndCommand]) -> EndCommand:
    """Return the end that is counted: one on this host, if there is one."""
    return commands[1] if pair.master.host.needs_login else commands[0]


def count_files(command: EndCommand) -> FileCount:
    """Count the files of a tree without reading any.

    Raises:
        CommandFailed: the tree cannot be read.
    """
    with EndProcess(command, NO_CONTENTS) as end:
        return _sum(end.lines(lambda: None))


def _sum(lines: Iterator[bytes]) -> FileCount:
    files = size = 0
    for line in lines:
        counts = counts_of(line)
        files, size = files + counts.files, size + counts.size
    return FileCount(files, size)


class BackgroundCount:
    """Counts the files of a tree while it is compared, for a progress bar only."""

    def __init__(self, command: EndCommand) -> None:
        self.found: FileCount | None = None
        self._end = EndProcess(command, NO_CONTENTS)
        self._thread = Thread(target=self._count, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the count, however far it is."""
        self._end.stop()
        self._thread.join()

    def _count(self) -> None:
        try:
            self.found = _sum(self._end.lines(lambda: None))
        except CommandFailed:
            # The comparison reads the same tree, and reports what is wrong with it.
            return
