"""Saves the TID clocks, the slaves' last TIDs, and the slaves that take turns in clocks.json.

They are many and may be lost: they are saved every minute, when a pair changes and at the end.
They serve only to compute the lag across a restart, and are thinned, since a file system with
history stores each version. Each endpoint is one line, so that the encoding thread lets the loop
run between two endpoints. All times are wall times of the clock at the save.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf, isfinite
from pathlib import Path

from hammerd.core.replication import tid_clock
from hammerd.core.replication.lag import SlaveReading
from hammerd.core.replication.saved_moments import SavedMoment, age_of, is_same_boot
from hammerd.core.replication.slave_tids import SlaveTids, after_power_cut
from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.daemon.state import atomic_file, saved_rotations
from hammerd.daemon.state.saved_rotations import Rotating
from hammerd.daemon.state.saved_values import is_time

VERSION = 1


@dataclass(frozen=True, slots=True)
class SavedClocks:
    """The contents of the file, as saved or as rebased to this run's clock.

    `moment` is None in a file of an older hammerd. `to_wall_s` is added to the times to get wall
    times. `before_boot` has the TIDs of local slaves before a reboot of this host, which may have
    lost them. `is_dated`: only the wall clock showed the age of the file. `rotating`: slaves that
    take turns, whose times saved_rotations.rebase() converts.
    """

    clocks: Mapping[str, tid_clock.TidClock] = field(default_factory=dict)
    slaves: Mapping[str, SlaveTids] = field(default_factory=dict)
    moment: SavedMoment | None = None
    to_wall_s: float = 0.0
    before_boot: Mapping[str, Tid] = field(default_factory=dict)
    is_dated: bool = False
    rotating: Rotating = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedClocks:
    """The contents of the file, and the error in it, "" for none."""

    saved: SavedClocks = field(default_factory=SavedClocks)
    error: str = ""


# --- age ---------------------------------------------------------------------------------------


def rebase(saved: SavedClocks, now: SavedMoment, now_at: float) -> SavedClocks | None:
    """Convert saved times to this run's monotonic clock, which shows `now_at` at `now`.

    None if its age is unknown: with a time in the future, a wall clock was wrong.
    """
    latest = max(_times(saved), default=None)
    if latest is None:
        return saved
    moment = saved.moment or SavedMoment(latest)
    age_s = age_of(moment, now, latest)
    if age_s is None:
        return None
    by_s = now_at - age_s - moment.time
    clocks = {key: tid_clock.shift_clock(clock, by_s) for key, clock in saved.clocks.items()}
    slaves = {key: _shift_slave(slave, by_s) for key, slave in saved.slaves.items()}
    if is_same_boot(moment, now):
        return SavedClocks(clocks, slaves)
    local = {key: slave for key, slave in slaves.items() if key.startswith("/")}
    remaining = {key: after_power_cut(slave) for key, slave in local.items()}
    known = {key: slave for key, slave in {**slaves, **remaining}.items() if slave is not None}
    before_boot = {key: slave.reading.tid for key, slave in local.items()}
    return SavedClocks(clocks, known, before_boot=before_boot, is_dated=True)


def _times(saved: SavedClocks) -> Iterator[float]:
    for clock in saved.clocks.values():
        yield from (each.at for each in clock.samples)
        yield from (each.at for each in clock.marks)
    yield from (slave.reading.at for slave in saved.slaves.values())


def _shift_slave(slave: SlaveTids, by_s: float) -> SlaveTids:
    return replace(slave, reading=replace(slave.reading, at=slave.reading.at + by_s))


# --- the text ----------------------------------------------------------------------------------


def pieces(saved: SavedClocks) -> Iterator[str]:
    """Yield the text of the file, one endpoint at a time."""
    by_s, slaves, clocks = saved.to_wall_s, saved.slaves.items(), saved.clocks.items()
    moment = saved.moment and [saved.moment.time, saved.moment.at, saved.moment.boot_time]
    yield f'{{"version": {VERSION}, "saved": {json.dumps(moment)}, "slaves": {{'
    yield from _members(
        (key, [format_tid(slave.reading.tid), slave.reading.at + by_s]) for key, slave in slaves
    )
    yield '\n}, "clocks": {'
    yield from _members((key, _dated(clock.samples, by_s)) for key, clock in clocks)
    yield '\n}, "marks": {'
    yield from _members((key, _dated(clock.marks, by_s)) for key, clock in clocks if clock.marks)
    yield '\n}, "restored": {'
    yield from _members(
        (key, clock.restored_at + by_s) for key, clock in clocks if isfinite(clock.restored_at)
    )
    yield '\n}, "durable": {'
    yield from _members(
        (key, format_tid(slave.durable_tid))
        for key, slave in slaves
        if slave.durable_tid is not None
    )
    yield '\n}, "forked": {'
    yield from _members((key, True) for key, slave in slaves if slave.is_forked)
    yield '\n}, "rotating": {'
    yield from _members(
        (pair, [saved_rotations.value_of(one, by_s) for one in rotating])
        for pair, rotating in saved.rotating.items()
    )
    yield "\n}}\n"


def parse(text: str) -> SavedClocks:
    """Parse the text of the file.

    Raises:
        ValueError: it is damaged, another file, or of another version.
    """
    try:
        data = json.loads(text)
        version = data.get("version") if isinstance(data, dict) else None
        if version != VERSION:
            raise ValueError(f"its version {str(version)[:20]} is not {VERSION}")
        marks, restored = data.get("marks", {}), data.get("restored", {})
        durable, forked = data.get("durable", {}), data.get("forked", {})
        return SavedClocks(
            {
                key: _clock(samples, marks.get(key, []), restored.get(key))
                for key, samples in data["clocks"].items()
            },
            {
                key: replace(_slave(tid, time, durable.get(key)), is_forked=key in forked)
                for key, (tid, time) in data["slaves"].items()
            },
            _moment(data.get("saved")),
            rotating={
                pair: saved_rotations.parse(slaves)
                for pair, slaves in data.get("rotating", {}).items()
            },
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a field is missing or of another kind: {error}") from error


def load(path: Path) -> LoadedClocks:
    """Load the file; write nothing."""
    try:
        text = atomic_file.read(path)
        return LoadedClocks() if text is None else LoadedClocks(parse(text))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return LoadedClocks(error=f"{path}: {reason}")


def save(path: Path, saved: SavedClocks) -> None:
    """Replace the file.

    Raises:
        OSError: it failed; the file has the old text.
    """
    atomic_file.replace(path, pieces(saved))


def _members(items: Iterator[tuple[str, object]]) -> Iterator[str]:
    comma = ""
    for key, value in items:
        yield f"{comma}\n{json.dumps(key)}: {json.dumps(value)}"
        comma = ","


def _dated(samples: Sequence[tid_clock.Dated], by_s: float) -> object:
    return [[format_tid(sample.tid), sample.at + by_s] for sample in tid_clock.thin_out(samples)]


def _are_in_order(samples: Sequence[tid_clock.Dated]) -> bool:
    return all(older.tid < newer.tid for older, newer in pairwise(samples))


def _clock(
    samples: list[tuple[str, float]], marks: list[tuple[str, float]], restored: object
) -> tid_clock.TidClock:
    parsed = tuple(tid_clock.TidSample(parse_tid(tid), _time(time)) for tid, time in samples)
    flushes = tuple(tid_clock.FlushMark(parse_tid(tid), _time(time)) for tid, time in marks)
    if not (_are_in_order(parsed) and _are_in_order(flushes)):
        raise ValueError("the samples of a clock are not in order")
    return tid_clock.TidClock(parsed, flushes, -inf if restored is None else _time(restored))


def _slave(tid: str, time: object, durable: str | None) -> SlaveTids:
    durable_tid = None if durable is None else parse_tid(durable)
    return SlaveTids(SlaveReading(parse_tid(tid), _time(time)), durable_tid=durable_tid)


def _moment(value: object) -> SavedMoment | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{str(value)[:20]} is no moment")
    time, at, boot_time = value
    return SavedMoment(_time(time), _number(at), _number(boot_time))


def _number(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError(f"{str(value)[:20]} is no number")
    return float(value)


def _time(value: object) -> float:
    if not is_time(value):
        raise ValueError(f"{str(value)[:20]} is no time")
    return float(value)
