"""Writes files of zeros to a master with the TIDs of the recordings, and flushes them."""

import os

from hammerd.simulator.kernel.file_system.pfs_info import pfs_directory
from hammerd.simulator.kernel.file_system.pfs_links import live_path
from hammerd.simulator.kernel.file_system.volume import FileSystem, tid_step
from hammerd.simulator.kernel.records.live_tree import Inodes, block_bytes
from hammerd.simulator.kernel.records.manifest import Attributes, entry_to_data
from hammerd.simulator.kernel.records.record_store import (
    DATA,
    ENTRY,
    INODE,
    ROOT_OBJECT,
    Record,
    RecordStore,
    entry_key,
)

TID_EVERY_BYTES = 128 * 1024
SYNTHETIC_ENTRY_NAME = "%016x"  # 16 bytes, which makes 32 bytes of entry data


class SyntheticWrite:
    """Adds files of zeros to a master, with the TIDs of the recordings' helper."""

    def __init__(self, fs: FileSystem, pfs_id: int) -> None:
        self.fs = fs
        self.directory = pfs_directory(fs, pfs_id)
        self.live = live_path(fs, pfs_id)
        self.tid = fs.last_flush_tid()
        self.names_tid = 0
        self.added: list[tuple[Record, bytes]] = []

    def run(self, size: int, count: int, step: int) -> int:
        """Write `count` files of `size` bytes and return the TID; call with the lock held."""
        shape = self.fs.shape()
        before = [self.fs.reserve_tid() for _ in range(shape.content - 1)] if shape else []
        self.tid = max([self.tid, *before])
        self.names_tid = before[0] if before else 0
        self._add_files(size, count, step)
        self.tid += step + tid_step()
        if shape is None:
            self.fs.publish_tid(self.tid)
        else:
            after = [self.fs.reserve_tid(self.tid) for _ in shape.ends_s[shape.content :]]
            self.fs.begin_flush(shape, [*before, self.tid, *after])
        return self.tid

    def _add_files(self, size: int, count: int, step: int) -> None:
        inodes = Inodes(self.directory)
        inodes.load()
        # A promoted slave holds objects that its file system did not count.
        taken = max((object_ for object_, _ in inodes.by_inode.values()), default=0)
        self.fs.store_next_object(max(self.fs.next_object(), taken + 1))
        for _ in range(count):
            self.tid += step + tid_step()
            self._one_file(size, inodes)
        RecordStore(self.directory).append_with_data(self.added, [])
        inodes.store()

    def _one_file(self, size: int, inodes: Inodes) -> None:
        object_ = self.fs.next_object()
        self.fs.store_next_object(object_ + 1)
        name = SYNTHETIC_ENTRY_NAME % object_
        found = _make_hole(os.path.join(self.live, name), size)
        seen = (found.st_ctime_ns, found.st_mtime_ns, size)
        inodes.by_inode[found.st_ino] = (object_, seen)
        attributes = Attributes(found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, size)
        tid = self.names_tid or self.tid
        entry = Record(ROOT_OBJECT, ENTRY, entry_key(object_), tid)
        self.added.append((entry, entry_to_data(object_, name.encode())))
        self.added.append((Record(object_, INODE, 0, tid), attributes.to_data()))
        key = 0
        while key < size:
            if key and key % TID_EVERY_BYTES == 0:
                self.tid += tid_step()
            block = bytes(min(block_bytes(key), size - key))
            self.added.append((Record(object_, DATA, key, self.tid), block))
            key += len(block)


def _make_hole(path: str, size: int) -> os.stat_result:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.ftruncate(fd, size)
        return os.fstat(fd)
    finally:
        os.close(fd)
