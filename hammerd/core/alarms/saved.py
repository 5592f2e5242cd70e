"""Reads and writes alarms as JSON: they outlive the daemon, so that nothing is told twice.

All times are wall times. A time in the future, by a clock that was wrong, counts as now.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hammerd.core.alarms.ledger import Alarm, Ledger, Watched, alarms_of
from hammerd.core.api.status_json import Json
from hammerd.core.config.model import AlarmLevel

Convert = Callable[[float], float]
"""Turns a monotonic instant into a wall time, or a wall time into a monotonic instant."""

LATEST_TIME = 1e11
"""Later wall times, thousands of years ahead, are damage: no calendar has them."""


def alarms_json(ledger: Ledger, to_wall: Convert) -> Json:
    """Return the JSON of all alarms."""
    return {
        subject: {
            "level": alarm.level,
            "peak": alarm.peak,
            "because": alarm.because,
            "host": alarm.host,
            "since": to_wall(alarm.since_at),
            "told": to_wall(alarm.told_at),
            "persons": sorted(alarm.persons),
            "is_acknowledged": alarm.is_acknowledged,
            "flaps": ledger[subject].flaps,
        }
        for subject, alarm in alarms_of(ledger).items()
    }


def ledger_of(saved: object, to_monotonic: Convert, now_at: float) -> Ledger:
    """Return the ledger of a saved JSON.

    Raises:
        ValueError: it is none.
    """
    table: Mapping[str, Any] = saved if isinstance(saved, dict) else {"": saved}
    try:
        return {
            str(subject): Watched(_alarm(one, to_monotonic, now_at), flaps=_flaps(one["flaps"]))
            for subject, one in table.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"a field of an alarm is missing or of another kind: {error}") from error


def _alarm(one: Mapping[str, object], to_monotonic: Convert, now_at: float) -> Alarm:
    persons = one["persons"]
    if not isinstance(persons, list):
        raise TypeError("persons")
    return Alarm(
        AlarmLevel(str(one["level"])),
        AlarmLevel(str(one["peak"])),
        str(one["because"]),
        str(one["host"]),
        min(to_monotonic(_time(one["since"])), now_at),
        min(to_monotonic(_time(one["told"])), now_at),
        frozenset(map(str, persons)),
        is_acknowledged=one["is_acknowledged"] is True,
    )


def _time(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("time")
    # NaN is refused too.
    if not 0 < value < LATEST_TIME:
        raise ValueError("time")
    return float(value)


def _flaps(value: object) -> int:
    # Bounded: 2 to their power is computed.
    if not isinstance(value, int) or not 0 <= value < LATEST_TIME:
        raise TypeError("flaps")
    return value
