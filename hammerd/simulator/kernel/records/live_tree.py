"""Turns the changes of a master's live tree into records of new TIDs.

Objects are identified by inode number. A file is read if its inode's times or length differ
from the last flush, or were too recent then to detect a later change; only blocks that differ
become records. Sockets and devices are not mirrored.
"""

import os
import stat
import time

from hammerd.simulator.kernel.records.manifest import Attributes, Manifest, entry_to_data
from hammerd.simulator.kernel.records.record_store import (
    DATA,
    ENTRY,
    INODE,
    NO_OBJECT,
    ROOT_OBJECT,
    Record,
    RecordStore,
    entry_key,
)
from hammerd.simulator.runtime.state_files import read_or_empty, replace_file

SMALL_BLOCK_BYTES = 16384
LARGE_BLOCK_BYTES = 65536
MIRRORED = (stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO)
LARGE_FROM_BYTES = 1 << 20
RACY_NS = 1_000_000_000  # a change within the same clock tick changes no time

FileState = tuple[int, int, int]
"""ctime, mtime and size."""


class Inodes:
    """The object of each inode of a live tree, and its state when it was last read."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "inodes")
        self.by_inode: dict[int, tuple[int, FileState]] = {}

    def load(self) -> None:
        """Read the file of the last flush."""
        for line in read_or_empty(self.path).splitlines():
            inode, object_, *seen = (int(word) for word in line.split())
            self.by_inode[inode] = (object_, (seen[0], seen[1], seen[2]))

    def assign_objects(self, manifest: Manifest, live: str, object_: int = ROOT_OBJECT) -> None:
        """Assign the objects of a manifest to the inodes of the tree built from it."""
        self.by_inode[os.lstat(live).st_ino] = (object_, (0, 0, 0))
        for name, child in manifest.entries.get(object_, {}).items():
            path = os.path.join(live, os.fsdecode(name))
            if child in manifest.attributes and os.path.lexists(path):
                self.assign_objects(manifest, path, child)

    def store(self) -> None:
        """Write the file for the next flush."""
        lines = [
            b"%d %d %d %d %d\n" % (inode, object_, *seen)
            for inode, (object_, seen) in self.by_inode.items()
        ]
        replace_file(self.path, b"".join(lines))


class LiveTreeFlush:
    """One flush of one live tree: collects the records to add and to delete.

    The first TID is for names and inodes, the second for content.
    """

    def __init__(self, directory: str, next_object: int, tids: tuple[int, int]) -> None:
        self.store = RecordStore(directory)
        self.manifest = Manifest(self.store, self.store.load(), NO_OBJECT - 1)
        self.old_inodes = Inodes(directory)
        self.new_inodes = Inodes(directory)
        self.old_inodes.load()
        self.next_object = max([next_object, *(n + 1 for n in self.manifest.inodes)])
        self.tid, self.content_tid = tids
        self.started_ns = time.time_ns()
        self.added: list[tuple[Record, bytes]] = []
        self.deleted: list[Record] = []
        self.visited: set[int] = set()
        self.taken_keys: set[tuple[int, int]] = {
            (record.object, record.key)
            for names in self.manifest.names.values()
            for record in names.values()
        }

    def run(self, live: str) -> bool:
        """Collect and store all changes; return whether there were any."""
        self._directory(os.path.realpath(live), ROOT_OBJECT)
        self._drop_vanished()
        if self.added or self.deleted:
            self.store.append_with_data(self.added, self.deleted)
        self.new_inodes.store()
        return bool(self.added or self.deleted)

    def _directory(self, path: str, object_: int) -> None:
        self.visited.add(object_)
        self._attributes(object_, os.lstat(path), 0)
        present: dict[bytes, int] = {}
        for name in sorted(os.listdir(path)):
            is_as_of = name.startswith("@@")  # the tree of another TID
            child = None if is_as_of else self._child(os.path.join(path, name))
            if child is not None:
                present[os.fsencode(name)] = child
        self._entries(object_, present)

    def _child(self, path: str) -> int | None:
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                object_ = self._identify(found)
                self._directory(path, object_)
                return object_
            if stat.S_IFMT(found.st_mode) in MIRRORED:
                return self._file(path, found)
        except FileNotFoundError:
            pass  # removed since it was listed
        return None

    def _identify(self, found: os.stat_result) -> int:
        object_ = self.old_inodes.by_inode.get(found.st_ino, (0, (0, 0, 0)))[0]
        old = self.manifest.attributes.get(object_)
        if old is None or stat.S_IFMT(old.mode) != stat.S_IFMT(found.st_mode):
            object_ = self.next_object
            self.next_object += 1
        self.new_inodes.by_inode.setdefault(found.st_ino, (object_, (0, 0, 0)))
        return self.new_inodes.by_inode[found.st_ino][0]

    def _file(self, path: str, found: os.stat_result) -> int:
        object_ = self._identify(found)
        if object_ in self.visited:  # another hard link
            return object_
        self.visited.add(object_)
        seen = (found.st_ctime_ns, found.st_mtime_ns, found.st_size)
        size = found.st_size
        is_known = self.old_inodes.by_inode.get(found.st_ino) == (object_, seen)
        if not is_known and not stat.S_ISFIFO(found.st_mode):
            size = self._content(path, object_, found)
        if self.started_ns - max(seen[:2]) < RACY_NS:
            seen = (0, 0, 0)
        self.new_inodes.by_inode[found.st_ino] = (object_, seen)
        self._attributes(object_, found, size)
        return object_

    def _attributes(self, object_: int, found: os.stat_result, size: int) -> None:
        owner = (found.st_uid, found.st_gid)
        new = Attributes(found.st_mode, *owner, found.st_mtime_ns, size).to_data()
        old = self.manifest.inodes.get(object_)
        if old is None or self.manifest.attributes[object_].to_data() != new:
            self._replace(old, Record(object_, INODE, 0, self.tid), new)

    def _content(self, path: str, object_: int, found: os.stat_result) -> int:
        """Add the blocks that differ and return the length that was read."""
        old = dict(self.manifest.blocks.get(object_, {}))
        # The text of a symlink is part of its inode.
        tid = self.tid if stat.S_ISLNK(found.st_mode) else self.content_tid
        size = 0
        for key, block in _blocks(path, found):
            size = key + len(block)
            old_block = old.pop(key, None)
            if old_block is None or self.store.data([old_block]) != [block]:
                self._replace(old_block, Record(object_, DATA, key, tid), block)
        for old_block in old.values():
            self._delete(old_block, tid)
        return size

    def _entries(self, object_: int, present: dict[bytes, int]) -> None:
        old = self.manifest.entries.get(object_, {})
        for name in old:
            if present.get(name) != old[name]:
                self._delete(self.manifest.names[object_][name], self.tid)
        for name, child in present.items():
            if old.get(name) != child:
                record = Record(object_, ENTRY, self._free_key(object_, child), self.tid)
                self.added.append((record, entry_to_data(child, name)))

    def _free_key(self, object_: int, child: int) -> int:
        key = entry_key(child)
        while (object_, key) in self.taken_keys:
            key += 1
        self.taken_keys.add((object_, key))
        return key

    def _drop_vanished(self) -> None:
        for object_ in self.manifest.inodes.keys() - self.visited:
            self._delete(self.manifest.inodes[object_], self.tid)
            for record in self.manifest.names.get(object_, {}).values():
                self._delete(record, self.tid)
            for record in self.manifest.blocks.get(object_, {}).values():
                self._delete(record, self.tid)

    def _replace(self, old: Record | None, new: Record, data: bytes) -> None:
        if old is not None:
            self._delete(old, new.create)
        self.added.append((new, data))

    def _delete(self, record: Record, tid: int) -> None:
        record.delete = tid
        self.deleted.append(record)


def block_bytes(key: int) -> int:
    """Return the longest data record at this offset of a file."""
    return SMALL_BLOCK_BYTES if key < LARGE_FROM_BYTES else LARGE_BLOCK_BYTES


def _blocks(path: str, found: os.stat_result) -> list[tuple[int, bytes]]:
    if stat.S_ISLNK(found.st_mode):
        return [(0, os.fsencode(os.readlink(path)))]
    blocks = []
    fd = os.open(path, os.O_RDONLY)
    try:
        key = 0
        while block := os.read(fd, block_bytes(key)):
            blocks.append((key, block))
            key += len(block)
    finally:
        os.close(fd)
    return blocks
