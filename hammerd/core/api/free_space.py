"""Judges the free space of a slave's file system: a full one stops its mirror, so status warns."""

from dataclasses import dataclass

SHORT_BELOW = 0.05
"""The free share below which space is short; HAMMER needs some to reblock and prune."""

ENOUGH_ABOVE = 0.07
"""The free share above which space suffices again, so that one at the limit is reported once."""


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """The sizes of a file system, from statvfs."""

    free_bytes: int
    total_bytes: int

    @property
    def share(self) -> float:
        """Return the free share of the whole, 1 for a file system without a size."""
        return self.free_bytes / self.total_bytes if self.total_bytes > 0 else 1.0


def is_short(now: FreeSpace, *, was_short: bool) -> bool:
    """Return whether space is short, given whether it was at the last reading."""
    return now.share < (ENOUGH_ABOVE if was_short else SHORT_BELOW)
