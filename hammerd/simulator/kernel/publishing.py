"""When a flush is published: its groups are finalized one by one, each publishes the one before.

Pure: no file, no clock, no chance. A moment is a number of seconds that the caller gives; the
same object serves a file system in the simulator and a test that runs through years of it.
"""

from __future__ import annotations

from binascii import crc32

BY_HAND = float("inf")
"""The moment of a group that is finalized only when somebody says so."""


class Shape:
    """How a flush goes: seconds until each group is finalized, and which group holds content.

    Names, lengths, owners and modes are in the first group, so what is published before the
    content shows a file with its length and zeros.
    """

    __slots__ = ("content", "ends_s")

    def __init__(self, ends_s: tuple[float, ...], content: int) -> None:
        self.ends_s = ends_s
        self.content = content


SYNC = Shape((0.1, 0.2, 0.3), 2)
"""A sync whose content is published by its own last step."""

LATE_SYNC = Shape((0.1, 0.2), 2)
"""A sync whose content is published by the next flush only."""

SYNCER = Shape((0.1,), 1)
"""A run of the syncer: what it takes is published by the flush after it."""


def drawn_shape(seed: str, number: int) -> Shape:
    """Return how the flush of that number goes: 2 to 4 groups in 0.05 to 1 s, one in 4 late."""
    bits = crc32(f"{seed} {number}".encode())
    groups = 2 + bits % 3
    span_s = 0.05 + 0.95 * (bits >> 8 & 0xFF) / 0xFF
    is_late = (bits >> 16) % 4 == 0
    ends_s = tuple(span_s * (group + 1) / groups for group in range(groups))
    return Shape(ends_s, groups if is_late else groups - 1)


def shape_of(text: str, number: int) -> Shape:
    """Return how the flush of that number goes under a knob: drawn, or always the same.

    Raises:
        ValueError: no flush goes like that.
    """
    kind, _, seed = text.partition(" ")
    return drawn_shape(seed, number) if kind == "random" else parse_shape(text)


def parse_shape(text: str) -> Shape:
    """Return the shape that a knob names: `sync`, `late`, or `0.1 0.2 0.3 content 2`.

    Raises:
        ValueError: it names none.
    """
    if text in ("1", "sync"):
        return SYNC
    if text == "late":
        return LATE_SYNC
    ends, _, content = text.partition("content")
    try:
        shape = Shape(tuple(float(word) for word in ends.split()), int(content))
    except ValueError:
        shape = Shape((), 0)
    if 1 <= shape.content <= len(shape.ends_s) and list(shape.ends_s) == sorted(shape.ends_s):
        return shape
    raise ValueError(f"no flush goes like this: {text}")


class Publishing:
    """The TIDs of a file system: published, finalized, and those of the flush under way.

    `groups` holds (moment of its end, TID) of each group that was not finalized when last
    settled. At its end a group publishes the TID that was finalized before it.
    """

    __slots__ = ("finalized", "groups", "published")

    def __init__(self, published: int, finalized: int = 0) -> None:
        self.published = published
        self.finalized = max(published, finalized)
        self.groups: list[tuple[float, int]] = []

    def settle(self, now: float) -> None:
        """Finalize what has ended by now."""
        while self.groups and self.groups[0][0] <= now:
            self.step()

    def settled(self, now: float) -> Publishing:
        """Return how it stands now, and change nothing."""
        later = Publishing(self.published, self.finalized)
        later.groups = list(self.groups)
        later.settle(now)
        return later

    def step(self) -> None:
        """Finalize the next group at once."""
        if self.groups:
            self.published = self.finalized
            self.finalized = self.groups.pop(0)[1]

    def last(self) -> int:
        """Return the highest TID of any flush that began."""
        return self.groups[-1][1] if self.groups else self.finalized

    def ends_at(self) -> float:
        """Return when the flush under way ends, 0 when there is none."""
        return self.groups[-1][0] if self.groups else 0.0

    def begin(self, now: float, ends_s: tuple[float, ...], tids: list[int]) -> None:
        """Begin a flush of these groups, at the end of the one under way."""
        start = max(now, self.ends_at())
        self.groups += [(start + end_s, tid) for end_s, tid in zip(ends_s, tids, strict=True)]
        self.settle(now)

    def begin_empty(self, now: float, ends_s: tuple[float, ...]) -> None:
        """Begin a flush of nothing: it takes no TID, and publishes what waits for a next flush."""
        before = self.groups[-2][1] if len(self.groups) > 1 else self.finalized
        will_be_published = before if self.groups else self.published
        if will_be_published < self.last():
            self.begin(now, ends_s[:1], [self.last()])

    def publish(self, tid: int) -> None:
        """Publish a TID at once, and with it all before it."""
        self.published = self.finalized = tid
        self.groups = []

    def recover(self, now: float) -> int:
        """Be cut off and mounted again: what was finalized is published, the rest never was."""
        self.settle(now)
        self.publish(self.finalized)
        return self.published
