"""Compares two trees as they are described, line by line, in one order.

Lines that are equal are not parsed. Where they differ, the entries of the directory are compared
one by one, until both ends come to another directory. Memory holds a batch of each end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hammerd.core.verify.differences import OTHER_NAMES, Difference, Kind, differences_of
from hammerd.core.verify.entries import (
    DIGEST,
    LISTING,
    NAME,
    PLAIN,
    SIZE,
    Batch,
    Entry,
    counts_of,
    decode_batch,
    order,
    path_of,
    type_of,
)

Links = Callable[[int | None, int | None], bool]
"""Tells whether an inode of the master and one of the slave belong together.

Two that are not known belong together from then on, so hard links are compared by the names that
they join, whatever the numbers of inodes are. None is an inode that has no other name."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The part that one step compared: entries and bytes of the master, and the differences."""

    entries: int
    size: int
    differences: tuple[Difference, ...] = ()


class Comparison:
    """Compares the lines of two ends; the caller calls step() until it returns None."""

    def __init__(self, master: Iterator[bytes], slave: Iterator[bytes], links: Links) -> None:
        self._master = _End(master)
        self._slave = _End(slave)
        self._links = links
        self._last_line: bytes | None = None

    def step(self) -> Compared | None:
        """Compare some entries; return None at the end of both trees.

        Raises:
            BadOutput: an end printed what describes no tree.
        """
        master, slave = self._master, self._slave
        if master.line is None and slave.line is None:
            return None
        if master.index == slave.index == 0 and master.line == slave.line:
            return self._equal_lines(master.line or b"")
        first = min(each.order for each in (master, slave) if each.line is not None)
        if slave.line is None or slave.order > first:
            return self._one_sided(master, Kind.MISSING)
        if master.line is None or master.order > first:
            return self._one_sided(slave, Kind.EXTRA)
        return self._merge()

    def finished_directory(self) -> str | None:
        """Return the last directory if both ends are past it, so that another run can go on."""
        if self._last_line is None:
            return None
        last = decode_batch(self._last_line).directory
        ends = [each for each in (self._master, self._slave) if each.line is not None]
        return None if any(each.batch.directory == last for each in ends) else last

    def _equal_lines(self, line: bytes) -> Compared:
        found: list[Difference] = []
        if line[0] != PLAIN:
            for index in range(len(self._master.batch.entries)):
                found += self._marks(index, index)
        found += self._advance(self._master)
        found += self._advance(self._slave)
        counts = counts_of(line)
        return Compared(counts.entries, counts.size, tuple(found))

    def _one_sided(self, end: "_End", kind: Kind) -> Compared:
        """Report the rest of a batch, whose directory or whose names the other end lacks."""
        directory, entries = end.batch.directory, end.batch.entries[end.index :]
        found = [_lone(kind, directory, entry) for entry in entries]
        found += self._advance(end)
        if kind is Kind.EXTRA:
            return Compared(0, 0, tuple(found))
        return Compared(len(entries), sum(map(_size, entries)), tuple(found))

    def _merge(self) -> Compared:
        """Compare entries of one directory, until a batch of an end is done."""
        master, slave = self._master, self._slave
        directory, count, size = master.batch.directory, 0, 0
        found: list[Difference] = []
        while not (master.is_done or slave.is_done):
            ours, theirs = master.entry, slave.entry
            names = str(ours[NAME]), str(theirs[NAME])
            if names[0] > names[1]:
                found.append(_lone(Kind.EXTRA, directory, theirs))
                slave.index += 1
                continue
            count, size = count + 1, size + _size(ours)
            if names[0] < names[1]:
                found.append(_lone(Kind.MISSING, directory, ours))
            else:
                if ours != theirs:
                    found += differences_of(path_of(directory, names[0]), ours, theirs)
                found += self._marks(master.index, slave.index)
                slave.index += 1
            master.index += 1
        for each in (master, slave):
            if each.is_done:
                found += self._advance(each)
        return Compared(count, size, tuple(found))

    def _marks(self, ours: int, theirs: int) -> Iterator[Difference]:
        """Yield the differences of two entries that their marks show."""
        master, slave = self._master.batch, self._slave.batch
        if not (master.inodes or slave.inodes or master.errors or slave.errors):
            return
        path = path_of(master.directory, str(master.entries[ours][NAME]))
        errors = master.errors.get(ours, ""), slave.errors.get(theirs, "")
        if any(errors):
            yield _unreadable(path, *errors)
        inodes = master.inodes.get(ours), slave.inodes.get(theirs)
        if inodes != (None, None) and not self._links(*inodes):
            yield Difference(Kind.LINKS, path, OTHER_NAMES, "to others")

    def _advance(self, end: "_End") -> Iterator[Difference]:
        """Go on to the next line of an end; yield the error of a directory it could not list."""
        if end.line and end.line[0] != PLAIN and (error := end.batch.errors.get(LISTING)):
            errors = (error, "") if end is self._master else ("", error)
            yield _unreadable(end.batch.directory.removeprefix("./"), *errors)
        self._last_line = end.line
        end.advance()


def _unreadable(path: str, master: str, slave: str) -> Difference:
    return Difference(Kind.UNREADABLE, path, master or "readable", slave or "readable")


def _lone(kind: Kind, directory: str, entry: Entry) -> Difference:
    path, found = path_of(directory, str(entry[NAME])), type_of(entry)
    if kind is Kind.MISSING:
        return Difference(kind, path, master=found)
    return Difference(kind, path, slave=found)


def _size(entry: Entry) -> int:
    size = entry[SIZE] if len(entry) > DIGEST else 0
    return size if isinstance(size, int) else 0


class _End:
    """The line of an end that is compared now; None after the last."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.line = next(lines, None)
        self.index = 0
        self._batch: Batch | None = None

    def advance(self) -> None:
        self.line, self.index, self._batch = next(self._lines, None), 0, None

    @property
    def batch(self) -> Batch:
        if self._batch is None:
            self._batch = decode_batch(self.line or b"")
        return self._batch

    @property
    def order(self) -> tuple[str, ...]:
        return order(self.batch.directory)

    @property
    def is_done(self) -> bool:
        return self.index >= len(self.batch.entries)

    @property
    def entry(self) -> Entry:
        return self.batch.entries[self.index]
