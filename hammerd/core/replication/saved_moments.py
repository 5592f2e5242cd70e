"""Computes how long ago a file was saved, although clocks are set and hosts are rebooted.

There are two clocks. The wall clock may have been wrong then, or be wrong now. The monotonic
clock is right within one boot of the host and starts again with the next, so its age is never too
long. An age that is too short would report a slave as safe that is not, so the age is unknown if
both may be too short.
"""

from dataclasses import dataclass
from math import inf

NO_HOST_BOOTED_BEFORE_TIME = 1.6e9
"""A boot time before this comes from a clock that lost its time: two boots may look the same."""

BOOT_SLACK_S = 2.0
"""The largest difference between two readings of the time of one boot."""

WALL_SLACK_S = 1.0
"""The largest backward correction of a wall clock that does not count as setting it back."""

ROUNDING_S = 0.001


@dataclass(frozen=True, slots=True)
class SavedMoment:
    """The instant of a save: wall time, monotonic time and the time of the boot."""

    time: float
    at: float | None = None
    boot_time: float | None = None


def age_of(saved: SavedMoment, now: SavedMoment, latest_time: float = -inf) -> float | None:
    """Return how long ago a file was saved, in seconds; None if neither clock is reliable.

    They are not if a time of the file, `latest_time`, is after the save. The result is too short
    only if the wall clock was ahead at the time of the save.
    """
    if latest_time > saved.time + ROUNDING_S:
        return None
    by_wall, by_boot = now.time - saved.time, _by_boot(saved, now)
    if by_boot is not None and by_boot >= 0 and _boots(saved, now) == (True, True):
        return by_boot
    if by_wall < -WALL_SLACK_S:
        return None
    return max(0.0, by_wall, by_boot or 0.0)


def is_same_boot(saved: SavedMoment, now: SavedMoment) -> bool:
    """Return whether the host was certainly not rebooted since a file was saved.

    If two boots cannot be distinguished, the host must have run for longer than the file is old.
    """
    by_boot, (are_known, are_equal) = _by_boot(saved, now), _boots(saved, now)
    if by_boot is None or by_boot < 0:
        return False
    return are_equal if are_known else now.time - saved.time <= (now.at or 0.0)


def _by_boot(saved: SavedMoment, now: SavedMoment) -> float | None:
    return None if saved.at is None or now.at is None else now.at - saved.at


def _boots(saved: SavedMoment, now: SavedMoment) -> tuple[bool, bool]:
    """Return whether both boot times are known, and whether they are equal."""
    if saved.boot_time is None or now.boot_time is None:
        return False, False
    are_known = min(saved.boot_time, now.boot_time) > NO_HOST_BOOTED_BEFORE_TIME
    return are_known, abs(saved.boot_time - now.boot_time) <= BOOT_SLACK_S
