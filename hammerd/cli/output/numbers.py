"""Formats numbers for people: short, with at most two units."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_SIZES = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def show_period(seconds: float) -> str:
    """Format a period in at most six characters (up to 99 days): `12s 4m10s 3h05m 2d03h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3_600}h{whole % 3_600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3_600:02d}h"


def show_rough_period(seconds: float) -> str:
    """Format a period without seconds from one minute on: `42s 59m 3h05m 2d03h`."""
    whole = max(0, int(seconds))
    return f"{whole // 60}m" if 60 <= whole < 3_600 else show_period(whole)


def show_moment(time: str, now_time: str | None = None, *, with_seconds: bool = False) -> str:
    """Format an RFC 3339 time: `16:12 UTC`, with its day if it is not the day of `now_time`."""
    moment, now = _moment(time), _moment(now_time)
    day = "" if moment.date() == now.date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:{'%H:%M:%S' if with_seconds else '%H:%M'}} UTC"


def seconds_between(earlier_time: str | None, later_time: str) -> float:
    """Return the seconds between two RFC 3339 times; None is now."""
    return (_moment(later_time) - _moment(earlier_time)).total_seconds()


def _moment(time: str | None) -> "datetime":
    # Imported only here: most often there is no time to format.
    from datetime import UTC, datetime

    from hammerd.core.rfc3339 import parse_rfc3339

    return parse_rfc3339(time) if time else datetime.now(UTC)


def show_bytes(size_bytes: int) -> str:
    """Format a number of bytes, in powers of 1024: `512 B`, `1.2 GB`."""
    for unit_bytes, unit in _SIZES:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}B"
    return f"{size_bytes} B"


def show_rate(bytes_per_s: float) -> str:
    """Format bytes per second in at most seven characters: `0B/s 1.2M/s 340K/s`."""
    size = max(0.0, bytes_per_s)
    for unit_bytes, unit in _SIZES:
        if size >= unit_bytes:
            number = size / unit_bytes
            return f"{number:.1f}{unit}/s" if number < 9.95 else f"{number:.0f}{unit}/s"
    return f"{size:.0f}B/s"


def show_tid(tid: str) -> str:
    """Format a TID without leading zeros: `0x100580a8f`."""
    return f"0x{tid.removeprefix('0x').lstrip('0') or '0'}"


def show_bar(share: float, width: int = 16) -> str:
    """Format a share of 1 as a bar and a percentage, both rounded down: `[####....] 50 %`."""
    done = int(min(max(share, 0.0), 1.0) * width)
    percent = int(min(max(share, 0.0), 1.0) * 100)
    return f"[{'#' * done}{'.' * (width - done)}] {percent} %"


def show_entries(number: int) -> str:
    """Format a number of entries of directories: `1 entry`, `2 entries`."""
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def show_count(number: int, noun: str) -> str:
    """Format a number with its noun: `1 pair`, `2 pairs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
