"""Compares what master and slave hold: names, types, modes, contents, link targets.

Owners and times are left out: without root a slave's files cannot be given to others, and the
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
class Entry:
    """What a name stands for; `content` is a file's digest or a symlink's target."""

    kind: str
    mode: int
    size_bytes: int
    content: str


ANY_MODE = 0o777

Tree = Mapping[str, Entry]


def read_tree(root: Path) -> Tree:
    """Read everything below a directory, or a symlink to one, the directory itself included.

    Raises:
        OSError: something could not be read, or vanished meanwhile.
    """
    top = root.resolve(strict=True)
    return {path.relative_to(top).as_posix(): _entry(path) for path in (top, *_below(top))}


def differences(master: Tree, slave: Tree) -> tuple[str, ...]:
    """Return what differs, a line for each name; nothing when both are the same."""
    lines = []
    for name in sorted(master.keys() | slave.keys()):
        ours, theirs = master.get(name), slave.get(name)
        if ours is None:
            lines.append(f"{name}: only on the slave")
        elif theirs is None:
            lines.append(f"{name}: only on the master")
        elif ours != theirs:
            lines.append(f"{name}: {_what_differs(ours, theirs)}")
    return tuple(lines)


def digest(tree: Tree) -> str:
    """Return one SHA-256 of a tree, the same for trees that do not differ."""
    whole = hashlib.sha256()
    for name in sorted(tree):
        whole.update(f"{name!r} {tree[name]!r}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def describe(tree: Tree) -> str:
    """Count what a tree holds."""
    kinds = Counter(entry.kind for entry in tree.values())
    counted = ", ".join(f"{number} {_plural(kind, number)}" for kind, number in kinds.items())
    size_bytes = sum(entry.size_bytes for entry in tree.values() if entry.kind == "file")
    return f"{counted}, {size_bytes:,} bytes"


def _below(root: Path) -> Iterator[Path]:
    def give_up(error: OSError) -> None:
        raise error

    for directory, directories, files in os.walk(root, onerror=give_up):
        yield from (Path(directory, name) for name in (*directories, *files))


def _entry(path: Path) -> Entry:
    found = path.lstat()
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "special file")
    mode, content = stat.S_IMODE(found.st_mode), ""
    if kind == "file":
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif kind == "symlink":
        # That of a link means nothing; on a BSD it is what the umask of its maker left.
        mode, content = ANY_MODE, os.readlink(path)
    size_bytes = 0 if kind == "directory" else found.st_size
    return Entry(kind, mode, size_bytes, content)


def _plural(kind: str, number: int) -> str:
    if number == 1:
        return kind
    return "directories" if kind == "directory" else f"{kind}s"


def _what_differs(ours: Entry, theirs: Entry) -> str:
    if ours.kind != theirs.kind:
        return f"a {ours.kind} on the master, a {theirs.kind} on the slave"
    if ours.mode != theirs.mode:
        return f"mode {ours.mode:04o} on the master, {theirs.mode:04o} on the slave"
    if ours.kind == "symlink":
        return f"points to {ours.content} on the master, to {theirs.content} on the slave"
    return (
        f"other content: {ours.size_bytes} bytes on the master, {theirs.size_bytes} on the slave"
    )
