"""Lays out the lag of pairs, a row for each.

    PAIR  NOW  MEDIAN    P95    MAX  AT (UTC)          WITHIN  UNKNOWN  COURSE
    home   0s      0s    12s  4m10s  2026-03-04 03:12  99.86%       0%  ▁▁▁▁▁▁█▁▁▁▁▁▁▁▁▁

WITHIN is the share of the time with samples in which the lag was within lag_warning. UNKNOWN, the
share of unknown lag, and NO DATA, the share of the period without samples, are left out if they
are 0 for all pairs. Where the line is too narrow, there is no COURSE, the times have no year, and
there is no P95. Below stands whether a pair that is behind catches up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.lag.past import Past
from hammerd.cli.lag.sparkline import sparkline
from hammerd.cli.lag.words import show_last, show_now, show_seconds, show_share
from hammerd.cli.output.numbers import show_rough_period
from hammerd.cli.output.spans import GAP, Cells, Line, Span, column_widths, pad_row, wrap_spans
from hammerd.cli.output.times import Zone, future_begins_ms, show_to_minute
from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.buckets import buckets_of

LEAST_COURSE, MOST_COURSE = 8, 60
NOTHING = frozenset({"-", "0%"})


@dataclass(frozen=True, slots=True)
class PairRow:
    """A row of the table: `now` is of the daemon, None without it; `outlook` may be empty."""

    past: Past
    now: PairStatus | None
    outlook: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The way to show it: the time, whether a daemon answers, the zone and the characters."""

    at_ms: int
    has_daemon: bool
    width: int
    zone: Zone = Zone.UTC
    is_ascii: bool = False


def table_lines(rows: Sequence[PairRow], look: Look) -> list[Line]:
    """Lay out the rows in the width of the terminal, as far as they fit."""
    columns = _columns(rows, look, show_to_minute)
    if _width(columns) > look.width:
        columns = _columns(rows, look, _without_year)
    if _width(columns) > look.width:
        columns = [column for column in columns if column[0][0] != "P95"]
    table = list(zip(*(cells for cells, _ in columns), strict=True))
    sides = "".join(side for _, side in columns)
    widths = column_widths(table)
    lines = [GAP.join(pad_row(row, widths, sides)) for row in table]
    courses = _courses(rows, look, look.width - _width(columns) - len(GAP))
    for number, course in enumerate(courses):
        lines[number] = f"{lines[number]}{GAP}{course}"
    notes = (f"{row.past.pair}: {row.outlook}" for row in rows if row.outlook)
    return [
        *((Span(line.rstrip(), "" if at else "head"),) for at, line in enumerate(lines)),
        *(line for note in notes for line in wrap_spans(note, look.width)),
    ]


def _without_year(time_ms: int, zone: Zone) -> str:
    return show_to_minute(time_ms, zone)[5:]


def _width(columns: Sequence[tuple[Cells, str]]) -> int:
    return sum(max(map(len, cells)) for cells, _ in columns) + len(GAP) * (len(columns) - 1)


def _columns(
    rows: Sequence[PairRow], look: Look, show_time: Callable[[int, Zone], str]
) -> list[tuple[Cells, str]]:
    every = [row.past.summary for row in rows]
    at = ["-" if one.max_ms is None else show_time(one.max_ms, look.zone) for one in every]
    now = (
        [(["NOW", *(show_now(row.now) for row in rows)], ">")]
        if look.has_daemon
        else [
            (["LAST", *(show_last(row.past.last) for row in rows)], ">"),
            (["AGE", *(show_age(row.past.last, look.at_ms) for row in rows)], ">"),
        ]
    )
    shares = [
        ("UNKNOWN", [show_share(one.unknown_share) for one in every]),
        ("NO DATA", [show_share(one.no_data_share) for one in every]),
    ]
    return [
        (["PAIR", *(row.past.pair for row in rows)], "<"),
        *now,
        (["MEDIAN", *(show_seconds(one.median_s) for one in every)], ">"),
        (["P95", *(show_seconds(one.p95_s) for one in every)], ">"),
        (["MAX", *(show_seconds(one.max_s) for one in every)], ">"),
        (["AT" + (" (UTC)" if look.zone is Zone.UTC else ""), *at], "<"),
        (["WITHIN", *(show_share(one.within_share) for one in every)], ">"),
        *(([head, *cells], ">") for head, cells in shares if not NOTHING.issuperset(cells)),
    ]


def show_age(row: LagRow | None, at_ms: int) -> str:
    """Format the age of a sample; one of a time to come, of a wrong clock, has none."""
    if row is None or row.time_ms > future_begins_ms(at_ms):
        return "-"
    return show_rough_period((at_ms - row.time_ms) / 1_000)


def _courses(rows: Sequence[PairRow], look: Look, width: int) -> list[str]:
    if width < LEAST_COURSE:
        return []
    points = min(width, MOST_COURSE)
    drawn = [
        sparkline(buckets_of(row.past.course, row.past.period, points), is_ascii=look.is_ascii)
        for row in rows
    ]
    return ["COURSE", *drawn]
