"""Reads the value of --since: a period before now, a day, or a time, also as hammerd prints it.

2h, 1w, 1h30m, "2 hours", "30 min ago"     that long before now
today, yesterday, now                      the beginning of that day, in UTC; this moment
2026-03-04, "2026-03-04 16:12:07", 16:12   in UTC unless a zone is given; ISO 8601, RFC 3339
@1772640727                                seconds of Unix time
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from hammerd.core.config.values import InvalidValue, read_duration
from hammerd.core.durations import short_form

FORMS = '2h, 1w, "2 hours", yesterday, 2026-03-04, "2026-03-04 16:12:07" (UTC), @1772640727'

_EPOCH = re.compile(r"@([0-9]{1,11})(?:\.[0-9]*)?")
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
_CLOCK_ALONE = re.compile(_CLOCK)
_DAY = re.compile(rf"(today|yesterday)(?: (?:at )?({_CLOCK}))?", re.IGNORECASE)
_AROUND_PERIOD = re.compile(r"^-(?=[0-9])| ago$", re.IGNORECASE)
_ZULU = re.compile(r"\s*(?:utc|gmt|z)$", re.IGNORECASE)
_OFFSET = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$)")
_DAY_MS = 86_400_000


def read_since(text: str, at_ms: int) -> int:
    """Read the value of --since, relative to `at_ms`; both in milliseconds of Unix time.

    Raises:
        ValueError: it is no time; the message lists the valid forms.
    """
    value = " ".join(text.split())
    for read in _READERS:
        if (since_ms := read(value, at_ms)) is not None:
            return since_ms
    raise ValueError(f"is no time; write one like these: {FORMS}")


def _read_period(value: str, at_ms: int) -> int | None:
    period = _AROUND_PERIOD.sub("", value)
    short = short_form(period)
    try:
        return at_ms - round(read_duration(short or period) * 1_000)
    except InvalidValue as error:
        if short:
            raise ValueError(f"{error}; write one like these: {FORMS}") from error
        return None


def _read_day(value: str, at_ms: int) -> int | None:
    if value.lower() == "now":
        return at_ms
    found = _DAY.fullmatch(_ZULU.sub("", value))
    if found is None:
        return None
    day_ms = at_ms if found[1].lower() == "today" else at_ms - _DAY_MS
    return _on_day(day_ms, found[2] or "00:00")


def _read_epoch(value: str, _at_ms: int) -> int | None:
    return round(float(value[1:]) * 1_000) if _EPOCH.fullmatch(value) else None


def _read_clock(value: str, at_ms: int) -> int | None:
    """Read a time of day as its latest occurrence before now."""
    clock = _ZULU.sub("", value)
    if _CLOCK_ALONE.fullmatch(clock) is None:
        return None
    since_ms = _on_day(at_ms, clock)
    return since_ms if since_ms is None or since_ms <= at_ms else since_ms - _DAY_MS


def _on_day(day_ms: int, clock: str) -> int | None:
    padded = f"0{clock}" if clock[1] == ":" else clock
    return _read_moment(f"{datetime.fromtimestamp(day_ms / 1_000, UTC):%Y-%m-%d} {padded}", day_ms)


def _read_moment(value: str, _at_ms: int) -> int | None:
    written = _OFFSET.sub("", _ZULU.sub("+00:00", value))
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    # hammerd prints all its times in UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000)


_READERS: tuple[Callable[[str, int], int | None], ...] = (
    _read_period,
    _read_day,
    _read_epoch,
    _read_clock,
    _read_moment,
)
