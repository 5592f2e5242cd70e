"""Compares two entries of one name, and counts what differs."""

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from hammerd.core.verify.entries import (
    DEVICE,
    DIGEST,
    FLAGS,
    GID,
    MTIME_NS,
    SIZE,
    TARGET,
    UID,
    Entry,
    is_pruned,
    mode_of,
    type_of,
)

MOST_KEPT = 100
"""The first differences that are kept, to be looked at again; the others are counted."""

MOST_SHOWN = 20

OTHER_NAMES = "linked to other names"
"""The value of an entry whose inode is that of other names than at the other end."""


class Kind(StrEnum):
    """The kinds of differences."""

    MISSING = "missing"
    EXTRA = "extra"
    TYPE = "type"
    MODE = "mode"
    OWNER = "owner"
    FLAGS = "flags"
    TIME = "time"
    LINKS = "links"
    SIZE = "size"
    TARGET = "target"
    DEVICE = "device"
    CONTENT = "content"
    UNREADABLE = "unreadable"
    LOST = "lost"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of a path: its values on master and slave, empty where there is none."""

    kind: Kind
    path: str
    master: str = ""
    slave: str = ""

    def __str__(self) -> str:
        sentence = _SENTENCES[self.kind]
        values = {"kind": self.kind.value, "master": self.master, "slave": self.slave}
        return f"{self.path}: {sentence.format(**values)}"


_BOTH_VALUES = "{kind} differs: {master}, slave {slave}"
_SENTENCES = {
    Kind.MISSING: "missing on the slave ({master})",
    Kind.EXTRA: "only on the slave ({slave})",
    Kind.TYPE: _BOTH_VALUES,
    Kind.MODE: _BOTH_VALUES,
    Kind.OWNER: _BOTH_VALUES,
    Kind.FLAGS: _BOTH_VALUES,
    Kind.TIME: _BOTH_VALUES,
    Kind.LINKS: "hard links differ: {master}, slave {slave}",
    Kind.SIZE: _BOTH_VALUES,
    Kind.TARGET: _BOTH_VALUES,
    Kind.DEVICE: _BOTH_VALUES,
    Kind.CONTENT: "content differs",
    Kind.UNREADABLE: "cannot be read (master: {master}; slave: {slave})",
    Kind.LOST: "its inode is lost on the slave",
    Kind.PRUNED: "its history was pruned",
}


@dataclass(slots=True)
class Tally:
    """The part that was compared so far: entries and bytes of the master, and the differences."""

    entries: int = 0
    size: int = 0
    counts: dict[Kind, int] = field(default_factory=dict)
    first: list[Difference] = field(default_factory=list)

    def add(self, differences: Iterable[Difference]) -> None:
        """Count differences, and keep the first of them."""
        for each in differences:
            self.counts[each.kind] = self.counts.get(each.kind, 0) + 1
            if len(self.first) < MOST_KEPT:
                self.first.append(each)


def counts_text(counts: Mapping[Kind, int]) -> str:
    """Return the numbers of the kinds of differences: `2 content, 1 mode`."""
    return ", ".join(f"{counts[kind]} {kind}" for kind in Kind if counts.get(kind))


def differences_of(path: str, master: Entry, slave: Entry) -> Iterator[Difference]:
    """Yield the differences of two entries of one name; those of inodes are not seen here."""
    if is_pruned(slave) and not is_pruned(master):
        # Pruning leaves what is current: as of the slave's newest TID this is no history. A
        # mirror leaves out an inode whose record has a bad CRC without a word.
        yield Difference(Kind.LOST, path, type_of(master), "none")
        return
    if is_pruned(master) and not is_pruned(slave):
        yield Difference(Kind.PRUNED, path)
        return
    kind = stat.S_IFMT(mode_of(master))
    if kind != stat.S_IFMT(mode_of(slave)):
        yield Difference(Kind.TYPE, path, type_of(master), type_of(slave))
        return
    for field_kind, show in (*_COMMON, *_OF_TYPE.get(kind, ())):
        values = show(master), show(slave)
        if values[0] != values[1]:
            yield Difference(field_kind, path, *values)
    if kind == stat.S_IFREG and master[SIZE] == slave[SIZE]:
        digests = master[DIGEST], slave[DIGEST]
        if None not in digests and digests[0] != digests[1]:
            yield Difference(Kind.CONTENT, path)


def _show_time(entry: Entry) -> str:
    time_ns = entry[MTIME_NS]
    seconds, fraction_ns = divmod(time_ns if isinstance(time_ns, int) else 0, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds}.{fraction_ns:09d}"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{fraction_ns:09d}"


_Show = Callable[[Entry], str]

_COMMON: tuple[tuple[Kind, _Show], ...] = (
    (Kind.MODE, lambda entry: f"{stat.S_IMODE(mode_of(entry)):04o}"),
    (Kind.OWNER, lambda entry: f"{entry[UID]}:{entry[GID]}"),
    (Kind.FLAGS, lambda entry: str(entry[FLAGS])),
    (Kind.TIME, _show_time),
)
_DEVICES: tuple[tuple[Kind, _Show], ...] = ((Kind.DEVICE, lambda entry: str(entry[DEVICE])),)
_OF_TYPE: dict[int, tuple[tuple[Kind, _Show], ...]] = {
    stat.S_IFREG: ((Kind.SIZE, lambda entry: str(entry[SIZE])),),
    stat.S_IFLNK: ((Kind.TARGET, lambda entry: f'"{entry[TARGET]}"'),),
    stat.S_IFCHR: _DEVICES,
    stat.S_IFBLK: _DEVICES,
}
"""The fields that are compared of each type, beside the content."""
