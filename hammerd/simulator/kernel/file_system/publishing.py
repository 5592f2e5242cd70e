"""Model of how flushes publish TIDs: the end of each flush group publishes the group before it.

Pure: no file, no clock, no randomness. A time is a number of seconds that the caller passes, so
that the simulator and a test with years of virtual time use the same model.
"""

from binascii import crc32

SHORTEST_SYNC_S, LONGEST_SYNC_S = 0.05, 1.0
"""The span of a sync's groups (docs/hammer.md 2.1)."""

MANUAL = float("inf")
"""The end of a group that is finalized only by `step`."""


class Shape:
    """The seconds after which each group of a flush ends, and the group that holds content.

    Names, lengths, owners and modes are in the first group, so a slave that gets it before the
    content has a file of its length that holds zeros.
    """

    def __init__(self, ends_s: tuple[float, ...], content: int) -> None:
        self.ends_s = ends_s
        self.content = content


SYNC = Shape((0.1, 0.2, 0.3), 2)
"""A sync whose content is published by its own last group."""

LATE_SYNC = Shape((0.1, 0.2), 2)
"""A sync whose content is published by the next flush only."""

SYNCER = Shape((0.1,), 1)
"""A run of the syncer: the next flush publishes what it takes."""


def random_shape(seed: str, number: int) -> Shape:
    """Return a pseudo-random shape: 2 to 4 groups, content late in one of four."""
    bits = crc32(f"{seed} {number}".encode())
    groups = 2 + bits % 3
    spread_s = LONGEST_SYNC_S - SHORTEST_SYNC_S
    span_s = SHORTEST_SYNC_S + spread_s * (bits >> 8 & 0xFF) / 0xFF
    is_late = (bits >> 16) % 4 == 0
    ends_s = tuple(span_s * (group + 1) / groups for group in range(groups))
    return Shape(ends_s, groups if is_late else groups - 1)


def shape_of(text: str, number: int) -> Shape:
    """Return the shape of the flush with that number for a value of the knob `flush_steps`.

    Raises:
        ValueError: the value names no shape.
    """
    kind, _, seed = text.partition(" ")
    return random_shape(seed, number) if kind == "random" else parse_shape(text)


def parse_shape(text: str) -> Shape:
    """Return the shape of `sync`, `late`, or a list such as `0.1 0.2 0.3 content 2`.

    Raises:
        ValueError: the text names no shape.
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
    """The TIDs of a file system: published, finalized, and those of the flush in progress.

    `groups` holds (time of its end, TID) of each group that was not finalized at the last
    `settle`. At its end a group publishes the TID that was finalized before it.
    """

    def __init__(self, published: int, finalized: int = 0) -> None:
        self.published = published
        self.finalized = max(published, finalized)
        self.groups: list[tuple[float, int]] = []

    def settle(self, now: float) -> None:
        """Finalize the groups that have ended by now."""
        while self.groups and self.groups[0][0] <= now:
            self.step()

    def settled(self, now: float) -> "Publishing":
        """Return a copy as it stands now."""
        later = Publishing(self.published, self.finalized)
        later.groups = list(self.groups)
        later.settle(now)
        return later

    def step(self) -> None:
        """Finalize the next group now."""
        if self.groups:
            self.published = self.finalized
            self.finalized = self.groups.pop(0)[1]

    def last(self) -> int:
        """Return the highest TID of all flushes that began."""
        return self.groups[-1][1] if self.groups else self.finalized

    def ends_at(self) -> float:
        """Return the time at which the flush in progress ends, 0 if there is none."""
        return self.groups[-1][0] if self.groups else 0.0

    def begin(self, now: float, ends_s: tuple[float, ...], tids: list[int]) -> None:
        """Begin a flush of these groups, after the end of the one in progress."""
        start = max(now, self.ends_at())
        self.groups += [(start + end_s, tid) for end_s, tid in zip(ends_s, tids, strict=True)]
        self.settle(now)

    def begin_empty(self, now: float, ends_s: tuple[float, ...]) -> None:
        """Begin a flush without changes: it takes no TID and publishes what waits for it."""
        before = self.groups[-2][1] if len(self.groups) > 1 else self.finalized
        will_be_published = before if self.groups else self.published
        if will_be_published < self.last():
            self.begin(now, ends_s[:1], [self.last()])

    def publish(self, tid: int) -> None:
        """Publish a TID, and with it all before it, at once."""
        self.published = self.finalized = tid
        self.groups = []

    def recover(self, now: float) -> int:
        """Lose what was not finalized, publish the rest, and return its TID (a power cut)."""
        self.settle(now)
        self.publish(self.finalized)
        return self.published
