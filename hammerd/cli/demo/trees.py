"""Compares the files of master and slave: names, types, modes, contents, link targets.

Owners and times are not compared: without root a slave's files cannot get other owners, and the
simulator mirrors no times of directories.
"""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink"}


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, directory or symlink; `content` is a file's digest or a symlink's target."""

    kind: str
    mode: int
    size_bytes: int
    content: str


ANY_MODE = 0o777

Tree = Mapping[str, TreeEntry]


def read_tree(root: Path) -> Tree:
    """Read a directory, or a symlink to one, and everything below it.

    Raises:
        OSError: something could not be read, or vanished meanwhile.
    """
    top = root.resolve(strict=True)
    return {path.relative_to(top).as_posix(): _entry(path) for path in (top, *_paths_below(top))}


def differences(master: Tree, slave: Tree) -> tuple[str, ...]:
    """Return a line for each name that differs; none if the trees are equal."""
    lines = []
    for name in sorted(master.keys() | slave.keys()):
        ours, theirs = master.get(name), slave.get(name)
        if ours is None:
            lines.append(f"{name}: only on the slave")
        elif theirs is None:
            lines.append(f"{name}: only on the master")
        elif ours != theirs:
            lines.append(f"{name}: {_difference(ours, theirs)}")
    return tuple(lines)


def digest(tree: Tree) -> str:
    """Return a SHA-256 of a tree, equal for equal trees."""
    whole = hashlib.sha256()
    for name in sorted(tree):
        whole.update(f"{name!r} {tree[name]!r}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def describe(tree: Tree) -> str:
    """Return the numbers of files, directories and symlinks, and the bytes of the files."""
    kinds = Counter(entry.kind for entry in tree.values())
    counted = ", ".join(f"{number} {_plural(kind, number)}" for kind, number in kinds.items())
    size_bytes = sum(entry.size_bytes for entry in tree.values() if entry.kind == "file")
    return f"{counted}, {size_bytes:,} bytes"


def _paths_below(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for directory, directories, files in os.walk(root, onerror=fail):
        yield from (Path(directory, name) for name in (*directories, *files))


def _entry(path: Path) -> TreeEntry:
    found = path.lstat()
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "special file")
    mode, content = stat.S_IMODE(found.st_mode), ""
    if kind == "file":
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif kind == "symlink":
        # The mode of a link has no effect; on a BSD it depends on the umask of its creator.
        mode, content = ANY_MODE, os.readlink(path)
    size_bytes = 0 if kind == "directory" else found.st_size
    return TreeEntry(kind, mode, size_bytes, content)


def _plural(kind: str, number: int) -> str:
    if number == 1:
        return kind
    return "directories" if kind == "directory" else f"{kind}s"


def _difference(ours: TreeEntry, theirs: TreeEntry) -> str:
    if ours.kind != theirs.kind:
        return f"a {ours.kind} on the master, a {theirs.kind} on the slave"
    if ours.mode != theirs.mode:
        return f"mode {ours.mode:04o} on the master, {theirs.mode:04o} on the slave"
    if ours.kind == "symlink":
        return f"points to {ours.content} on the master, to {theirs.content} on the slave"
    return (
        f"other content: {ours.size_bytes} bytes on the master, {theirs.size_bytes} on the slave"
    )
