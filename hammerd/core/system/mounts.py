"""Parses mount(8) and fstab(5), and finds the mount that holds a path.

    Backup1 on /Backup1 (hammer, local)                     mount of the BSDs
    /pfs/@@-1:00001 on /home (null, local, read-only)
    /dev/vda on / type ext4 (rw,relatime)                   mount of Linux

Both are read as values of one form.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

FSTAB = "/etc/fstab"
NULL_KINDS = frozenset({"null", "nullfs"})
HAMMER_KINDS = NULL_KINDS | {"hammer"}

_MOUNT = re.compile(
    r"(?P<what>.*?) on (?P<where>/.*?)(?: type (?P<kind>\S+))? \((?P<options>.*)\)"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")
_LEAST_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system, or a line of fstab: its device, directory, kind and options."""

    what: str
    where: str
    kind: str
    options: frozenset[str]


Mounts = tuple[Mount, ...]


def parse_mounts(text: str) -> Mounts:
    """Parse what mount(8) prints; lines in another form are left out."""
    return tuple(
        _mounted(found) for line in text.splitlines() if (found := _MOUNT.fullmatch(line))
    )


def parse_fstab(text: str) -> Mounts:
    """Parse fstab(5); lines without options and comments are left out."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return tuple(
        Mount(_plain(what), _directory(_plain(where)), kind, frozenset(options.split(",")))
        for what, where, kind, options, *_ in (
            each for each in lines if len(each) >= _LEAST_FIELDS
        )
    )


def nearest_mount(paths: Sequence[str], mounts: Mounts) -> Mount | None:
    """Return the innermost mount that holds one of these paths; of two at one place the later."""
    found = [each for each in mounts if holds(each.where, paths)]
    return max(reversed(found), key=lambda each: len(each.where), default=None)


def holds(where: str, paths: Sequence[str]) -> bool:
    """Return whether one of these paths is a directory or below it."""
    inside = where.rstrip("/") + "/"
    return any(path == where or path.startswith(inside) for path in paths)


def _mounted(found: re.Match[str]) -> Mount:
    options = re.split(r",\s*", found["options"])
    kind = found["kind"] or options[0]
    return Mount(found["what"], found["where"], kind, frozenset(options))


def _directory(where: str) -> str:
    """Return a mount point as mount(8) shows it, without slashes at its end."""
    return where.rstrip("/") or where


def _plain(field: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), field)
