"""Finds the softlink of a PFS from the path by which a pair names it.

    /Backup1/pfs/test    in a directory named pfs: the softlink itself
    /Backup1/test        its place: the null mount of a master, the symlink to a slave

The softlink of a place is what the place shows, or what fstab mounts there, else a softlink of its
name in the pfs directory of its file system.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath

from hammerd.core.hammer.pfs_links import is_untranslated_link, parse_link_text
from hammerd.core.system.mounts import NULL_KINDS, Mount, Mounts, nearest_mount

PFS_DIRECTORY = "pfs"


@dataclass(frozen=True, slots=True)
class Tables:
    """The mounts of a host, those of its fstab, and the texts of symlinks, by their paths."""

    mounted: Mounts = ()
    fstab: Mounts = ()
    links: Mapping[str, str] | None = None

    def text_of(self, path: str) -> str:
        """Return the text of a symlink, empty for another file."""
        return (self.links or {}).get(path, "")


@dataclass(frozen=True, slots=True)
class EndPaths:
    """The softlink of a PFS, and the place that shows it; None if the pair names the softlink.

    `file_system` is the mount point of the HAMMER file system, empty if it is not known.
    `missing_mount` is one that fstab mounts above the path, and that is not mounted;
    `is_in_fstab`: fstab mounts `file_system`.
    """

    link: str
    place: str | None
    file_system: str = ""
    missing_mount: str = ""
    is_in_fstab: bool = True


def find_paths(path: str, wanted_link: str | None, tables: Tables) -> EndPaths | None:
    """Return the paths of an end, None if no softlink is named and its file system is unknown."""
    root = _hammer_above(path, tables.mounted)
    wanted = _hammer_above(path, tables.fstab)
    is_missing = wanted is not None and (root is None or len(wanted.where) > len(root.where))
    missing_mount = wanted.where if wanted is not None and is_missing else ""
    link = wanted_link or _link_of(path, root, tables)
    if link is None:
        return EndPaths(path, None, missing_mount=missing_mount) if missing_mount else None
    holder = _hammer_above(link, tables.mounted)
    where = holder.where if holder else ""
    place = None if link == path else path
    is_in_fstab = where in ("", "/") or any(each.where == where for each in tables.fstab)
    return EndPaths(link, place, where, missing_mount, is_in_fstab)


def _hammer_above(path: str, mounts: Mounts) -> Mount | None:
    """Return the innermost file system above a path, null mounts left out; None if not HAMMER."""
    others = tuple(each for each in mounts if each.kind not in NULL_KINDS)
    found = nearest_mount((path,), others)
    return found if found is not None and found.kind == "hammer" else None


def _link_of(path: str, root: Mount | None, tables: Tables) -> str | None:
    text = tables.text_of(path)
    if basename(dirname(path)) == PFS_DIRECTORY or _is_softlink(text):
        return path
    if text:
        return normpath(join(dirname(path), text))
    for mounts in (tables.mounted, tables.fstab):
        shown = next((each.what.rstrip("/") for each in mounts if _is_null_at(each, path)), None)
        if shown is not None and (found := _named_link(shown, tables)) is not None:
            return found
    return join(root.where, PFS_DIRECTORY, basename(path)) if root is not None else None


def _is_softlink(text: str) -> bool:
    return parse_link_text(text) is not None or is_untranslated_link(text)


def _named_link(shown: str, tables: Tables) -> str | None:
    """Return the softlink of what is null-mounted; mount(8) shows its text, in its directory."""
    named = (tables.links or {}).items()
    same = [at for at, text in named if join(dirname(at), text) == shown]
    if same or parse_link_text(shown) is not None:
        return same[0] if same else None
    return shown


def _is_null_at(mount: Mount, path: str) -> bool:
    return mount.kind in NULL_KINDS and mount.where == path
