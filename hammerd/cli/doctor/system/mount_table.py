"""Parses mount(8) and fstab(5), and finds the mounts that a path needs.

    Backup1 on /Backup1 (hammer, local)                     mount of the BSDs
    /pfs/@@-1:00001 on /home (null, local, read-only)
    /dev/vda on / type ext4 (rw,relatime)                   mount of Linux

A mount without a line in fstab is gone after the next boot, and the mirror with it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hammerd.cli.doctor.lines.findings import Finding, bad, not_tried, ok

HAMMER_KINDS = frozenset({"hammer", "null", "nullfs"})
FSTAB = "/etc/fstab"

_MOUNT = re.compile(
    r"(?P<what>.*?) on (?P<where>/.*?)(?: type (?P<kind>\S+))? \((?P<options>.*)\)"
)
_ESCAPE = re.compile(r"\\([0-7]{3})")
_LEAST_FIELDS = 4
_READ_ONLY = frozenset({"ro", "rdonly", "read-only"})


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


def mount_finding(paths: Iterable[str], mounted: Mounts, fstab: Mounts) -> Finding:
    """Judge whether what fstab mounts above these paths is mounted.

    `paths` are names of one endpoint. A file system that fstab does not know is judged by the path
    itself, elsewhere.
    """
    names = tuple(paths)
    holder = _nearest(names, mounted)
    wanted = _nearest(names, fstab)
    if wanted and (holder is None or len(wanted.where) > len(holder.where)):
        what = f"{wanted.where} is in {FSTAB} and not mounted"
        return bad(what, f'"mount {wanted.where}"; if that fails, see dmesg')
    if holder is None:
        return not_tried("mount lists no file system that holds the path")
    if holder.options & _READ_ONLY and holder.kind in HAMMER_KINDS:
        hint = f'see dmesg for the error that made it so, then "mount -uw {holder.where}"'
        return bad(f"{holder.where} is mounted read-only", hint)
    return ok(f"on {holder.where} ({holder.kind})")


def boot_finding(paths: Iterable[str], mounted: Mounts, fstab: Mounts) -> Finding:
    """Judge whether all mounts of HAMMER above these paths are made again at a boot."""
    names = tuple(paths)
    needed = [
        each
        for each in mounted
        if each.kind in HAMMER_KINDS and each.where != "/" and _holds(each.where, names)
    ]
    at_boot = {each.where for each in fstab if "noauto" not in each.options}
    for each in needed:
        if each.where not in at_boot:
            return bad(
                f"{each.where} is mounted now, and not by {FSTAB}: a boot would lose it",
                f"add a line to {FSTAB}: {_fstab_line(each)}",
            )
    if not needed:
        return ok("needs no mount of HAMMER but the root")
    return ok(f"{FSTAB} has {', '.join(each.where for each in needed)}")


def _fstab_line(mount: Mount) -> str:
    if mount.kind == "hammer":
        return f'"DEVICE {mount.where} hammer rw 2 2"'
    return f'"PFS {mount.where} null rw 0 0", with the softlink of the PFS'


def _nearest(paths: tuple[str, ...], mounts: Mounts) -> Mount | None:
    """Return the innermost mount that holds one of these paths; of two at one place the later."""
    found = [each for each in mounts if _holds(each.where, paths)]
    return max(reversed(found), key=lambda each: len(each.where), default=None)


def _holds(where: str, paths: tuple[str, ...]) -> bool:
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
