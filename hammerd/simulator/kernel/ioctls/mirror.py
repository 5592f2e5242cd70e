"""The ioctls that read the records of a slice and write them to a slave."""

import errno
import stat
from _bisect import bisect_right
from _collections_abc import Iterator

from hammerd.simulator.kernel.file_system.volume import InjectedError
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs
from hammerd.simulator.kernel.records import slice_contents
from hammerd.simulator.kernel.records.manifest import attributes_from_data
from hammerd.simulator.kernel.records.record_store import DATA, INODE, Order, Record


def mirror_read(
    pfs: OpenPfs, beg: int, end: int, *, with_data: bool
) -> Iterator[slice_contents.Chunk]:
    """Yield the result of each read ioctl of a slice, with the empty last one."""
    records = pfs.store().load()
    damaged = _damaged(pfs) if with_data and pfs.fs.is_set("bad_crc") else set()
    for chunk in slice_contents.chunks(records, beg, end, with_data=with_data):
        pfs.enter("MIRROR_READ")
        pfs.fs.slow_down("slow_read_ms")
        if damaged:
            _mark_damaged(chunk, damaged)
        yield chunk


def _damaged(pfs: OpenPfs) -> set[tuple[int, int]]:
    """Return object and type of the records of a PFS whose data fail their CRC (`bad_crc`)."""
    lines = [line.split() for line in pfs.fs.knob("bad_crc").splitlines()]
    types = {"data": DATA, "inode": INODE}
    return {(int(line[1], 16), types[line[2]]) for line in lines if int(line[0]) == pfs.pfs_id}


def _mark_damaged(chunk: slice_contents.Chunk, damaged: set[tuple[int, int]]) -> None:
    for place, (kind, record) in enumerate(chunk.items):
        if kind == slice_contents.REC and (record.object, record.type) in damaged:
            chunk.items[place] = (slice_contents.REC_BADCRC, record)


class ReceivedRecords:
    """The records of a slice that were received but not yet written to the slave.

    Data are stored at once and heads at the write ioctl: sixty target halves that buffered
    512 KiB each would never return that memory.
    """

    def __init__(self, pfs: OpenPfs) -> None:
        self.pfs = pfs
        self.known = {record.identity(): record for record in pfs.store().load()}
        self.added: list[Record] = []
        self.deleted: list[Record] = []
        self.size = 0
        self.mentioned: set[tuple[int, int, int, int]] = set()
        self.skipped: list[slice_contents.Skipped] = []

    def add(self, kind: int, record: Record, data: bytes) -> None:
        """Add a record; of one that the slave holds already only the delete TID counts.

        One with a bad CRC is dropped without a word, as the kernel does.
        """
        self.size += slice_contents.item_bytes(kind, record, with_data=True)
        if isinstance(record, slice_contents.Skipped):
            self.skipped.append(record)
            return
        self.mentioned.add(record.identity())
        if kind == slice_contents.REC_BADCRC:
            return
        held = self.known.get(record.identity())
        if held is None and kind == slice_contents.REC:
            with self.pfs.fs.locked():
                self.pfs.store().append_data(record, data)
            self.known[record.identity()] = record
            self.added.append(record)
        elif held is not None and self._is_to_change(held, record.delete):
            held.delete = record.delete
            self.deleted.append(held)

    def _is_to_change(self, held: Record, delete: int) -> bool:
        """Return whether a record that the slave holds gets the delete TID of the source.

        One that only the slave deleted stays deleted, as in the kernel. A directory's inode does
        not: unlike here, a kernel makes no new one when a name is added.
        """
        if delete or not held.delete or held.type != INODE:
            return delete not in (0, held.delete)
        mode = attributes_from_data(self.pfs.store().data([held])[0]).mode
        return stat.S_ISDIR(mode)

    def delete_the_rest(self, end: int) -> None:
        """Delete what the source lacks, as the kernel does: records that no item was about.

        A slave that was a master for a while holds such records.
        """
        starts = [leaf.order() for leaf in self.skipped]
        for record in self.known.values():
            is_missed = not record.delete and record.identity() not in self.mentioned
            if is_missed and record.create <= end and not self._is_skipped(record, starts):
                record.delete = end
                self.deleted.append(record)

    def _is_skipped(self, record: Record, starts: list[Order]) -> bool:
        before = bisect_right(starts, record.order())
        return bool(before) and record.order() <= self.skipped[before - 1].last.order()

    def is_full(self, kind: int, record: Record) -> bool:
        """Return whether this record must wait for the next write ioctl."""
        size = slice_contents.item_bytes(kind, record, with_data=True)
        return self.size + size > slice_contents.READ_LIMIT_BYTES


def mirror_write(received: ReceivedRecords) -> None:
    """Write the received records to the slave."""
    pfs = received.pfs
    pfs.enter("MIRROR_WRITE")
    pfs.fs.check_writable()
    if received.added and pfs.fs.is_set("full"):
        raise InjectedError(errno.ENOSPC)
    pfs.fs.slow_down("slow_write_ms")
    with pfs.fs.locked():
        pfs.store().append(received.added, received.deleted)
        # A kernel gives mirrored records no TID of their own (docs/hammer.md 4.5).
        if not pfs.fs.is_set("flush_steps"):
            pfs.fs.move_tid()
    received.added, received.deleted, received.size = [], [], 0
