"""Converts the slaves that take turns to the values that clocks.json holds, and back.

The file has wall times. They are used as they are: nothing says how old a disk in a safe is but
the wall clock, so a moment of it is never shown as later than it was when it was saved.
"""

from collections.abc import Mapping
from dataclasses import replace

from hammerd.core.replication.saved_moments import WALL_SLACK_S
from hammerd.core.rotation.rotating_slave import (
    Moments,
    RotatingSlave,
    after_reboot,
    fit_wall_clock,
    shift,
)
from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.daemon.state.saved_values import is_time

Rotating = Mapping[str, tuple[RotatingSlave, ...]]
"""The slaves of each pair that take turns, by its name."""

_TIDS = ("tid", "durable_tid", "forked_tid")


def value_of(slave: RotatingSlave, to_wall_s: float) -> dict[str, object]:
    """Return a slave as a JSON object; `to_wall_s` is added to its instants."""
    slave = shift(fit_wall_clock(slave, to_wall_s), to_wall_s)
    tids = {name: getattr(slave, name) for name in _TIDS}
    return {
        "uuid": slave.unique_uuid,
        "path": slave.path,
        "present": slave.is_present,
        "seen": slave.seen_at,
        "since": slave.since_at,
        "held": slave.moments.held_at,
        "safe": slave.moments.safe_at,
        "durable": slave.moments.durable_at,
        **{name: None if tid is None else format_tid(tid) for name, tid in tids.items()},
    }


def parse(value: object) -> tuple[RotatingSlave, ...]:
    """Parse the slaves of one pair; their instants are wall times.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the value is damaged.
    """
    if not isinstance(value, list):
        raise TypeError(f"{str(value)[:20]} is no list of slaves")
    return tuple(map(_parse_slave, value))


def _parse_slave(value: Mapping[str, object]) -> RotatingSlave:
    held, safe, durable = (_time_or_none(value[name]) for name in ("held", "safe", "durable"))
    tid, durable_tid, forked_tid = (_tid_or_none(value[name]) for name in _TIDS)
    return RotatingSlave(
        _text(value["uuid"]),
        _text(value["path"]),
        tid,
        _time(value["seen"]),
        _time(value["since"]),
        is_present=value["present"] is True,
        moments=Moments(held, safe, durable),
        durable_tid=durable_tid,
        forked_tid=forked_tid,
    )


def rebase(saved: Rotating, now_time: float, now_at: float, *, is_same_boot: bool) -> Rotating:
    """Convert wall times to this run's monotonic clock, which shows `now_at` at `now_time`.

    A slave that was there before a reboot of this host keeps what was durable.
    """
    return {
        pair: tuple(
            _rebased(one if is_same_boot else after_reboot(one), now_time, now_at)
            for one in slaves
        )
        for pair, slaves in saved.items()
    }


def _rebased(slave: RotatingSlave, now_time: float, now_at: float) -> RotatingSlave:
    held_at = slave.moments.held_at
    if held_at is not None and held_at > now_time + WALL_SLACK_S:
        # The wall clock is wrong: the slave would seem to be in sync.
        slave = replace(slave, moments=replace(slave.moments, held_at=None))
    ahead_s = now_time - now_at
    return replace(shift(slave, -ahead_s), wall_ahead_s=ahead_s)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:20]} is no text")
    return value


def _time(value: object) -> float:
    if not is_time(value):
        raise ValueError(f"{str(value)[:20]} is no time")
    return float(value)


def _time_or_none(value: object) -> float | None:
    return None if value is None else _time(value)


def _tid_or_none(value: object) -> Tid | None:
    return None if value is None else parse_tid(_text(value))
