"""How much room a slave's file system has: a full one stops its mirror, so it is said before."""

from dataclasses import dataclass

SHORT_BELOW = 0.05
"""The share of free room below which it is short; HAMMER needs some to reblock and prune."""

ENOUGH_ABOVE = 0.07
"""The share above which it is enough again, so that a disk at the limit is not said twice."""


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """What statvfs says of a file system."""

    free_bytes: int
    total_bytes: int

    @property
    def share(self) -> float:
        """Return how much of the whole is free, 1 for a file system that tells no size."""
        return self.free_bytes / self.total_bytes if self.total_bytes > 0 else 1.0


def is_short(now: FreeSpace, *, was_short: bool) -> bool:
    """Tell whether room is short, given whether it was when last looked at."""
    return now.share < (ENOUGH_ABOVE if was_short else SHORT_BELOW)
