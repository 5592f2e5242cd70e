"""Reads the lines that hammerd's own programs print among those of hammer, ssh and a login.

    hammerd-rsh: ...   the program that starts the ssh of a half, on this host (hammerd/rsh.py)
    hammerd-far: ...   the guard of a target half, on its host

A mark stands at the start of a line only: a banner that names these programs in mid-line prints
no mark. One that begins a line so is taken for a mark. It can then misname the host that a launch
waits for, or claim a lock for a slave of its own host; it cannot end a stream, or hide that one
hangs.
"""

import re

from hammerd.core.hammer import diagnostic_rows
from hammerd.core.hammer.messages import Connecting, FarLocked, ParkCause

MARKS = ("hammerd-rsh: ", "hammerd-far: ")

_CONNECTING = re.compile(r"^hammerd-rsh: connecting to (\S+) \((master|slave) of .+\)$")
_LOCKED = "hammerd-far: locked"

ROWS: tuple[diagnostic_rows.ComplaintRow, ...] = (
    diagnostic_rows.row(
        ParkCause.REFUSED,
        "ssh_missing",
        r"^hammerd-rsh: cannot run (?P<path>.+): "
        r"(?:No such file or directory|Not a directory|Permission denied|Exec format error)$",
        "{path} is no program that can be run: install ssh, or set the key ssh to its path",
    ),
    diagnostic_rows.retry(
        "rsh_failed",
        r"^hammerd-rsh: ",
        "hammerd-rsh could not start ssh for the reason given; is it the one that was installed"
        " with this hammerd?",
    ),
    diagnostic_rows.retry(
        "far_writer",
        r"^hammerd-far: pid \d+ of another hammerd .*writes to (?P<path>.+)$",
        "another hammerd writes to the slave {path} on its host: end that one, or remove its pair",
    ),
    diagnostic_rows.retry(
        "far_writer",
        r"^hammerd-far: an unknown process has the lock (?P<path>.+)$",
        "a process on the slave's host holds the lock {path} and has left no record: fuser(1) or"
        " fstat(1) there tells which",
    ),
    diagnostic_rows.retry(
        "far_writer_unkillable",
        r"^hammerd-far: an earlier writer, pid \d+, does not end",
        "an earlier target half lives on the slave's host and survives SIGKILL: a disk or mount"
        " there may hang",
    ),
    diagnostic_rows.note(
        "far_unlocked",
        r"^hammerd-far: no lock: ",
        "the slave's host takes no lock, so a target half that outlives its link may write beside"
        " the next one: each launch waits for remote_drain",
    ),
)
"""The errors among these lines. hammerd-rsh and the guard exit after each but `far_unlocked`."""


def read_mark(line: str) -> Connecting | FarLocked | None:
    """Return the message in a whole line, None if the line is none of hammerd's own or an error.

    The rows above are among those of core/hammer/diagnostics.py.
    """
    if line == _LOCKED:
        return FarLocked()
    connecting = _CONNECTING.match(line)
    return Connecting(connecting[1], connecting[2]) if connecting else None
