"""Finds the processes that hold files of a PFS, by fstat(1).

hammer refuses to upgrade or downgrade a PFS of which a file is open (docs/hammer.md 1.7), and
does not tell which one.
"""

from collections.abc import Mapping

from hammerd.cli.check.bounded_command import run_command
from hammerd.core.characters import printable
from hammerd.core.plans.roles.facts import OpenFiles

TIMEOUT_S = 10.0
_BEFORE_PATH, _AFTER_PATH = 4, 4
"""USER CMD PID FD, then the path, then INUM MODE SZ|DV R/W."""


def find_open_files(path: str, env: Mapping[str, str]) -> OpenFiles:
    """Return the processes that hold files of the PFS at a path."""
    done = run_command(("fstat", "-f", path), TIMEOUT_S, env)
    if done.is_late:
        return OpenFiles(unknown_because="fstat does not come back")
    if done.status != 0:
        because = done.start_error or done.error_text.strip() or f"exit {done.status}"
        return OpenFiles(unknown_because=f"fstat: {because}")
    found = parse_fstat(done.text)
    return OpenFiles(tuple(found), pids=tuple(found.values()))


def parse_fstat(text: str) -> dict[str, int]:
    """Return a line for each process and kind of use, and its pid: `vi (pid 952, root): wd of /a`.

    A path may hold blanks; four fields are after it.
    """
    lines: dict[str, int] = {}
    for line in text.splitlines():
        fields = line.split(None, _BEFORE_PATH)
        if len(fields) <= _BEFORE_PATH or not fields[2].isdecimal():
            continue
        user, program, pid, fd, rest = fields
        path = rest.rsplit(None, _AFTER_PATH)[0]
        lines[printable(f"{program} (pid {pid}, {user}): {_use(fd)} on {path}")] = int(pid)
    return lines


def _use(fd: str) -> str:
    return {"wd": "current directory", "text": "its program", "root": "chroot"}.get(
        fd.rstrip("*"), f"file {fd.rstrip('*')}"
    )
