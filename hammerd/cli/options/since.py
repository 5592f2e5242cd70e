"""Reads what --since is told: a span before now, a day, a moment; what hammerd prints, too.

2h, 1w, 1h30m, "2 hours", "30 min ago"     so long before now
today, yesterday, now                      where that day began, in UTC
2026-03-04, "2026-03-04 16:12:07", 16:12   in UTC, unless a zone is said; ISO 8601, RFC 3339
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
_AROUND_SPAN = re.compile(r"^-(?=[0-9])| ago$", re.IGNORECASE)
_ZULU = re.compile(r"\s*(?:utc|gmt|z)$", re.IGNORECASE)
_OFFSET = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$)")
_DAY_MS = 86_400_000


def read_since(text: str, at_ms: int) -> int:
    """Read what --since was told at a time, both in milliseconds of Unix time.

    Raises:
        ValueError: it is no time; the message says what to write instead.
    """
    said = " ".join(text.split())
    for read in _READERS:
        if (since_ms := read(said, at_ms)) is not None:
            return since_ms
    raise ValueError(f"is no time; write one like these: {FORMS}")


def _of_span(said: str, at_ms: int) -> int | None:
    span = _AROUND_SPAN.sub("", said)
    short = short_form(span)
    try:
        return at_ms - round(read_duration(short or span) * 1_000)
    except InvalidValue as error:
        if short:
            raise ValueError(f"{error}; write one like these: {FORMS}") from error
        return None


def _of_day(said: str, at_ms: int) -> int | None:
    if said.lower() == "now":
        return at_ms
    found = _DAY.fullmatch(_ZULU.sub("", said))
    if found is None:
        return None
    day_ms = at_ms if found[1].lower() == "today" else at_ms - _DAY_MS
    return _of_moment(f"{_date(day_ms)} {_full(found[2] or '00:00')}", at_ms)


def _of_epoch(said: str, _at_ms: int) -> int | None:
    return round(float(said[1:]) * 1_000) if _EPOCH.fullmatch(said) else None


def _of_clock(said: str, at_ms: int) -> int | None:
    """Read a time of the day as the last one that is not to come."""
    clock = _ZULU.sub("", said)
    if _CLOCK_ALONE.fullmatch(clock) is None:
        return None
    since_ms = _of_moment(f"{_date(at_ms)} {_full(clock)}", at_ms)
    return since_ms if since_ms is None or since_ms <= at_ms else since_ms - _DAY_MS


def _full(clock: str) -> str:
    return f"0{clock}" if clock[1] == ":" else clock


def _date(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d}"


def _of_moment(said: str, _at_ms: int) -> int | None:
    written = _OFFSET.sub("", _ZULU.sub("+00:00", said))
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    # hammerd prints all its times in UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000)


_READERS: tuple[Callable[[str, int], int | None], ...] = (
    _of_span,
    _of_day,
    _of_epoch,
    _of_clock,
    _of_moment,
)
