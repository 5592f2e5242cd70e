"""How a bulk transfer is cut into slices, and the quirk of the steady state (HAMMER.md 9.1, 9.4).

Two arrays live as long as a source half: slice ends E[1..] and bytes B[0..]. A prescan with
work fills them; the batch after the last slice (k = n) takes whatever stands there, finds no
work, and only the batch after that prescans again. Nothing here touches a file system.
"""

from __future__ import annotations

BUCKETS = 1 << 20
NO_BYTES = (1 << 64) - 1


class Slices:
    """The two arrays and where the source half is in them."""

    __slots__ = ("bytes", "count", "ends", "had_work", "index", "is_due")

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.bytes: dict[int, int] = {}
        self.index = 0
        self.count = 0
        self.is_due = True
        self.had_work = False

    def fill(self, slices: list[tuple[int, int]]) -> None:
        """Take over what a prescan with work found: (end, bytes) of each slice."""
        for number, (end, size) in enumerate(slices):
            self.ends[number + 1] = end
            self.bytes[number] = size
        self.count = len(slices)
        self.bytes[self.count] = NO_BYTES
        self.index = 0
        self.is_due = False
        self.had_work = True

    def end(self) -> int:
        """Return the TID that the present batch ends at."""
        return self.ends.get(self.index + 1, 0)

    def last_end(self) -> int:
        """Return the TID that the batch before ended at."""
        return self.ends.get(self.index, 0)

    def size(self) -> int:
        """Return what the present batch is said to hold."""
        return self.bytes.get(self.index, 0)

    def advance(self) -> None:
        """Go to the next batch; after the quirk one a prescan is due."""
        if self.is_due:
            return
        if self.index == self.count:
            self.is_due = True
        else:
            self.index += 1

    def has_more(self) -> bool:
        """Tell whether slices of the last prescan are still to be sent."""
        return not self.is_due and self.index < self.count


class Histogram:
    """Bytes by TID, in 2^20 equal buckets of the range that is to be sent."""

    __slots__ = ("beg", "buckets", "end")

    def __init__(self, beg: int, end: int) -> None:
        self.beg = beg
        self.end = end
        self.buckets: dict[int, int] = {}

    def count(self, tid: int, size: int) -> None:
        """Add what was created or deleted at a TID."""
        bucket = (tid - self.beg) * BUCKETS // (self.end - self.beg)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + size

    def total(self) -> int:
        """Return all bytes counted."""
        return sum(self.buckets.values())

    def slices(self, split_bytes: int) -> list[tuple[int, int]]:
        """Join buckets to slices of at least `split_bytes`: (end, bytes) of each."""
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
