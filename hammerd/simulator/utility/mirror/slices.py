"""Divides a bulk transfer into slices, with hammer's extra empty batch (docs/hammer.md 5.3, 5.6).

A source half keeps two arrays: slice ends E[1..] and bytes B[0..]. A prescan with work fills
them; the batch after the last slice (k = n) takes the values that stand there, finds no work,
and only the next batch prescans again. Pure.
"""

BUCKETS = 1 << 20
NO_BYTES = (1 << 64) - 1


class Slices:
    """The two arrays and the present index of the source half."""

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.bytes: dict[int, int] = {}
        self.index = 0
        self.count = 0
        self.is_prescan_due = True
        self.had_work = False

    def fill(self, slices: list[tuple[int, int]]) -> None:
        """Store the result of a prescan with work: (end, bytes) of each slice."""
        for number, (end, size) in enumerate(slices):
            self.ends[number + 1] = end
            self.bytes[number] = size
        self.count = len(slices)
        self.bytes[self.count] = NO_BYTES
        self.index = 0
        self.is_prescan_due = False
        self.had_work = True

    def end(self) -> int:
        """Return the end TID of the present batch."""
        return self.ends.get(self.index + 1, 0)

    def last_end(self) -> int:
        """Return the end TID of the batch before."""
        return self.ends.get(self.index, 0)

    def size(self) -> int:
        """Return the bytes that hammer prints for the present batch."""
        return self.bytes.get(self.index, 0)

    def advance(self) -> None:
        """Go to the next batch; after the empty one a prescan is due."""
        if self.is_prescan_due:
            return
        if self.index == self.count:
            self.is_prescan_due = True
        else:
            self.index += 1

    def has_more(self) -> bool:
        """Return whether slices of the last prescan are still to be sent."""
        return not self.is_prescan_due and self.index < self.count


class Histogram:
    """Bytes by TID, in 2^20 equal buckets of the range to send."""

    def __init__(self, beg: int, end: int) -> None:
        self.beg = beg
        self.end = end
        self.buckets: dict[int, int] = {}

    def count(self, tid: int, size: int) -> None:
        """Add the bytes that were created or deleted at a TID."""
        bucket = (tid - self.beg) * BUCKETS // (self.end - self.beg)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + size

    def total(self) -> int:
        """Return the sum of all bytes."""
        return sum(self.buckets.values())

    def slices(self, split_bytes: int) -> list[tuple[int, int]]:
        """Join buckets into slices of at least `split_bytes`: (end, bytes) of each."""
        slices = []
        size = 0
        for bucket in sorted(self.buckets):
            size += self.buckets[bucket]
            if size >= split_bytes and bucket < BUCKETS - 1:
                slices.append((self._last_tid(bucket), size))
                size = 0
        return [*slices, (self.end, size)]

    def _last_tid(self, bucket: int) -> int:
        width = self.end - self.beg
        return self.beg - (-(bucket + 1) * width // BUCKETS) - 1
