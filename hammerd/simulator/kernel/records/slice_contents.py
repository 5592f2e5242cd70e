"""The content of a slice: the records that are sent, passed or skipped, and their bytes.

It follows the model of the recordings: 63 records in stream order are a leaf; a leaf that is
wholly older than the slice is one SKIP, an older record of another leaf a PASS, a newer one is
left out, the rest are sent with their data. Pure.
"""

from _collections_abc import Iterator

from hammerd.simulator.kernel.records.record_store import NO_OBJECT, Record

LEAF_RECORDS = 63
READ_LIMIT_BYTES = 512 * 1024
HEAD_BYTES = 80
SKIP_BYTES = 96

SKIP, PASS, REC, REC_BADCRC = 4, 5, 8, 9


class Skipped(Record):
    """The records of a leaf that are older than the slice, from this one to `last`."""

    __slots__ = ("last",)

    def __init__(self, first: Record, last: Record) -> None:
        super().__init__(*first.identity())
        self.last = last


class Chunk:
    """The result of one read ioctl; `stopped_at` is the object at which the next one starts."""

    def __init__(self) -> None:
        self.items: list[tuple[int, Record]] = []
        self.size = 0
        self.stopped_at = NO_OBJECT


def aligned(size: int) -> int:
    """Round up to 8 bytes, the alignment of records."""
    return (size + 7) & ~7


def chunks(records: list[Record], beg: int, end: int, *, with_data: bool) -> Iterator[Chunk]:
    """Yield the result of each read of the slice [beg, end], with the empty last one."""
    chunk = Chunk()
    for kind, record in _items(records, beg, end):
        size = item_bytes(kind, record, with_data=with_data)
        if chunk.size + size > READ_LIMIT_BYTES:
            chunk.stopped_at = record.object
            yield chunk
            chunk = Chunk()
        chunk.items.append((kind, record))
        chunk.size += size
    if chunk.items:
        yield chunk
    yield Chunk()


def _items(records: list[Record], beg: int, end: int) -> Iterator[tuple[int, Record]]:
    for start in range(0, len(records), LEAF_RECORDS):
        leaf = records[start : start + LEAF_RECORDS]
        if all(record.newest_tid() < beg for record in leaf):
            yield SKIP, Skipped(leaf[0], leaf[-1])
            continue
        for record in leaf:
            if record.create <= end:
                yield (PASS if record.create < beg else REC), record


def item_bytes(kind: int, record: Record, *, with_data: bool) -> int:
    """Return the length of a record in the stream."""
    if kind == SKIP:
        return SKIP_BYTES
    if kind == PASS or not with_data:
        return HEAD_BYTES
    return aligned(HEAD_BYTES + record.size)


def delete_tid_at(record: Record, end: int) -> int:
    """Return the delete TID as a stream that ends at `end` sends it: 0 if it is later."""
    return record.delete if record.delete <= end else 0


def prescan_sizes(chunk: Chunk, beg: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (TID, bytes) of each item of this chunk that a prescan counts."""
    for kind, record in chunk.items:
        if kind == REC:
            yield record.create, aligned(HEAD_BYTES + record.size)
        if kind != SKIP and beg <= record.delete <= end:
            yield record.delete, HEAD_BYTES
