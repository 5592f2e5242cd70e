"""Formats and parses times: RFC 3339, in UTC, to the millisecond."""

from datetime import UTC, datetime


def rfc3339(time: float) -> str:
    """Format a wall time: `2026-03-04T16:12:07.250Z`."""
    moment = datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Parse a time with its zone, and convert it to UTC.

    Raises:
        ValueError: the text is no time.
    """
    return datetime.fromisoformat(text).astimezone(UTC)
