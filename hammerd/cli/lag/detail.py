"""Lays out the past of one pair: a summary, a line of its course, a table, and marks.

home since 2026-03-03 16:12 UTC, 24h00m:

now        12s, in sync
median     4s, 95 % of the time within 12s
max        4m10s at 2026-03-04 03:12
in sync    98.10% of the time
within     99.86% of the time, of lag_warning (5m00s)
no data    1.04% of the period (15m00s)
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.lag.past import Past, drawn_period
from hammerd.cli.lag.sparkline import sparkline
from hammerd.cli.lag.table import Look, show_age
from hammerd.cli.lag.words import (
    MARK_WORDS,
    show_forecast,
    show_last,
    show_now,
    show_seconds,
    show_share,
    show_span,
    show_zone,
)
from hammerd.cli.output.numbers import show_count, show_period
from hammerd.cli.output.spans import Line, Span, align_rows, wrap_spans
from hammerd.cli.output.times import Zone, show_to_minute
from hammerd.cli.status.pair_notes import is_disabled
from hammerd.core.lag_report.buckets import buckets_of
from hammerd.core.lag_report.course import Period, clip
from hammerd.core.lag_report.forecast import Forecast
from hammerd.core.lag_report.marks import Mark, MarkKind
from hammerd.core.lag_report.summary import summarize

MOST_BUCKETS = 12
_MINUTE_MS = 60_000
BUCKET_SIZES_MS = tuple(
    minutes * _MINUTE_MS
    for minutes in (
        *(1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720),
        *(1_440, 2_880, 4_320, 10_080, 43_200, 525_600),
    )
)
_HEAD = 11
MOST_MARKS = 20
UNMARKED = frozenset({MarkKind.DAEMON_STARTED})
"""Kinds that another mark tells as well."""


def detail_lines(
    past: Past, now: PairStatus | None, look: Look, forecast: Forecast | None
) -> Iterator[Line]:
    """Lay out all that is known of one pair."""
    if past.course:
        yield from summary_lines(past, now, look, forecast)
        yield ()
        yield from course_lines(past, look)
        yield ()
        yield from bucket_lines(past, look)
    else:
        yield from without_data_lines(past, now, look, forecast)
    if marks := [each for each in past.marks if each.kind not in UNMARKED]:
        yield ()
        yield from mark_lines(marks, look)


def heading(pair: str, period: Period, zone: Zone) -> str:
    """Return the line above what is told of a pair."""
    since = show_to_minute(period.since_ms, zone)
    length = show_period(period.length_ms / 1_000)
    return f"{pair} since {since} {show_zone(zone, period.since_ms)}, {length}:"


def summary_lines(
    past: Past, now: PairStatus | None, look: Look, forecast: Forecast | None
) -> Iterator[Line]:
    """Lay out the summary of a pair."""
    one = past.summary
    for head, text in (
        ("now" if look.has_daemon else "last", _now_text(past, now, look, forecast)),
        (
            "median",
            f"{show_seconds(one.median_s)}, 95 % of the time within {show_seconds(one.p95_s)}",
        ),
        ("max", _max_text(past, look.zone)),
        ("in sync", f"{show_share(one.in_sync_share)} of the time"),
        ("within", _within_text(past)),
        ("unknown", f"{show_share(one.unknown_share)} of the time ({show_period(one.unknown_s)})"),
        (
            "no data",
            f"{show_share(one.no_data_share)} of the period ({show_period(one.no_data_s)})",
        ),
    ):
        is_left_out = (head, one.unknown_s) == ("unknown", 0) or (head, one.no_data_s) == (
            "no data",
            0,
        )
        if not is_left_out:
            yield from wrap_spans(f"{head:{_HEAD}}{text}", look.width, deeper=_HEAD)


def without_data_lines(
    past: Past, now: PairStatus | None, look: Look, forecast: Forecast | None
) -> Iterator[Line]:
    """Lay out the lag of now of a pair that has no samples in the period."""
    head = "now" if look.has_daemon else "last"
    text = f"{head:{_HEAD}}{_now_text(past, now, look, forecast)}"
    yield from wrap_spans(text, look.width, deeper=_HEAD)
    yield (Span(f"{'no data':{_HEAD}}the lag was not sampled in this period"),)


def _now_text(past: Past, now: PairStatus | None, look: Look, forecast: Forecast | None) -> str:
    if not look.has_daemon:
        if past.last is None:
            return "-"
        age = show_age(past.last, look.at_ms)
        when = "of a time to come: was a clock wrong?" if age == "-" else f"{age} ago"
        return f"{show_last(past.last)}, {when}"
    return ", ".join(filter(None, (show_now(now), _verdict_text(now), show_forecast(forecast))))


def _verdict_text(now: PairStatus | None) -> str:
    if now is None:
        return "not in the config"
    if is_disabled(now):
        return "disabled"
    verdict = now["lag_verdict"].replace("_", " ")
    if verdict not in ("in sync", "behind"):
        verdict = now.get("lag_unknown_because") or ""
    return ", ".join(filter(None, (verdict, "paused" if now["wanted"] == "paused" else "")))


def _max_text(past: Past, zone: Zone) -> str:
    max_s, max_ms = past.summary.max_s, past.summary.max_ms
    if max_s is None or max_ms is None:
        return "-"
    return f"{show_period(max_s)} at {show_to_minute(max_ms, zone)}"


def _within_text(past: Past) -> str:
    if past.warning_s is None:
        return "- (lag_warning is not known)"
    share = show_share(past.summary.within_share)
    return f"{share} of the time, of lag_warning ({show_period(past.warning_s)})"


def course_lines(past: Past, look: Look) -> Iterator[Line]:
    """Lay out the course as a line of characters, with the times of its ends below."""
    width = max(1, look.width - 1)
    period = drawn_period(past)
    drawn = sparkline(buckets_of(past.course, period, width), is_ascii=look.is_ascii)
    begin, end = (show_to_minute(each, look.zone) for each in (period.since_ms, period.until_ms))
    yield (Span(drawn),)
    yield (Span(f"{begin}{end:>{max(1, len(drawn) - len(begin))}}"),)


def bucket_lines(past: Past, look: Look) -> Iterator[Line]:
    """Lay out the lag over time, in at most twelve buckets that begin at round times."""
    rows = []
    for bucket in round_buckets(past):
        one = summarize(clip(past.course, bucket), bucket, past.warning_s)
        values = (one.min_s, one.median_s, one.p95_s, one.max_s)
        shares = (one.within_share, one.unknown_share, one.no_data_share)
        begin = show_to_minute(bucket.since_ms, look.zone)
        rows.append((begin, *map(show_seconds, values), *map(show_share, shares)))
    name = "FROM (UTC)" if look.zone is Zone.UTC else "FROM"
    heads = (name, "MIN", "MEDIAN", "P95", "MAX", "WITHIN", "UNKNOWN", "NO DATA")
    return align_rows((heads, *rows), "<>>>>>>>")


def round_buckets(past: Past) -> Iterator[Period]:
    """Yield at most twelve parts of a period, from its first sample on."""
    since_ms = past.period.since_ms
    if past.course:
        since_ms = max(since_ms, past.course[0].begin_ms)
    until_ms = past.period.until_ms
    step_ms = next(
        (step for step in BUCKET_SIZES_MS if (until_ms - since_ms) // step < MOST_BUCKETS - 1),
        BUCKET_SIZES_MS[-1],
    )
    for number in range(since_ms // step_ms, -(-until_ms // step_ms)):
        begin_ms = max(number * step_ms, past.period.since_ms)
        yield Period(begin_ms, min((number + 1) * step_ms, until_ms))


def mark_lines(marks: Sequence[Mark], look: Look) -> Iterator[Line]:
    """Lay out the marks, the latest last; many moments of one kind are counted in one line."""
    grouped = [list(each) for _, each in groupby(marks, key=lambda mark: (mark.kind, mark.text))]
    shown = grouped[-MOST_MARKS:]
    if len(shown) < len(grouped):
        before = show_count(len(grouped) - len(shown), "earlier mark")
        yield (Span(f"{before} not shown: see hammerd events"),)
    for group in shown:
        first, last = group[0], group[-1]
        when = show_span(first.begin_ms, last.end_ms, look.zone)
        if last.is_open:
            when = f"{show_to_minute(first.begin_ms, look.zone)} -"
        times = f" ({len(group)} times)" if len(group) > 1 else ""
        text = f": {first.text}" if first.text else ""
        line = f"{when:25}  {MARK_WORDS[first.kind]}{times}{text}"
        yield from wrap_spans(line, look.width, deeper=27)
