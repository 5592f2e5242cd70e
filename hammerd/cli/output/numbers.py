"""Shows numbers for eyes: short, two units at most."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

_SIZES = ((1 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def show_period(seconds: float) -> str:
    """Show a length of time in six characters at most (of 99 days): `12s 4m10s 3h05m 2d03h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3_600}h{whole % 3_600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3_600:02d}h"


def show_rough_period(seconds: float) -> str:
    """Show a length of time that nobody counts in seconds: `42s 59m 3h05m 2d03h`."""
    whole = max(0, int(seconds))
    return f"{whole // 60}m" if 60 <= whole < 3_600 else show_period(whole)


def show_moment(time: str, seen_time: str | None = None, *, with_seconds: bool = False) -> str:
    """Show an RFC 3339 time, with its day unless that is the day of `seen_time`: `16:12 UTC`."""
    moment, seen = _moment(time), _moment(seen_time)
    day = "" if moment.date() == seen.date() else f"{moment:%Y-%m-%d} "
    return f"{day}{moment:{'%H:%M:%S' if with_seconds else '%H:%M'}} UTC"


def seconds_between(earlier_time: str | None, later_time: str) -> float:
    """Return the seconds from one RFC 3339 time, None for now, to another."""
    return (_moment(later_time) - _moment(earlier_time)).total_seconds()


def _moment(time: str | None) -> "datetime":
    # Most often there is nothing to show, and nobody waits for this import.
    from datetime import UTC, datetime

    from hammerd.core.rfc3339 import parse_rfc3339

    return parse_rfc3339(time) if time else datetime.now(UTC)


def show_bytes(size_bytes: int) -> str:
    """Show a number of bytes: `512 B`, `1.2 GB` in powers of 1024."""
    for unit_bytes, unit in _SIZES:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}B"
    return f"{size_bytes} B"


def show_rate(bytes_per_s: float) -> str:
    """Show bytes per second in seven characters at most: `0B/s 1.2M/s 340K/s`."""
    size = max(0.0, bytes_per_s)
    for unit_bytes, unit in _SIZES:
        if size >= unit_bytes:
            number = size / unit_bytes
            return f"{number:.1f}{unit}/s" if number < 9.95 else f"{number:.0f}{unit}/s"
    return f"{size:.0f}B/s"


def show_tid(tid: str) -> str:
    """Show a TID without the zeros in front, which tell nothing: `0x100580a8f`."""
    return f"0x{tid.removeprefix('0x').lstrip('0') or '0'}"


def show_bar(share: float, width: int = 16) -> str:
    """Show a share of 1 as a bar and in percent, never more done than is: `[####....]  50 %`."""
    done = int(min(max(share, 0.0), 1.0) * width)
    percent = int(min(max(share, 0.0), 1.0) * 100)
    return f"[{'#' * done}{'.' * (width - done)}] {percent} %"


def count(number: int, noun: str) -> str:
    """Show a number of things: `1 pair`, `2 pairs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
