"""Writes to masters: a flush of what changed in live trees, and writes that need no file data.

Both end their flush only when all records are stored, so a stream sees a write whole.
"""

from __future__ import annotations

import os

from hammerd.simulator.kernel.file_system import FileSystem, tid_step
from hammerd.simulator.kernel.live_tree import Flush, Inodes, block_bytes
from hammerd.simulator.kernel.manifest import Attributes, entry_to_data
from hammerd.simulator.kernel.pfs_info import load_info, pfs_directory, pfs_ids
from hammerd.simulator.kernel.pfs_links import live_path
from hammerd.simulator.kernel.records import (
    DATA,
    ENTRY,
    INODE,
    ROOT_OBJECT,
    Record,
    RecordStore,
    entry_key,
)
from hammerd.simulator.kernel.state_files import read_bytes, replace_file

TID_EVERY_BYTES = 128 * 1024
SYNTHETIC_ENTRY_NAME = "%016x"  # 16 bytes, which makes 32 bytes of entry data


def flush(fs: FileSystem) -> int:
    """Turn what changed in the masters' live trees into records; return the last flush's TID."""
    with fs.locked():
        # A flush that was killed left records with a TID that must not be used again.
        tid = fs.reserve_tid()
        changes = [_flush_pfs(fs, pfs_id, tid) for pfs_id in pfs_ids(fs) if pfs_id]
        # A flush of nothing takes no TID, but it follows the one before, which may wait for that.
        fs.end_flush(tid if any(changes) else fs.last_flush_tid())
        return fs.last_flush_tid()


def _flush_pfs(fs: FileSystem, pfs_id: int, tid: int) -> bool:
    if load_info(fs, pfs_id).is_slave:
        return False
    work = Flush(pfs_directory(fs, pfs_id), _next_object(fs), tid)
    changed = work.run(live_path(fs, pfs_id))
    _store_next_object(fs, work.next_object)
    return changed


def _next_object(fs: FileSystem) -> int:
    return int(read_bytes(fs.path("next_object")), 16)


def _store_next_object(fs: FileSystem, object_: int) -> None:
    replace_file(fs.path("next_object"), b"%x\n" % object_)


class SyntheticWrite:
    """Makes files of zeros in a master, with the TIDs that the recordings' helper gives them."""

    __slots__ = ("added", "directory", "fs", "live", "tid")

    def __init__(self, fs: FileSystem, pfs_id: int) -> None:
        self.fs = fs
        self.directory = pfs_directory(fs, pfs_id)
        self.live = live_path(fs, pfs_id)
        self.tid = fs.last_flush_tid()
        self.added: list[tuple[Record, bytes]] = []

    def run(self, size: int, count: int, step: int) -> int:
        """Write `count` files of `size` bytes; return the TID of their flush; under the lock."""
        inodes = Inodes(self.directory)
        inodes.load()
        for _ in range(count):
            self.tid += step + tid_step()
            self._one_file(size, inodes)
        RecordStore(self.directory).append_with_data(self.added, [])
        inodes.store()
        self.tid += step + tid_step()
        self.fs.end_flush(self.tid)
        return self.tid

    def _one_file(self, size: int, inodes: Inodes) -> None:
        object_ = _next_object(self.fs)
        _store_next_object(self.fs, object_ + 1)
        name = SYNTHETIC_ENTRY_NAME % object_
        found = _make_hole(os.path.join(self.live, name), size)
        seen = (found.st_ctime_ns, found.st_mtime_ns, size)
        inodes.by_inode[found.st_ino] = (object_, seen)
        attributes = Attributes(found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, size)
        self._add(ROOT_OBJECT, ENTRY, entry_key(object_), entry_to_data(object_, name.encode()))
        self._add(object_, INODE, 0, attributes.to_data())
        key = 0
        while key < size:
            if key and key % TID_EVERY_BYTES == 0:
                self.tid += tid_step()
            block = bytes(min(block_bytes(key), size - key))
            self._add(object_, DATA, key, block)
            key += len(block)

    def _add(self, object_: int, type_: int, key: int, data: bytes) -> None:
        self.added.append((Record(object_, type_, key, self.tid), data))


def _make_hole(path: str, size: int) -> os.stat_result:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.ftruncate(fd, size)
        return os.fstat(fd)
    finally:
        os.close(fd)
