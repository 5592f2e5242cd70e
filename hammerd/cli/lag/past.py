"""The past of a pair, as the modules beside this one lay it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hammerd.cli.client.status_types import PairStatus
from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.buckets import buckets_of
from hammerd.core.lag_report.course import Course, Period, Stretch
from hammerd.core.lag_report.episodes import Episode
from hammerd.core.lag_report.forecast import Forecast, forecast
from hammerd.core.lag_report.marks import Mark
from hammerd.core.lag_report.summary import Summary
from hammerd.core.replication.lag import LagVerdict

COARSE_POINTS = 240
MOST_BLANK = 3
"""A picture that would be blank for more than a third, because the history is younger, is not."""


@dataclass(frozen=True, slots=True)
class Question:
    """The question to the history: its period, and the lag_warning of each pair.

    `has_marks`, `has_rows`: whether marks, and samples with all their columns, are wanted.
    """

    period: Period
    warnings: Mapping[str, float] = field(default_factory=dict)
    has_marks: bool = False
    has_rows: bool = True


@dataclass(frozen=True, slots=True)
class Past:
    """The past of a pair within a period.

    `last`: its last sample, however old. `warning_s`: its lag_warning, None if no config tells.
    `rows` and `marks` may be left out.
    """

    pair: str
    period: Period
    summary: Summary
    last: LagRow | None = None
    warning_s: float | None = None
    sample_count: int = 0
    unknown_count: int = 0
    course: Course = ()
    rows: Sequence[LagRow] = ()
    marks: Sequence[Mark] = ()


def drawn_period(past: Past) -> Period:
    """Return the period of a picture, without a long time before the first sample."""
    if not past.course:
        return past.period
    first_ms, period = past.course[0].begin_ms, past.period
    is_late = (first_ms - period.since_ms) * MOST_BLANK > period.length_ms
    return Period(first_ms, period.until_ms) if is_late else period


@dataclass(frozen=True, slots=True)
class Reasons:
    """The explained episodes of a pair, and the lag above which it is a spike."""

    limit_s: float
    episodes: Sequence[Episode] = ()


def without_samples(past: Past) -> Past:
    """Return a past with a coarse course: the samples of hundreds of pairs need much memory."""
    coarse = [
        Stretch(one.begin_ms, one.end_ms, LagVerdict.UNKNOWN, one.max_s, one.begin_ms)
        for one in buckets_of(past.course, past.period, COARSE_POINTS)
        if one.data_ms
    ]
    return replace(past, course=coarse, rows=())


def outlook_of(past: Past, now: PairStatus | None, at_ms: int) -> Forecast | None:
    """Return the forecast of a pair that is to run and behind; None without a daemon."""
    if now is None or now["wanted"] != "up" or now["lag_verdict"] != LagVerdict.BEHIND:
        return None
    is_bulk = now["gear"] == "bulk"
    return forecast(past.rows, at_ms, bulk_eta_s=now.get("bulk_eta_s"), is_bulk=is_bulk)
