"""Lag for programs: JSON and CSV (RFC 4180)."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.lag.past import Past, Reasons
from hammerd.cli.output.times import json_time
from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.buckets import buckets_of
from hammerd.core.lag_report.episodes import Episode
from hammerd.core.lag_report.forecast import Forecast
from hammerd.core.lag_report.report_json import mark_json, summary_json

Json = Mapping[str, object]

BUCKETS = 120
CSV_COLUMNS = (
    *("time", "pair", "lag_verdict", "lag_s", "lag_tids", "master_tid", "slave_tid"),
    *("safe_until_time", "durable_until_time"),
)


def sample_json(row: LagRow) -> Json:
    """Return the JSON object of a sample, with the names that `status --json` uses."""
    return {
        "time": json_time(row.time_ms),
        "lag_verdict": row.verdict,
        "lag_s": row.seconds,
        "lag_tids": row.tids,
        "master_tid": row.master_tid,
        "slave_tid": row.slave_tid,
        "safe_until_time": _moment(row, row.safe_s),
        "durable_until_time": _moment(row, row.durable_s),
    }


def overview_json(past: Past, now: PairStatus | None) -> dict[str, object]:
    """Return the JSON object of a pair without what is long."""
    summary = past.summary
    return {
        "pair": past.pair,
        "now": None if now is None else _now_json(now),
        "last": None if past.last is None else sample_json(past.last),
        "sample_count": past.sample_count,
        "unknown_count": past.unknown_count,
        "min_s": summary.min_s,
        "median_s": summary.median_s,
        "p95_s": summary.p95_s,
        "max_s": summary.max_s,
        "max_time": None if summary.max_ms is None else json_time(summary.max_ms),
        "lag_warning_s": past.warning_s,
        "summary": summary_json(summary),
        "samples": None,
    }


def past_json(
    past: Past, now: PairStatus | None, forecast: Forecast | None, reasons: Reasons
) -> dict[str, object]:
    """Return the JSON object of a pair with all that is known of it."""
    return {
        **overview_json(past, now),
        "forecast": None if forecast is None else _forecast_json(forecast),
        "buckets": [
            {
                "time": json_time(each.begin_ms),
                "min_s": each.min_s,
                "max_s": each.max_s,
                "unknown_s": each.unknown_ms / 1_000,
                "data_s": each.data_ms / 1_000,
            }
            for each in buckets_of(past.course, past.period, BUCKETS)
        ],
        "marks": [mark_json(each) for each in past.marks],
        "spike_above_s": reasons.limit_s,
        "episodes": [episode_json(each) for each in reasons.episodes],
        "samples": [sample_json(row) for row in past.rows],
    }


def episode_json(episode: Episode) -> Json:
    """Return the JSON object of a spike, or of a time without a known lag."""
    cause = episode.cause
    return {
        "kind": episode.kind.value,
        "time": json_time(episode.begin_ms),
        "end_time": json_time(episode.end_ms),
        "origin_time": json_time(episode.origin_ms),
        "max_s": episode.max_s,
        "max_time": None if episode.max_s is None else json_time(episode.max_ms),
        "cause": None
        if cause is None
        else {
            "kind": cause.kind.value,
            "text": cause.text,
            "time": json_time(cause.begin_ms),
            "end_time": json_time(cause.end_ms),
            "is_likely": cause.is_likely,
        },
    }


def csv_lines(past: Past) -> Iterator[str]:
    """Yield a line for each sample of a pair, without its end."""
    for row in past.rows:
        values = {**sample_json(row), "pair": row.pair}
        yield csv_line([values[name] for name in CSV_COLUMNS])


def csv_line(values: Sequence[object]) -> str:
    """Return a line of CSV without its end; None is an empty field."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()


def _forecast_json(forecast: Forecast) -> Json:
    return {"outlook": forecast.outlook.value, "eta_s": forecast.eta_s}


def _moment(row: LagRow, age_s: float | None) -> str | None:
    return None if age_s is None else json_time(row.time_ms - round(age_s * 1_000))


def _now_json(pair: Mapping[str, object]) -> Json:
    names = "lag_verdict lag_s lag_tids lag_approximate lag_measured_time safe_until_time"
    return {name: pair.get(name) for name in (*names.split(), "master_tid", "slave_tid")}
