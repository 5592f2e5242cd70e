"""The ioctls that read the records of a slice and write them to a slave."""

import errno
from _collections_abc import Iterator

from hammerd.simulator.kernel.file_system.volume import InjectedError
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs
from hammerd.simulator.kernel.records import slice_contents
from hammerd.simulator.kernel.records.record_store import DATA, INODE, Record


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

    def add(self, kind: int, record: Record, data: bytes) -> None:
        """Add a record; of one that the slave holds already only the delete TID counts.

        One with a bad CRC is dropped without a word, as the kernel does.
        """
        self.size += slice_contents.item_bytes(kind, record, with_data=True)
        if kind == slice_contents.REC_BADCRC:
            return
        held = self.known.get(record.identity())
        if held is None and kind == slice_contents.REC:
            with self.pfs.fs.locked():
                self.pfs.store().append_data(record, data)
            self.known[record.identity()] = record
            self.added.append(record)
        elif held is not None and record.delete not in (0, held.delete):
            held.delete = record.delete
            self.deleted.append(held)

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
