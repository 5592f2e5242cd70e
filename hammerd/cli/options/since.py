"""Reads times of options like --since: a period before now, a day, or what hammerd prints.

2h, 1w, 1h30m, "2 hours", "30 min ago"     that long before now
today, yesterday, now                      the beginning of that day, in UTC; this moment
2026-03-04, "2026-03-04 16:12:07", 16:12   in UTC unless a zone is given; ISO 8601, RFC 3339
@1772640727                                seconds of Unix time

With --local a time without a zone is a local one, as the times then printed are.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hammerd.cli.output.times import Zone, moment_of
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


def read_since(text: str, at_ms: int, zone: Zone = Zone.UTC) -> int:
    """Read the value of --since, relative to `at_ms`; both in milliseconds of Unix time.

    `zone`: of a time that names none.

    Raises:
        ValueError: it is no time; the message lists the valid forms.
    """
    value = " ".join(text.split())
    for read in _READERS:
        if (since_ms := read(value, at_ms, zone)) is not None:
            return since_ms
    raise ValueError(f"is no time; write one like these: {FORMS}")


def _read_period(value: str, at_ms: int, _zone: Zone) -> int | None:
    period = _AROUND_PERIOD.sub("", value)
    short = short_form(period)
    try:
        return at_ms - round(read_duration(short or period) * 1_000)
    except InvalidValue as error:
        if short:
            raise ValueError(f"{error}; write one like these: {FORMS}") from error
        return None


def _read_day(value: str, at_ms: int, zone: Zone) -> int | None:
    if value.lower() == "now":
        return at_ms
    bare, zone = _without_zulu(value, zone)
    found = _DAY.fullmatch(bare)
    if found is None:
        return None
    days = 0 if found[1].lower() == "today" else -1
    return _on_day(at_ms, days, found[2] or "00:00", zone)


def _read_epoch(value: str, _at_ms: int, _zone: Zone) -> int | None:
    return round(float(value[1:]) * 1_000) if _EPOCH.fullmatch(value) else None


def _read_clock(value: str, at_ms: int, zone: Zone) -> int | None:
    """Read a time of day as its latest occurrence before now."""
    clock, zone = _without_zulu(value, zone)
    if _CLOCK_ALONE.fullmatch(clock) is None:
        return None
    since_ms = _on_day(at_ms, 0, clock, zone)
    is_past = since_ms is None or since_ms <= at_ms
    return since_ms if is_past else _on_day(at_ms, -1, clock, zone)


def _without_zulu(value: str, zone: Zone) -> tuple[str, Zone]:
    bare = _ZULU.sub("", value)
    return bare, zone if bare == value else Zone.UTC


def _on_day(at_ms: int, days: int, clock: str, zone: Zone) -> int | None:
    """Read a time of day, so many days of the calendar after that of `at_ms`."""
    day = moment_of(at_ms, zone).date() + timedelta(days)
    padded = f"0{clock}" if clock[1] == ":" else clock
    return _read_moment(f"{day} {padded}", at_ms, zone)


def _read_moment(value: str, _at_ms: int, zone: Zone) -> int | None:
    written = _OFFSET.sub("", _ZULU.sub("+00:00", value))
    try:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is None and zone is Zone.UTC:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1_000)
    # A local time of the year 1 or 9999 has no place in the calendar of UTC.
    except (ValueError, OverflowError):
        return None


_READERS: tuple[Callable[[str, int, Zone], int | None], ...] = (
    _read_period,
    _read_day,
    _read_epoch,
    _read_clock,
    _read_moment,
)
