"""Defines the lines in which an end of a pair describes its tree for `hammerd verify`.

An end prints its directories in one order, parents before children, names in the order of their
characters:

    = 2 1 41 ["./a",[[...],[...]]]               a batch of entries of the directory ./a
    + 2 1 41 ["./a",[[...],[...]],[[1,88]],[]]   with inodes of hard links, or with errors
    ~ 1048576                                    so many bytes of contents were read, in all
    .                                            the end of the tree
    ! No such file or directory                  the tree cannot be read

The three numbers are the entries of a batch, the files among them, and the bytes of these. Equal
trees give equal lines but for inodes, so most lines are compared as they are and never parsed. The
root itself is the entry `.` of the directory "".

What differs by nature is left out: times of access and of inode changes, device numbers of file
systems, sizes of directories, and numbers of inodes: hard links are compared by the names that
they join. The time is that of the last change, which a tree as of a TID shows as the time of the
inode's change; HAMMER does not mirror a change of times alone (docs/hammer.md 1.9).
"""

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hammerd.core.errors import BadOutput

PLAIN, MARKED, TICK, END, REFUSED = b"=+~.!"
"""The first byte of a line."""

BATCH_ENTRIES = 256
"""The entries of a batch. Both ends cut a directory alike, else few lines would be equal."""

ROOT_PARENT, ROOT = "", "."
"""The directory of the root's own entry, and the root as a directory."""

Entry = list[object]
NAME, MODE, UID, GID, MTIME_NS, FLAGS = range(6)
"""The fields of every entry."""

SIZE, DIGEST = 6, 7
"""The further fields of a file."""

TARGET = DEVICE = 6
"""The further field of a symbolic link, and of a device."""

LISTING = -1
"""The index of an error that concerns the directory itself."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries of a directory; `inodes` and `errors` are by the index of their entry."""

    directory: str
    entries: list[Entry]
    inodes: Mapping[int, int] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """The entries of a batch, the files among them, and the bytes of these."""

    entries: int
    files: int
    size: int


def encode_batch(batch: Batch, files: int, size: int) -> bytes:
    """Return the line of a batch; `files` are among its entries, and hold `size` bytes."""
    content: list[object] = [batch.directory, batch.entries]
    mark = PLAIN
    if batch.inodes or batch.errors:
        mark = MARKED
        content += [list(batch.inodes.items()), list(batch.errors.items())]
    text = json.dumps(content, separators=(",", ":"))
    return b"%c %d %d %d %s\n" % (mark, len(batch.entries), files, size, text.encode())


def counts_of(line: bytes) -> Counts:
    """Return the counts of a batch."""
    _, entries, files, size, _ = line.split(b" ", 4)
    return Counts(int(entries), int(files), int(size))


def decode_batch(line: bytes) -> Batch:
    """Parse the line of a batch.

    Raises:
        BadOutput: it is none.
    """
    try:
        _, _, _, _, text = line.split(b" ", 4)
        directory, entries, *marks = json.loads(text)
        inodes, errors = marks or ((), ())
        return Batch(directory, entries, dict(inodes), dict(errors))
    except (ValueError, TypeError) as error:
        hint = "are both ends of the same version of hammerd?"
        raise BadOutput(f"this describes no tree: {line[:60]!r}", hint) from error


def order(directory: str) -> tuple[str, ...]:
    """Return the key by which directories are sorted: a parent precedes its children."""
    return tuple(directory.split("/")) if directory else ()


def path_of(directory: str, name: str) -> str:
    """Return the path of an entry below the root, `.` for the root itself."""
    return f"{directory}/{name}".removeprefix("./") if directory else name


def split_path(path: str) -> tuple[str, str]:
    """Return the directory and the name of an entry from its path below the root."""
    if path == ROOT:
        return ROOT_PARENT, ROOT
    directory, _, name = f"{ROOT}/{path}".rpartition("/")
    return directory, name


def sorted_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Return paths in the order in which their entries come."""

    def place(path: str) -> tuple[tuple[str, ...], str]:
        directory, name = split_path(path)
        return order(directory), name

    return tuple(sorted(set(paths), key=place))


def is_pruned(entry: Entry) -> bool:
    """Return whether the inode of an entry is not there any more at this TID.

    The kernel shows one whose record was pruned as a FIFO without a mode, of 1970
    (docs/hammer.md 1.9).
    """
    return mode_of(entry) == stat.S_IFIFO and entry[MTIME_NS] == 0


def mode_of(entry: Entry) -> int:
    """Return the mode of an entry, with the bits of its type."""
    mode = entry[MODE]
    return mode if isinstance(mode, int) else 0


def type_of(entry: Entry) -> str:
    """Return the name of an entry's type."""
    kind = stat.S_IFMT(mode_of(entry))
    return _TYPE_NAMES.get(kind, f"type {kind:o}")


_TYPE_NAMES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
