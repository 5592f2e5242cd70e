"""The immutable manifest of a TID: the files that a PFS holds at that TID, and their content.

It also defines the data of inode and directory entry records.
"""

import os

from hammerd.simulator.kernel.records import record_store

INODE_BYTES = 128
ENTRY_HEAD_BYTES = 16


class Attributes:
    """The content of an inode record: file type and mode, owner, time of change, length."""

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
    """The records that are valid at one TID, indexed by object and kind."""

    def __init__(
        self, store: record_store.RecordStore, records: list[record_store.Record], tid: int
    ) -> None:
        self.store = store
        valid = [record for record in records if record.lives_at(tid)]
        inodes = [record for record in valid if record.type == record_store.INODE]
        names = [record for record in valid if record.type == record_store.ENTRY]
        self.inodes = {record.object: record for record in inodes}
        self.attributes = {
            record.object: attributes_from_data(data)
            for record, data in zip(inodes, store.data(inodes), strict=True)
        }
        self.names: dict[int, dict[bytes, record_store.Record]] = {}
        self.entries: dict[int, dict[bytes, int]] = {}
        for record, data in zip(names, store.data(names), strict=True):
            name, object_ = entry_from_data(data)
            self.names.setdefault(record.object, {})[name] = record
            self.entries.setdefault(record.object, {})[name] = object_
        self.blocks: dict[int, dict[int, record_store.Record]] = {}
        for record in valid:
            if record.type == record_store.DATA:
                self.blocks.setdefault(record.object, {})[record.key] = record

    def has_root(self) -> bool:
        """Return whether the root directory exists at this TID."""
        return record_store.ROOT_OBJECT in self.inodes

    def version(self, object_: int) -> int:
        """Return the TID of the last change to a file's attributes or content."""
        blocks = self.blocks.get(object_, {})
        return max([self.inodes[object_].create, *(block.create for block in blocks.values())])

    def content(self, object_: int) -> bytes:
        """Return the whole content of a symlink."""
        blocks = [block for _, block in sorted(self.blocks.get(object_, {}).items())]
        return b"".join(self.store.data(blocks))

    def write_content(self, object_: int, path: str) -> None:
        """Write a file's content to a new file, with holes where there is no record."""
        blocks = list(self.blocks.get(object_, {}).values())
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(fd, self.attributes[object_].size)
            for block in blocks:
                data = self.store.data([block])[0]
                if data.count(0) != len(data):
                    os.pwrite(fd, data, block.key)
        finally:
            os.close(fd)
