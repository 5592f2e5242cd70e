"""Reads the TIDs of endpoints and flushes their file systems, without a running hammerd.

The softlink of a slave shows its TID without a process. Other paths, and those on another host,
need a pfs-status. A key that is restricted to a pair's own commands refuses to flush.
"""

import os
import pwd
from dataclasses import dataclass

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.far_answer import far_answer
from hammerd.core.hammer.pfs_links import LinkedPfs, parse_link_text
from hammerd.core.pairs import Endpoint
from hammerd.core.tid import Tid, parse_tid

MOST_LINKS = 16
STATUS_TIMEOUT_S = 25.0
"""ssh gives up by itself after 15 s without a connection, and after 20 s without an answer."""


@dataclass(frozen=True, slots=True)
class EndSeen:
    """The TID and the role of an endpoint; None if it was not read, for the reason `trouble`."""

    tid: Tid | None = None
    is_master: bool | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Flushed:
    """The TID that a synctid printed; None if it failed, for the reason `trouble`."""

    tid: Tid | None = None
    trouble: str = ""


class Ends:
    """The endpoints as `hammer` of the config reads them."""

    def __init__(self, hammer: str) -> None:
        self._hammer = hammer
        self._env = environment(pwd.getpwuid(os.getuid()).pw_dir)

    def read_slave(self, slave: Endpoint) -> EndSeen:
        """Return the TID of a slave, by its softlink if that shows it."""
        link = _link_of(slave.path) if slave.host.shares_paths else None
        if link is None:
            return self.read(slave)
        return EndSeen(link.tid, link.is_master)

    def read(self, endpoint: Endpoint) -> EndSeen:
        """Return the TID and the role of an endpoint by pfs-status."""
        argv = pfs_status_argv(self._hammer, (endpoint,))
        done = run_command(argv, STATUS_TIMEOUT_S, self._env)
        if trouble := _not_run(done, STATUS_TIMEOUT_S):
            return EndSeen(trouble=trouble)
        answer = far_answer(f"exit {done.status}", done.text, done.error_text, (endpoint.path,))
        if answer.statuses:
            found = answer.statuses[0]
            return EndSeen(found.sync_end_tid, found.is_master)
        if answer.failure is not None:
            return EndSeen(trouble=answer.failure.text)
        return EndSeen(trouble=answer.not_read.text if answer.not_read else "it printed nothing")

    def flush_master(self, master: Endpoint, timeout_s: float) -> Flushed:
        """Flush a master's file system; the TID covers all that was written before."""
        return self._synctid(master, master.path, timeout_s)

    def flush_slave(self, slave: Endpoint, timeout_s: float) -> Flushed:
        """Flush a slave's file system, so that what it holds is on its disk."""
        path = _directory_of_link(slave.path) if slave.host.shares_paths else slave.path
        return self._synctid(slave, path, timeout_s)

    def _synctid(self, endpoint: Endpoint, path: str, timeout_s: float) -> Flushed:
        host = endpoint.host.administered or endpoint.host
        argv = host.command(self._hammer, ("synctid", path))
        done = run_command(argv, timeout_s, self._env)
        if trouble := _not_run(done, timeout_s):
            return Flushed(trouble=trouble)
        printed = done.text.strip().rpartition("\n")[2]
        try:
            if done.status == 0:
                return Flushed(parse_tid(printed))
        except ValueError:
            return Flushed(trouble=f"hammer synctid printed no TID: {printed[:80]}")
        lines = done.error_text.strip().splitlines()
        return Flushed(trouble=lines[-1] if lines else f"exit status {done.status}")


def _not_run(done: CommandResult, timeout_s: float) -> str:
    if done.start_error:
        return done.start_error
    return f"no answer within {timeout_s:.0f} s" if done.is_late else ""


def _link_of(path: str) -> LinkedPfs | None:
    """Return the PFS of the softlink that a path leads to, None if it is no softlink."""
    for _ in range(MOST_LINKS):
        try:
            text = os.readlink(path)
        except OSError:
            return None
        if (found := parse_link_text(text)) is not None:
            return found
        path = os.path.join(os.path.dirname(path), text)
    return None


def _directory_of_link(path: str) -> str:
    """Return the directory of the softlink that a path leads to; that of another path is itself.

    The directory is in the file system of the PFS, and can be opened whatever the slave holds.
    """
    if _link_of(path) is None:
        return path
    while parse_link_text(text := os.readlink(path)) is None:
        path = os.path.join(os.path.dirname(path), text)
    return os.path.dirname(path)
