"""The immutable manifest of a TID: which files a PFS holds at that moment, and their content.

Also the form in which attributes and names stand in the data of inode and entry records.
"""

from __future__ import annotations

import os

from hammerd.simulator.kernel.records import DATA, ENTRY, INODE, ROOT_OBJECT, Record, RecordStore

INODE_BYTES = 128
ENTRY_HEAD_BYTES = 16


class Attributes:
    """What an inode record says: file type and mode, owner, time of change and length."""

    __slots__ = ("gid", "mode", "mtime_ns", "size", "uid")

    def __init__(self, mode: int, uid: int, gid: int, mtime_ns: int, size: int) -> None:
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.mtime_ns = mtime_ns
        self.size = size

    def to_data(self) -> bytes:
        """Return the data of an inode record."""
        text = b"%o %d %d %d %d" % (self.mode, self.uid, self.gid, self.mtime_ns, self.size)
        return text.ljust(INODE_BYTES, b"\0")


def attributes_from_data(data: bytes) -> Attributes:
    """Read the data of an inode record."""
    mode, uid, gid, mtime_ns, size = data.rstrip(b"\0").split()
    return Attributes(int(mode, 8), int(uid), int(gid), int(mtime_ns), int(size))


def entry_to_data(object_: int, name: bytes) -> bytes:
    """Return the data of a directory entry record."""
    return object_.to_bytes(8, "little").ljust(ENTRY_HEAD_BYTES, b"\0") + name


def entry_from_data(data: bytes) -> tuple[bytes, int]:
    """Read the data of a directory entry record: name and object."""
    return data[ENTRY_HEAD_BYTES:], int.from_bytes(data[:8], "little")


class Manifest:
    """The records that live at one TID, sorted by what they are about."""

    __slots__ = ("attributes", "entries", "inodes", "names", "pieces", "store")

    def __init__(self, store: RecordStore, records: list[Record], tid: int) -> None:
        self.store = store
        alive = [record for record in records if record.lives_at(tid)]
        inodes = [record for record in alive if record.type == INODE]
        names = [record for record in alive if record.type == ENTRY]
        self.inodes = {record.object: record for record in inodes}
        self.attributes = {
            record.object: attributes_from_data(data)
            for record, data in zip(inodes, store.data(inodes), strict=True)
        }
        self.names: dict[int, dict[bytes, Record]] = {}
        self.entries: dict[int, dict[bytes, int]] = {}
        for record, data in zip(names, store.data(names), strict=True):
            name, object_ = entry_from_data(data)
            self.names.setdefault(record.object, {})[name] = record
            self.entries.setdefault(record.object, {})[name] = object_
        self.pieces: dict[int, dict[int, Record]] = {}
        for record in alive:
            if record.type == DATA:
                self.pieces.setdefault(record.object, {})[record.key] = record

    def has_root(self) -> bool:
        """Tell whether there is anything to be shown at all."""
        return ROOT_OBJECT in self.inodes

    def version(self, object_: int) -> int:
        """Return the TID of the last change to a file's attributes or content."""
        pieces = self.pieces.get(object_, {})
        return max([self.inodes[object_].create, *(piece.create for piece in pieces.values())])

    def content(self, object_: int) -> bytes:
        """Return a small content whole: the text of a symlink."""
        pieces = [piece for _, piece in sorted(self.pieces.get(object_, {}).items())]
        return b"".join(self.store.data(pieces))

    def write_content(self, object_: int, path: str) -> None:
        """Write a file's content to a new file, holes where no record is."""
        pieces = list(self.pieces.get(object_, {}).values())
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(fd, self.attributes[object_].size)
            for piece in pieces:
                data = self.store.data([piece])[0]
                if data.count(0) != len(data):
                    os.pwrite(fd, data, piece.key)
        finally:
            os.close(fd)
