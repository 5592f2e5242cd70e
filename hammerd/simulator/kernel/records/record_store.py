"""The records of one PFS: an append-only log of heads and an append-only file of data.

A record is valid from its create TID up to its delete TID (0: not deleted), so the manifest of a
TID is a selection and nothing is changed in place. A kill during an append leaves an incomplete
last line, which readers skip and the next writer truncates.
"""

import os

from hammerd.simulator.runtime.state_files import read_or_empty, replace_file, write_all

INODE = 0x01
DATA = 0x10
ENTRY = 0x11

ROOT_OBJECT = 1
NO_OBJECT = 0x7FFFFFFFFFFFFFFF


Order = tuple[bool, int, int, int, int]
"""The sort key of a stream."""


class Record:
    """The head of a record; its data are `size` bytes at `position` of the data file."""

    __slots__ = ("create", "delete", "key", "object", "position", "size", "type")

    def __init__(self, object_: int, type_: int, key: int, create: int) -> None:
        self.object = object_
        self.type = type_
        self.key = key
        self.create = create
        self.delete = 0
        self.size = 0
        self.position = 0

    def identity(self) -> tuple[int, int, int, int]:
        """Return the key that is unique in its PFS."""
        return self.object, self.type, self.key, self.create

    def order(self) -> Order:
        """Return the sort key of a stream: inodes first, then by object, type and key."""
        return self.type != INODE, self.object, self.type, self.key, self.create

    def newest_tid(self) -> int:
        """Return the TID of the last change to this record."""
        return max(self.create, self.delete)

    def lives_at(self, tid: int) -> bool:
        """Return whether the manifest of `tid` holds this record."""
        return self.create <= tid and (not self.delete or self.delete > tid)


def entry_key(object_: int) -> int:
    """Return the directory hash key of an object's entry."""
    return (object_ * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 1


class RecordStore:
    """The records of a PFS in its directory; writers hold the file system's lock."""

    def __init__(self, directory: str) -> None:
        self.log_path = os.path.join(directory, "records")
        self.data_path = os.path.join(directory, "data")

    def load(self) -> list[Record]:
        """Return all records in stream order."""
        log = read_or_empty(self.log_path)
        found: dict[tuple[int, int, int, int], Record] = {}
        for line in log[: log.rfind(b"\n") + 1].splitlines():
            _apply_line(line.split(), found)
        return sorted(found.values(), key=Record.order)

    def append_with_data(self, added: list[tuple[Record, bytes]], deleted: list[Record]) -> None:
        """Append new records with their data, and the delete TIDs of known ones."""
        for record, data in added:
            self.append_data(record, data)
        self.append([record for record, _ in added], deleted)

    def append(self, added: list[Record], deleted: list[Record]) -> None:
        """Append new records whose data are stored already, and delete TIDs of known ones."""
        lines = [_line(record) for record in added]
        lines += [
            b"- %x %x %x %x %x\n" % (*record.identity(), record.delete) for record in deleted
        ]
        fd = os.open(self.log_path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.lseek(fd, _truncate_to_whole_lines(fd), os.SEEK_SET)
            write_all(fd, b"".join(lines))
        finally:
            os.close(fd)

    def append_data(self, record: Record, data: bytes) -> None:
        """Append the data of a record whose head follows; without it they are unused space."""
        fd = os.open(self.data_path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            record.position, record.size = os.lseek(fd, 0, os.SEEK_END), len(data)
            # Blocks of zeros become holes: a synthetic write of a gigabyte costs nothing.
            if data.count(0) == len(data):
                os.ftruncate(fd, record.position + len(data))
            else:
                write_all(fd, data)
        finally:
            os.close(fd)

    def rewrite(self, records: list[Record]) -> None:
        """Replace all records by these."""
        replace_file(self.log_path, b"".join(_line(record) for record in records))

    def data(self, records: list[Record]) -> list[bytes]:
        """Return the data of each of these records."""
        if not records:
            return []
        fd = os.open(self.data_path, os.O_RDONLY)
        try:
            return [os.pread(fd, record.size, record.position) for record in records]
        finally:
            os.close(fd)


def _line(record: Record) -> bytes:
    numbers = (*record.identity(), record.delete, record.size, record.position)
    return b"+ %x %x %x %x %x %x %x\n" % numbers


def _apply_line(words: list[bytes], found: dict[tuple[int, int, int, int], Record]) -> None:
    object_, type_, key, create, delete = (int(word, 16) for word in words[1:6])
    identity = (object_, type_, key, create)
    if words[0] == b"+" and identity not in found:
        record = found[identity] = Record(*identity)
        record.size, record.position = int(words[6], 16), int(words[7], 16)
    if identity in found and (delete or words[0] == b"-"):
        found[identity].delete = delete


def _truncate_to_whole_lines(fd: int) -> int:
    end = os.lseek(fd, 0, os.SEEK_END)
    tail_start = max(0, end - 256)  # longer than any line
    tail = os.pread(fd, end - tail_start, tail_start)
    whole = tail_start + tail.rfind(b"\n") + 1
    if whole != end:
        os.ftruncate(fd, whole)
    return whole
