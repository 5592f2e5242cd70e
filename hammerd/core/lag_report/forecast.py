"""Forecasts whether a slave that is behind catches up, and when, from its last samples.

A slave whose TID stands lags a second more each second. One that catches up lags less and less:
the slope of the lag over the last minutes tells when it would be 0. A stream in bulk commits
rarely, so its own estimate counts there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hammerd.core.api.history_schema import LagRow
from hammerd.core.replication.lag import LagVerdict

WINDOW_MS = 600_000
"""The time whose samples count."""

LEAST_SAMPLES, LEAST_SPAN_MS = 4, 60_000
LEAST_LAG_S = 60.0
"""A smaller lag is that of the sampling itself, or over in a moment."""

STEADY_SLOPE = 0.05
"""A lag that changes by less than 3 s a minute is neither catching up nor falling behind."""


class Outlook(StrEnum):
    """The result of a forecast; programs of others match these words."""

    CATCHING_UP = "catching_up"
    KEEPING_PACE = "keeping_pace"
    FALLING_BEHIND = "falling_behind"
    NO_PROGRESS = "no_progress"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast; `eta_s` is the time until the slave is in sync, None if it never will be."""

    outlook: Outlook
    eta_s: float | None = None


def forecast(
    samples: Sequence[LagRow],
    now_ms: int,
    *,
    bulk_eta_s: float | None = None,
    is_bulk: bool = False,
) -> Forecast | None:
    """Forecast from samples in order of time; None for a slave that is not behind."""
    recent = [each for each in samples if now_ms - WINDOW_MS <= each.time_ms <= now_ms]
    last = recent[-1] if recent else None
    if last is None or last.verdict != LagVerdict.BEHIND or (last.seconds or 0.0) < LEAST_LAG_S:
        return None
    if is_bulk:
        outlook = Outlook.UNKNOWN if bulk_eta_s is None else Outlook.CATCHING_UP
        return Forecast(outlook, bulk_eta_s)
    known = [(each.time_ms, each.seconds) for each in recent if each.seconds is not None]
    if len(known) < LEAST_SAMPLES or known[-1][0] - known[0][0] < LEAST_SPAN_MS:
        return Forecast(Outlook.UNKNOWN)
    if last.slave_tid is not None and {each.slave_tid for each in recent} == {last.slave_tid}:
        return Forecast(Outlook.NO_PROGRESS)
    slope = _slope(known)
    if slope <= -STEADY_SLOPE:
        return Forecast(Outlook.CATCHING_UP, (last.seconds or 0.0) / -slope)
    return Forecast(Outlook.FALLING_BEHIND if slope >= STEADY_SLOPE else Outlook.KEEPING_PACE)


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """Return the seconds of lag that come with each second, by least squares."""
    mean_ms = sum(time_ms for time_ms, _ in points) / len(points)
    mean_s = sum(seconds for _, seconds in points) / len(points)
    spread = sum((time_ms - mean_ms) ** 2 for time_ms, _ in points)
    together = sum((time_ms - mean_ms) * (seconds - mean_s) for time_ms, seconds in points)
    return together / spread * 1_000 if spread else 0.0
