"""Writes to masters: a flush of what changed in live trees, and writes that need no file data.

Both end their flush only when all records are stored, so a stream sees a write whole.
"""

from __future__ import annotations

import os

from hammerd.simulator import clock
from hammerd.simulator.kernel import durability
from hammerd.simulator.kernel.file_system import FileSystem, tid_step
from hammerd.simulator.kernel.live_tree import Flush, Inodes, block_bytes
from hammerd.simulator.kernel.manifest import Attributes, entry_to_data
from hammerd.simulator.kernel.pfs_info import load_info, pfs_directory, pfs_ids
from hammerd.simulator.kernel.pfs_links import live_path
from hammerd.simulator.kernel.publishing import BY_HAND, Shape
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


class Flushed:
    """A flush that began: it took what was written before `began_s`.

    What it took can be mirrored once `content_tid` is published, at `ends_s` or, where that is
    the TID of its last group, by the next flush. Moments are those of `clock.kernel_now`.
    """

    __slots__ = ("began_s", "content_tid", "ends_s", "is_new", "tids")

    def __init__(self, began_s: float, tids: list[int], content_tid: int, *, is_new: bool) -> None:
        self.began_s = began_s
        self.ends_s = began_s
        self.tids = tids
        self.content_tid = content_tid
        self.is_new = is_new


def flush(fs: FileSystem, shape: Shape | None = None) -> Flushed:
    """Turn what changed in the masters' live trees into records, as sync(2) does."""
    finish(fs)
    with fs.locked():
        began_s = clock.kernel_now()
        shape = shape or fs.shape()
        # A flush that was killed left records with a TID that must not be used again.
        tids = [fs.reserve_tid() for _ in (shape.ends_s if shape else (0,))]
        content_tid = tids[shape.content - 1] if shape else tids[0]
        if fs.has_turned_read_only():
            return Flushed(began_s, [], fs.last_flush_tid(), is_new=False)
        is_new = take_live_trees(fs, (tids[0], content_tid)) or fs.is_dirty()
        if not is_new:
            tids, content_tid = [], fs.last_flush_tid()
        done = Flushed(began_s, tids, content_tid, is_new=is_new)
        if shape is None:
            # A flush of nothing takes no TID, but it follows the one before.
            fs.publish_tid(content_tid)
        else:
            now = fs.begin_flush(shape, tids) if is_new else fs.begin_empty_flush(shape)
            done.ends_s = max(now.ends_at(), began_s)
        durable_s = fs.ends_s(shape)[-1] + began_s if shape else began_s
        if durability.flush(fs, durable_s):
            done.ends_s = max(done.ends_s, durable_s)
        return done


def take_live_trees(fs: FileSystem, tids: tuple[int, int]) -> bool:
    """Make records of what changed in all masters; call with the lock held."""
    took = [_flush_pfs(fs, number, tids) for number in pfs_ids(fs) if number]
    return any(took)


def finish(fs: FileSystem) -> None:
    """Wait until the flush under way has ended: the kernel does one at a time."""
    ends_s = fs.publishing().ends_at()
    if ends_s == BY_HAND:
        with fs.locked():
            fs.store_publishing(fs.publishing().settled(BY_HAND))
    elif ends_s:
        clock.kernel_sleep(ends_s, "flush")


def synctid(fs: FileSystem) -> int:
    """Flush twice and wait for both; return the TID that is published then.

    It covers all that was written before it began.
    """
    for _ in range(2):
        ends_s = flush(fs).ends_s
        finish(fs)
        if ends_s != BY_HAND:
            clock.kernel_sleep(ends_s, "flush")
    return fs.flush_tid()


def _flush_pfs(fs: FileSystem, pfs_id: int, tids: tuple[int, int]) -> bool:
    if load_info(fs, pfs_id).is_slave:
        return False
    work = Flush(pfs_directory(fs, pfs_id), _next_object(fs), tids)
    changed = work.run(live_path(fs, pfs_id))
    _store_next_object(fs, work.next_object)
    return changed


def _next_object(fs: FileSystem) -> int:
    return int(read_bytes(fs.path("next_object")), 16)


def _store_next_object(fs: FileSystem, object_: int) -> None:
    replace_file(fs.path("next_object"), b"%x\n" % object_)


class SyntheticWrite:
    """Makes files of zeros in a master, with the TIDs that the recordings' helper gives them."""

    __slots__ = ("added", "directory", "fs", "live", "names_tid", "tid")

    def __init__(self, fs: FileSystem, pfs_id: int) -> None:
        self.fs = fs
        self.directory = pfs_directory(fs, pfs_id)
        self.live = live_path(fs, pfs_id)
        self.tid = fs.last_flush_tid()
        self.names_tid = 0
        self.added: list[tuple[Record, bytes]] = []

    def run(self, size: int, count: int, step: int) -> int:
        """Write `count` files of `size` bytes; return the TID of their flush; under the lock."""
        shape = self.fs.shape()
        before = [self.fs.reserve_tid() for _ in range(shape.content - 1)] if shape else []
        self.tid = max([self.tid, *before])
        self.names_tid = before[0] if before else 0
        self._add_files(size, count, step)
        self.tid += step + tid_step()
        if shape is None:
            self.fs.publish_tid(self.tid)
        else:
            after = [self.fs.reserve_past(self.tid) for _ in shape.ends_s[shape.content :]]
            self.fs.begin_flush(shape, [*before, self.tid, *after])
        return self.tid

    def _add_files(self, size: int, count: int, step: int) -> None:
        inodes = Inodes(self.directory)
        inodes.load()
        # A slave that was promoted holds objects that its file system never counted.
        taken = max((object_ for object_, _ in inodes.by_inode.values()), default=0)
        _store_next_object(self.fs, max(_next_object(self.fs), taken + 1))
        for _ in range(count):
            self.tid += step + tid_step()
            self._one_file(size, inodes)
        RecordStore(self.directory).append_with_data(self.added, [])
        inodes.store()

    def _one_file(self, size: int, inodes: Inodes) -> None:
        object_ = _next_object(self.fs)
        _store_next_object(self.fs, object_ + 1)
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
