"""The JSON of reports: of `hammerd lag --json`, and of a chart.

Names are promises. Lags and lengths are seconds, null is unknown or no data. In a chart times are
seconds of Unix time; elsewhere they are RFC 3339.
"""

from collections.abc import Mapping, Sequence

from hammerd.core.lag_report.buckets import buckets_of, step_for
from hammerd.core.lag_report.course import Course, Period
from hammerd.core.lag_report.marks import Mark
from hammerd.core.lag_report.summary import Summary
from hammerd.core.rfc3339 import rfc3339

Json = Mapping[str, object]

LATEST_S = 253_402_300_799
"""The last second of the calendar; a clock may have had any value."""


def json_time(time_ms: int) -> str:
    """Format a time in milliseconds; one outside of the calendar as its nearest limit."""
    return rfc3339(max(0.0, min(time_ms / 1_000, LATEST_S)))


def summary_json(summary: Summary) -> Json:
    """Return the JSON object of a summary."""
    return {
        "period_s": summary.period_s,
        "known_s": summary.known_s,
        "unknown_s": summary.unknown_s,
        "diverged_s": summary.diverged_s,
        "no_data_s": summary.no_data_s,
        "in_sync_s": summary.in_sync_s,
        "within_warning_s": summary.within_s,
        "in_sync_share": _share(summary.in_sync_share),
        "within_warning_share": _share(summary.within_share),
        "unknown_share": _share(summary.unknown_share),
        "no_data_share": _share(summary.no_data_share),
        "min_s": summary.min_s,
        "median_s": summary.median_s,
        "p95_s": summary.p95_s,
        "max_s": summary.max_s,
        "max_time": None if summary.max_ms is None else json_time(summary.max_ms),
    }


def mark_json(mark: Mark) -> Json:
    """Return the JSON object of a mark; its end is null while it goes on."""
    return {
        "kind": mark.kind.value,
        "time": json_time(mark.begin_ms),
        "end_time": None if mark.is_open else json_time(mark.end_ms),
        "text": mark.text,
    }


def chart_json(
    course: Course, period: Period, points: int, marks: Sequence[Mark], summary: Summary
) -> Json:
    """Return the JSON object of a chart with at most so many points; marks may be longer."""
    buckets = buckets_of(course, period, points)
    return {
        "since": period.since_ms / 1_000,
        "until": period.until_ms / 1_000,
        "step_s": step_for(period, points) / 1_000,
        "times": [each.begin_ms / 1_000 for each in buckets],
        "max_s": [each.max_s for each in buckets],
        "min_s": [each.min_s for each in buckets],
        "marks": [
            {
                "time": each.begin_ms / 1_000,
                "until": None if each.is_open else each.end_ms / 1_000,
                "kind": each.kind.value,
                "text": each.text,
            }
            for each in marks
        ],
        "summary": summary_json(summary),
    }


def _share(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
