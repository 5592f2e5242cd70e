"""Times of the history, in milliseconds of Unix time: how they are shown."""

import time
from datetime import UTC, datetime

from hammerd.core.rfc3339 import rfc3339


def now_ms() -> int:
    """Return this moment."""
    return time.time_ns() // 1_000_000


def future_begins_ms(at_ms: int) -> int:
    """Return from when on a time is to come; a minute is left for clocks that are being set."""
    return at_ms + 60_000


def latest_ms(since_ms: int, at_ms: int) -> int | None:
    """Return up to when to tell what happened: up to now, unless `since_ms` is to come itself.

    While a clock was ahead the history was written with times to come: they would be told as of
    the last minutes until they are past.
    """
    until_ms = future_begins_ms(at_ms)
    return until_ms if since_ms <= until_ms else None


def json_time(time_ms: int) -> str:
    """Render a time for scripts (RFC 3339)."""
    return rfc3339(_shown_s(time_ms))


def show_to_second(time_ms: int) -> str:
    """Show a time to the second, in UTC: `2026-03-04 16:12:07`."""
    return f"{_moment(time_ms):%Y-%m-%d %H:%M:%S}"


def show_to_minute(time_ms: int) -> str:
    """Show a time to the minute, in UTC: `2026-03-04 16:12`."""
    return f"{_moment(time_ms):%Y-%m-%d %H:%M}"


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(_shown_s(time_ms), UTC)


def _shown_s(time_ms: int) -> float:
    # A clock may have been anywhere; what no calendar holds is shown as its nearest end.
    latest_s = 253_402_300_799
    return max(0.0, min(time_ms / 1_000, latest_s))
