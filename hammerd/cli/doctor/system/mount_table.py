"""Judges the mounts that a path needs, by mount(8) and fstab(5).

A mount without a line in fstab is gone after the next boot, and the mirror with it.
"""

from collections.abc import Iterable

from hammerd.cli.doctor.lines.findings import Finding, bad, not_tried, ok
from hammerd.core.system.mounts import FSTAB, HAMMER_KINDS, Mount, Mounts, holds, nearest_mount

_READ_ONLY = frozenset({"ro", "rdonly", "read-only"})


def mount_finding(paths: Iterable[str], mounted: Mounts, fstab: Mounts) -> Finding:
    """Judge whether what fstab mounts above these paths is mounted.

    `paths` are names of one endpoint. A file system that fstab does not know is judged by the path
    itself, elsewhere.
    """
    names = tuple(paths)
    holder = nearest_mount(names, mounted)
    wanted = nearest_mount(names, fstab)
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
        if each.kind in HAMMER_KINDS and each.where != "/" and holds(each.where, names)
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
