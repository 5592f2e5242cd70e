"""Finds and adds the line of a null mount in fstab(5).

Fields are separated by blanks or tabs, in any number. mount(8) of DragonFly knows no escape for a
blank within a field (docs/hammer.md 1.5), so a path with one cannot be in fstab.
"""

from collections.abc import Collection

from hammerd.core.system.mounts import NULL_KINDS, Mount, Mounts, parse_fstab


def null_mount_line(link: str, directory: str) -> str:
    """Return the line that mounts the PFS of a softlink at a directory, without its newline."""
    return "\t".join((link, directory, "null", "rw", "0", "0"))


def can_hold(*paths: str) -> bool:
    """Return whether these paths can be fields."""
    return all(path.split() == [path] and "#" not in path for path in paths)


def find_lines(text: str, directory: str) -> Mounts:
    """Return all that fstab mounts at a directory."""
    return tuple(each for each in parse_fstab(text) if each.where == directory)


def is_null_mount(line: Mount, names: Collection[str]) -> bool:
    """Return whether a line mounts the PFS of these names, at a boot."""
    is_of_link = line.what.rstrip("/") in names and line.kind in NULL_KINDS
    return is_of_link and "noauto" not in line.options


def with_null_mount(text: str, link: str, directory: str) -> str:
    """Return the text of fstab with the line of a null mount at its end."""
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    return f"{whole}{null_mount_line(link, directory)}\n"
