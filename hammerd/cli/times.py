"""Times of the history, in milliseconds of Unix time: how they are said and shown."""

import time
from datetime import UTC, datetime

from hammerd.core.config_values import Unreadable, read_duration

DAY_S = 86_400.0


def now_ms() -> int:
    """Return this moment."""
    return time.time_ns() // 1_000_000


def rfc3339(time_ms: int) -> str:
    """Render a time for scripts: RFC 3339, UTC, milliseconds."""
    moment = _moment(time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_second(time_ms: int) -> str:
    """Show a time to the second, in UTC: `2026-03-04 16:12:07`."""
    return f"{_moment(time_ms):%Y-%m-%d %H:%M:%S}"


def show_minute(time_ms: int) -> str:
    """Show a time to the minute, in UTC: `2026-03-04 16:12`."""
    return f"{_moment(time_ms):%Y-%m-%d %H:%M}"


def read_since(text: str, at_ms: int) -> int:
    """Read `2h` before a time, or an RFC 3339 time.

    Raises:
        ValueError: it is neither; the message says what to write instead.
    """
    try:
        return at_ms - round(read_duration(text) * 1_000)
    except Unreadable:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('is neither a duration, like "2h", nor an RFC 3339 time') from None
    if moment.tzinfo is None:
        raise ValueError(f'has no time zone: write "{moment.isoformat()}Z" for UTC')
    return round(moment.timestamp() * 1_000)


def _moment(time_ms: int) -> datetime:
    # A clock may have been anywhere; what no calendar holds is shown as its nearest end.
    latest_s = 253_402_300_799
    return datetime.fromtimestamp(max(0.0, min(time_ms / 1_000, latest_s)), UTC)
