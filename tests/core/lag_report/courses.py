"""Samples and events of a pair, for tests of reports; times are seconds after 08:00."""

import json

from hammerd.core.api.history_schema import EventRow
from hammerd.core.lag_report.course import Period, Point, Stretch

HOUR_MS = 1_800_000_000_000
"""2027-01-15 08:00 UTC."""


def at(second: float) -> int:
    return HOUR_MS + round(second * 1_000)


def period(begin: float, end: float) -> Period:
    return Period(at(begin), at(end))


def point(second: float, lag: float | None = 0.0, verdict: str = "") -> Point:
    known = "unknown" if lag is None else "behind" if lag else "in_sync"
    return Point(at(second), verdict or known, lag)


def points(*times: float) -> list[Point]:
    return [point(second, second) for second in times]


def stretch(begin: float, end: float, lag: float | None = 0.0, verdict: str = "") -> Stretch:
    made = point(begin, lag, verdict)
    return Stretch(at(begin), at(end), made.verdict, lag, at(begin))


def event(
    second: float,
    name: str,
    pair: str | None = "home",
    level: str = "info",
    **fields: object,
) -> EventRow:
    return EventRow(at(second), pair, name, level, json.dumps(fields))
