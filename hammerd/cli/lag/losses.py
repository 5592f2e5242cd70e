"""Lays out what would have been lost, had the master of a pair died at a time."""

from collections.abc import Iterator
from typing import assert_never

from hammerd.cli.lag.past import Past
from hammerd.cli.lag.table import Look
from hammerd.cli.output.numbers import show_period
from hammerd.cli.output.spans import Line, wrap_spans
from hammerd.cli.output.times import json_time, show_to_second
from hammerd.core.lag_report.loss import Gap, Loss, Proven, loss_at
from hammerd.core.lag_report.marks import MarkKind


def loss_of(past: Past, at_ms: int) -> Loss:
    """Return the loss of a pair whose past reaches up to a time."""
    samples = [
        Proven(
            row.time_ms,
            _moment_ms(row.time_ms, row.safe_s),
            _moment_ms(row.time_ms, row.durable_s),
        )
        for row in past.rows
    ]
    rollbacks = [each.begin_ms for each in past.marks if each.kind is MarkKind.ROLLBACK]
    return loss_at(at_ms, samples, past.course, rollbacks)


def loss_lines(loss: Loss, look: Look) -> Iterator[Line]:
    """Lay out a loss."""
    for sentence in _sentences(loss, look):
        yield from wrap_spans(sentence, look.width, 2)


def loss_json(loss: Loss) -> dict[str, object]:
    """Return the JSON object of a loss."""
    return {
        "time": json_time(loss.at_ms),
        "sampled_time": _time(loss.sampled_ms),
        "safe_until_time": _time(loss.safe_ms),
        "durable_until_time": _time(loss.durable_ms),
        "lost_s": loss.lost_s,
        "lost_with_power_s": loss.lost_with_power_s,
        "unknown_because": None if loss.gap is None else loss.gap.value,
    }


def _sentences(loss: Loss, look: Look) -> Iterator[str]:
    if loss.gap is not None:
        yield from _unknown(loss, loss.gap, look)
        return
    safe = _shown(loss.safe_ms, look)
    yield (
        f"everything flushed by {safe} was safe; the writes of up to "
        f"{show_period(loss.lost_s or 0.0)} would have been lost"
    )
    if loss.lost_with_power_s is not None:
        yield (
            f"had the slave's host lost its power too: everything flushed by "
            f"{_shown(loss.durable_ms, look)} was safe, up to "
            f"{show_period(loss.lost_with_power_s)} would have been lost"
        )
    else:
        yield "had the slave's host lost its power too: unknown, no flush of the slave was seen"


def _unknown(loss: Loss, gap: Gap, look: Look) -> Iterator[str]:
    match gap:
        case Gap.NO_SAMPLE:
            yield "unknown: the history has no sample of the week before"
        case Gap.NOT_PROVEN:
            yield f"unknown: the sample of {_shown(loss.sampled_ms, look)} proves nothing as safe"
        case Gap.NOT_SAMPLED_THEN:
            last = _shown(loss.sampled_ms, look)
            yield f"unknown: nobody looked then, the last sample before is of {last}"
            if loss.safe_ms is not None:
                yield f"at that sample everything flushed by {_shown(loss.safe_ms, look)} was safe"
        case _:
            assert_never(gap)


def _shown(time_ms: int | None, look: Look) -> str:
    return "-" if time_ms is None else show_to_second(time_ms, look.zone)


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else json_time(time_ms)


def _moment_ms(time_ms: int, age_s: float | None) -> int | None:
    return None if age_s is None else time_ms - round(age_s * 1_000)
