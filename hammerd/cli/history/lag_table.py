"""Lays out the lag of pairs, now and in the past.

    PAIR  NOW  MIN  MEDIAN    MAX  MAX AT (UTC)      UNKNOWN
    home   0s   0s      0s  4m10s  2026-03-04 03:12       0%
    mail    -    -       -      -  -                    100%

UNKNOWN is the share of samples without a known lag. For a single pair there is a second table with
a row for each time bucket; a bucket without samples means that hammerd did not run, or that the
pair was disabled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.output.numbers import show_period, show_rough_period
from hammerd.cli.output.spans import Line, align_rows
from hammerd.cli.output.times import future_begins_ms, json_time, show_to_minute
from hammerd.core.api.history_schema import LagRow, LagSummary, summary_of

MOST_BUCKETS = 12
_MINUTE_MS = 60_000
BUCKET_SIZES_MS = tuple(
    minutes * _MINUTE_MS
    for minutes in (1, 5, 10, 30, 60, 120, 360, 720, 1_440, 10_080, 43_200, 525_600)
)


@dataclass(frozen=True, slots=True)
class PairLag:
    """Lag of a pair: `now` from the daemon (None without it), its last sample, and a summary.

    `rows` are the samples of the summary, None if they are not to be shown.
    """

    pair: str
    now: PairStatus | None
    last: LagRow | None
    summary: LagSummary
    rows: tuple[LagRow, ...] | None = None


def lag_lines(lags: Sequence[PairLag], at_ms: int, *, has_daemon: bool) -> Iterator[Line]:
    """Lay out a row for each pair: its lag now, or without a daemon its last one and the age."""
    now = ("NOW",) if has_daemon else ("LAST", "AGE")
    heads = ("PAIR", *now, "MIN", "MEDIAN", "MAX", "MAX AT (UTC)", "UNKNOWN")
    rows = []
    for lag in lags:
        cells = (_now(lag.now),) if has_daemon else (_last(lag.last), _age(lag, at_ms))
        summary = lag.summary
        at = "-" if summary.max_ms is None else show_to_minute(summary.max_ms)
        rows.append((lag.pair, *cells, *_min_median_max(summary), at, _unknown_share(summary)))
    return align_rows((heads, *rows), f"<{'>' * len(now)}>>><>")


def bucket_lines(samples: Sequence[LagRow], since_ms: int, at_ms: int) -> Iterator[Line]:
    """Lay out the lag of one pair over time, in at most twelve buckets."""
    rows = []
    for begin_ms, within in buckets_of(samples, since_ms, at_ms):
        summary = summary_of((row.seconds, row.time_ms) for row in within)
        counted = (str(summary.samples), _unknown_share(summary))
        rows.append((show_to_minute(begin_ms), *_min_median_max(summary), *counted))
    heads = ("FROM (UTC)", "MIN", "MEDIAN", "MAX", "SAMPLES", "UNKNOWN")
    return align_rows((heads, *rows), "<>>>>>")


def buckets_of(
    rows: Sequence[LagRow], since_ms: int, at_ms: int
) -> Iterator[tuple[int, list[LagRow]]]:
    """Yield the beginning of each bucket and its samples; buckets begin at round times."""
    # A clock that was stepped back leaves samples with future times.
    end_ms = max([at_ms, *(row.time_ms for row in rows)])
    first_ms = max(since_ms, min((row.time_ms for row in rows), default=since_ms))
    step_ms = next(
        (step for step in BUCKET_SIZES_MS if (end_ms - first_ms) // step < MOST_BUCKETS - 1),
        BUCKET_SIZES_MS[-1],
    )
    within: dict[int, list[LagRow]] = {}
    for row in rows:
        within.setdefault(row.time_ms // step_ms, []).append(row)
    for number in range(first_ms // step_ms, end_ms // step_ms + 1):
        yield number * step_ms, within.get(number, [])


def lag_json(lag: PairLag) -> dict[str, object]:
    """Return the JSON object of a pair's lag."""
    summary, rows = lag.summary, lag.rows
    return {
        "pair": lag.pair,
        "now": None if lag.now is None else _now_json(lag.now),
        "last": None if lag.last is None else sample_json(lag.last),
        "sample_count": summary.samples,
        "unknown_count": summary.unknown,
        "min_s": summary.min_s,
        "median_s": summary.median_s,
        "max_s": summary.max_s,
        "max_time": None if summary.max_ms is None else json_time(summary.max_ms),
        "samples": None if rows is None else [sample_json(row) for row in rows],
    }


def sample_json(row: LagRow) -> dict[str, object]:
    """Return the JSON object of a sample, with the names that `status --json` uses."""
    return {
        "time": json_time(row.time_ms),
        "lag_verdict": row.verdict,
        "lag_s": row.seconds,
        "lag_tids": row.tids,
        "master_tid": row.master_tid,
        "slave_tid": row.slave_tid,
    }


def _now_json(pair: Mapping[str, object]) -> dict[str, object]:
    names = "lag_verdict lag_s lag_tids lag_approximate lag_measured_time safe_until_time"
    return {name: pair.get(name) for name in (*names.split(), "master_tid", "slave_tid")}


def _now(pair: PairStatus | None) -> str:
    if pair is None:
        return "-"
    about = "~" if pair["lag_approximate"] else ""
    return _show_lag(pair["lag_verdict"], pair["lag_s"], about)


def _last(row: LagRow | None) -> str:
    return "-" if row is None else _show_lag(row.verdict, row.seconds)


def _show_lag(verdict: str, seconds: float | None, about: str = "") -> str:
    if verdict == "ahead":
        return "ahead"
    return "unknown" if seconds is None else f"{about}{show_period(seconds)}"


def _age(lag: PairLag, at_ms: int) -> str:
    # A sample taken while the clock was ahead has a future time, so no age.
    if lag.last is None or lag.last.time_ms > future_begins_ms(at_ms):
        return "-"
    return show_rough_period((at_ms - lag.last.time_ms) / 1_000)


def _min_median_max(summary: LagSummary) -> tuple[str, ...]:
    values = (summary.min_s, summary.median_s, summary.max_s)
    return tuple("-" if seconds is None else show_period(seconds) for seconds in values)


def _unknown_share(summary: LagSummary) -> str:
    if not summary.samples:
        return "-"
    # 0% and 100% are exact: a single other sample shows as 1% or 99%.
    percent = 100 * summary.unknown / summary.samples
    return f"{percent:.0f}%" if percent in (0, 100) else f"{min(max(percent, 1), 99):.0f}%"
