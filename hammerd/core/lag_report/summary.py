"""Summarizes a course, weighted by time: a lag counts for as long as it held."""

from dataclasses import dataclass, replace

from hammerd.core.lag_report.course import Course, Period
from hammerd.core.replication.lag import LagVerdict


@dataclass(frozen=True, slots=True)
class Summary:
    """The lag over a period in seconds; `max_ms` is when the greatest lag was sampled.

    `known_s`, `unknown_s`, `no_data_s` make up the period; `unknown_s` includes `diverged_s`.
    `within_s` is the time within lag_warning, None if that is not known. Lags are None if none was
    known.
    """

    period_s: float
    known_s: float = 0.0
    unknown_s: float = 0.0
    diverged_s: float = 0.0
    in_sync_s: float = 0.0
    within_s: float | None = None
    min_s: float | None = None
    median_s: float | None = None
    p95_s: float | None = None
    max_s: float | None = None
    max_ms: int | None = None

    @property
    def no_data_s(self) -> float:
        """The time without samples."""
        return max(0.0, self.period_s - self.known_s - self.unknown_s)

    @property
    def in_sync_share(self) -> float | None:
        """The share of the time with samples in which the slave was in sync."""
        return _share(self.in_sync_s, self.known_s + self.unknown_s)

    @property
    def within_share(self) -> float | None:
        """The share of the time with samples in which the lag was within lag_warning."""
        return _share(self.within_s, self.known_s + self.unknown_s)

    @property
    def unknown_share(self) -> float | None:
        """The share of the time with samples in which the lag was unknown."""
        return _share(self.unknown_s, self.known_s + self.unknown_s)

    @property
    def no_data_share(self) -> float | None:
        """The share of the period without samples."""
        return _share(self.no_data_s, self.period_s)


def summarize(course: Course, period: Period, warning_s: float | None = None) -> Summary:
    """Summarize a course that lies within a period; `warning_s` is the pair's lag_warning."""
    weights: dict[float, int] = {}
    unknown_ms = diverged_ms = in_sync_ms = within_ms = 0
    max_s, max_ms = -1.0, 0
    for begin_ms, end_ms, verdict, seconds, at_ms in course:
        held_ms = end_ms - begin_ms
        if seconds is None:
            unknown_ms += held_ms
            diverged_ms += held_ms if verdict == LagVerdict.AHEAD else 0
            continue
        weights[seconds] = weights.get(seconds, 0) + held_ms
        in_sync_ms += held_ms if verdict == LagVerdict.IN_SYNC else 0
        within_ms += held_ms if warning_s is not None and seconds <= warning_s else 0
        if seconds > max_s:
            max_s, max_ms = seconds, at_ms
    made = Summary(
        period_s=period.length_ms / 1_000,
        known_s=sum(weights.values()) / 1_000,
        unknown_s=unknown_ms / 1_000,
        diverged_s=diverged_ms / 1_000,
        in_sync_s=in_sync_ms / 1_000,
        within_s=None if warning_s is None else within_ms / 1_000,
    )
    return made if not weights else _with_lags(made, weights, max_ms)


def _with_lags(made: Summary, weights: dict[float, int], max_ms: int) -> Summary:
    ordered = sorted(weights.items())
    return replace(
        made,
        min_s=ordered[0][0],
        median_s=_quantile(ordered, 50),
        p95_s=_quantile(ordered, 95),
        max_s=ordered[-1][0],
        max_ms=max_ms,
    )


def _quantile(ordered: list[tuple[float, int]], percent: int) -> float:
    """Return the least lag that was not exceeded for `percent` of the time."""
    wanted_ms = sum(held_ms for _, held_ms in ordered) * percent
    passed_ms = 0
    for seconds, held_ms in ordered:
        passed_ms += held_ms * 100
        if passed_ms >= wanted_ms:
            return seconds
    return ordered[-1][0]


def _share(part: float | None, whole: float) -> float | None:
    return None if part is None or whole <= 0 else min(1.0, part / whole)
