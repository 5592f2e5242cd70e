"""Formats times of the history, which are milliseconds of Unix time.

All of hammerd's times are in UTC, but for those that --local asks for: two hosts, a log and a
status can be compared, and no hour comes twice a year.
"""

import time
from datetime import UTC, datetime
from enum import StrEnum

from hammerd.core.rfc3339 import rfc3339


class Zone(StrEnum):
    """The zone of times that are shown, and of those that are read and name none."""

    UTC = "UTC"
    LOCAL = "local"


END_OF_TIME_MS = (1 << 63) - 1
"""The largest integer of SQLite."""


def now_ms() -> int:
    """Return the time of now."""
    return time.time_ns() // 1_000_000


def future_begins_ms(at_ms: int) -> int:
    """Return the time after which a time counts as future: a minute allows for clock changes."""
    return at_ms + 60_000


def latest_ms(since_ms: int, at_ms: int) -> int:
    """Return the time up to which to show history: now, or no limit if `since_ms` is later.

    While a clock was ahead, rows got future times: without this limit they would be shown as the
    latest ones until those times are past.
    """
    until_ms = future_begins_ms(at_ms)
    return until_ms if since_ms <= until_ms else END_OF_TIME_MS


def json_time(time_ms: int) -> str:
    """Format a time for scripts (RFC 3339)."""
    return rfc3339(_shown_s(time_ms))


def show_to_second(time_ms: int, zone: Zone = Zone.UTC) -> str:
    """Format a time to the second: `2026-03-04 16:12:07`."""
    return f"{moment_of(time_ms, zone):%Y-%m-%d %H:%M:%S}"


def show_to_minute(time_ms: int, zone: Zone = Zone.UTC) -> str:
    """Format a time to the minute: `2026-03-04 16:12`."""
    return f"{moment_of(time_ms, zone):%Y-%m-%d %H:%M}"


def moment_of(time_ms: int, zone: Zone) -> datetime:
    """Return a time in a zone, which is that of the environment (TZ) for LOCAL."""
    moment = datetime.fromtimestamp(_shown_s(time_ms), UTC)
    return moment if zone is Zone.UTC else moment.astimezone()


def _shown_s(time_ms: int) -> float:
    # A clock may have had any value; a time outside of the calendar is shown as its nearest limit.
    latest_s = 253_402_300_799
    return max(0.0, min(time_ms / 1_000, latest_s))
