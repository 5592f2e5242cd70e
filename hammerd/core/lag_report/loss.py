"""Tells what would have been lost, had the master died at a time.

Only what was proven then counts: the last sample before that time tells up to when everything
that the master had flushed was on the slave. What a later sample shows is no proof of an earlier
moment, and an older sample is none of a time in which nobody looked, or after a rollback.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from hammerd.core.lag_report.course import Course

RECENT_MS = 60_000
"""A sample that was made so short a time before counts, wherever its stretch ends."""


class Proven(NamedTuple):
    """A sample, and up to when what the master had flushed was proven to be on the slave.

    `durable_ms`: the same, if the power of the slave's host fails, too. None is unknown.
    """

    time_ms: int
    safe_ms: int | None
    durable_ms: int | None


class Gap(StrEnum):
    """The reason why nothing is known of a time; programs of others match these words."""

    NO_SAMPLE = "no_sample"
    NOT_SAMPLED_THEN = "not_sampled_then"
    NOT_PROVEN = "not_proven"


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss, had the master died at `at_ms`; `sampled_ms` is the time of the sample that tells.

    Everything flushed by `safe_ms` was on the slave, and everything flushed by `durable_ms` on its
    disk. `gap`: nothing was known of that time, for this reason; then `safe_ms` is what the last
    sample before it told.
    """

    at_ms: int
    sampled_ms: int | None = None
    safe_ms: int | None = None
    durable_ms: int | None = None
    gap: Gap | None = None

    @property
    def lost_s(self) -> float | None:
        """The longest time whose writes would have been lost, None if unknown."""
        return None if self.gap else _age_s(self.at_ms, self.safe_ms)

    @property
    def lost_with_power_s(self) -> float | None:
        """The same, had the slave's host lost its power, too."""
        return None if self.gap else _age_s(self.at_ms, self.durable_ms)


def loss_at(
    at_ms: int, samples: Sequence[Proven], course: Course, rollbacks_ms: Sequence[int] = ()
) -> Loss:
    """Return the loss at a time; `course` is that of the samples: how long each of them holds."""
    before = [each for each in samples if each.time_ms <= at_ms]
    if not before:
        return Loss(at_ms, gap=Gap.NO_SAMPLE)
    last = max(before, key=lambda each: each.time_ms)
    safe_ms = None if last.safe_ms is None else min(last.safe_ms, at_ms)
    durable_ms = None if last.durable_ms is None else min(last.durable_ms, at_ms)
    is_rolled_back = any(last.time_ms < each <= at_ms for each in rollbacks_ms)
    gap = Gap.NOT_PROVEN if safe_ms is None or is_rolled_back else None
    held = at_ms - last.time_ms <= RECENT_MS
    if not held and not any(each.begin_ms <= at_ms < each.end_ms for each in course):
        gap = Gap.NOT_SAMPLED_THEN
    return Loss(at_ms, last.time_ms, safe_ms, durable_ms, gap)


def _age_s(at_ms: int, moment_ms: int | None) -> float | None:
    return None if moment_ms is None else max(0.0, (at_ms - moment_ms) / 1_000)
