"""How long ago was a file saved, when wall clocks are set and hosts are rebooted in between?

Two clocks tell it. The wall clock may have been wrong then, or be wrong now; the monotonic one is
right within one boot of the host and begins anew with the next, so it never tells too much. Too
short an age would tell a slave as safe that is not: where both may be too short it is unknown.
"""

from dataclasses import dataclass

NO_HOST_BOOTED_BEFORE_TIME = 1.6e9
"""A clock that says so has lost its time: two boots may look like the same one."""

BOOT_SLACK_S = 2.0
"""How far apart two readings of the time of one boot may be."""

WALL_SLACK_S = 1.0
"""How far a wall clock may be corrected without being taken for one that was set back."""


@dataclass(frozen=True, slots=True)
class SavedMoment:
    """When a file was saved: by the wall clock, by the monotonic one, and in which boot."""

    time: float
    at: float | None = None
    boot_time: float | None = None


def age_of(saved: SavedMoment, now: SavedMoment) -> float | None:
    """Return how long ago a file was saved, in seconds; None where no clock can tell.

    It is never less than it was but where the wall clock was ahead when it was saved.
    """
    by_wall, by_boot = now.time - saved.time, _by_boot(saved, now)
    if by_boot is not None and by_boot >= 0 and _boots(saved, now) == (True, True):
        return by_boot
    if by_wall < -WALL_SLACK_S:
        return None
    return max(0.0, by_wall, by_boot or 0.0)


def is_same_boot(saved: SavedMoment, now: SavedMoment) -> bool:
    """Tell whether the host certainly was not rebooted since a file was saved.

    Where its boots cannot be told apart, it runs for longer than the file is old.
    """
    by_boot, (are_known, are_equal) = _by_boot(saved, now), _boots(saved, now)
    if by_boot is None or by_boot < 0:
        return False
    return are_equal if are_known else now.time - saved.time <= (now.at or 0.0)


def _by_boot(saved: SavedMoment, now: SavedMoment) -> float | None:
    return None if saved.at is None or now.at is None else now.at - saved.at


def _boots(saved: SavedMoment, now: SavedMoment) -> tuple[bool, bool]:
    """Return whether both boots are known, and whether they are the same one."""
    if saved.boot_time is None or now.boot_time is None:
        return False, False
    are_known = min(saved.boot_time, now.boot_time) > NO_HOST_BOOTED_BEFORE_TIME
    return are_known, abs(saved.boot_time - now.boot_time) <= BOOT_SLACK_S
