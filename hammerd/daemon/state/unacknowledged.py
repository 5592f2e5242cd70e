"""What is told of a pair until a person acknowledges it, as state.json keeps it.

Complaints and anomalies count in monotonic seconds while they are told, and in wall time in the
file. What cannot be read of them is left out and said: it never costs a pair its pause or latch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from hammerd.core.characters import printable
from hammerd.core.pair.states import CountedComplaint
from hammerd.core.pairs import Pair
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.daemon.state.saved_values import is_time, quoted

ToOtherTime = Callable[[float], float]
"""Turns a monotonic instant into wall time, or back."""

MOST_COUNTED = 2**53
"""Counts past this are damage."""

One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class SavedComplaint:
    """A counted complaint; the times are wall times."""

    name: str
    hint: str
    text: str
    count: int
    since_time: float
    last_time: float


@dataclass(frozen=True, slots=True)
class SavedAnomaly:
    """What happened to the end of this name, first at `time` (wall)."""

    name: str
    end: str
    before: str
    after: str
    time: float


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """All that nobody acknowledged of a pair."""

    complaints: tuple[SavedComplaint, ...] = ()
    anomalies: tuple[SavedAnomaly, ...] = ()


NOTHING = Unacknowledged()


def saved(
    complaints: Iterable[CountedComplaint], anomalies: Iterable[Anomaly], wall_time: ToOtherTime
) -> Unacknowledged:
    """Return what is told now as the file keeps it."""
    return Unacknowledged(
        tuple(
            SavedComplaint(
                one.name,
                one.hint,
                one.text,
                one.count,
                wall_time(one.since_at),
                wall_time(one.last_at),
            )
            for one in complaints
        ),
        tuple(
            SavedAnomaly(
                one.name.value, str(one.endpoint), one.before, one.after, wall_time(one.at)
            )
            for one in anomalies
        ),
    )


def complaints_of(left: Unacknowledged, monotonic_at: ToOtherTime) -> tuple[CountedComplaint, ...]:
    """Return the complaints that an earlier run left, to be counted on."""
    return tuple(
        CountedComplaint(
            one.name,
            one.hint,
            one.text,
            one.count,
            monotonic_at(one.since_time),
            monotonic_at(one.last_time),
        )
        for one in left.complaints
    )


def anomalies_of(
    left: Unacknowledged, pair: Pair, monotonic_at: ToOtherTime
) -> tuple[Anomaly, ...]:
    """Return what an earlier run left of the ends that the pair still has."""
    ends = {str(end): end for end in (pair.master, pair.slave)}
    return tuple(
        Anomaly(
            AnomalyName(one.name), ends[one.end], one.before, one.after, monotonic_at(one.time)
        )
        for one in left.anomalies
        if one.end in ends
    )


def together(older: Unacknowledged, newer: Unacknowledged) -> Unacknowledged:
    """Return what either of two accounts tells; of a complaint in both, the newer's."""
    named = {each.name: each for each in (*older.complaints, *newer.complaints)}
    anomalies = dict.fromkeys((*older.anomalies, *newer.anomalies))
    return Unacknowledged(tuple(named.values()), tuple(anomalies))


# --- reading the file ------------------------------------------------------------------------


def parse(value: object) -> tuple[Unacknowledged, str]:
    """Return what can be read of a pair's part, and what is wrong with it, "" when nothing is."""
    if value is None:
        return NOTHING, ""
    if not isinstance(value, dict):
        return NOTHING, f"unacknowledged {quoted(value)} is no entry"
    complaints, lost_complaint = _all(value.get("complaints"), _complaint)
    anomalies, lost_anomaly = _all(value.get("anomalies"), _anomaly)
    bad = "; ".join(filter(None, (lost_complaint, lost_anomaly)))
    return Unacknowledged(complaints, anomalies), bad


def _all(entries: object, read: Callable[[object], One | None]) -> tuple[tuple[One, ...], str]:
    if not isinstance(entries, list):
        return (), f"unacknowledged {quoted(entries)} is no list"
    found = [read(entry) for entry in entries]
    lost = [entry for entry, one in zip(entries, found, strict=True) if one is None]
    bad = f"unacknowledged {quoted(lost[0])} makes no sense" if lost else ""
    return tuple(one for one in found if one is not None), bad


def _complaint(entry: object) -> SavedComplaint | None:
    if not isinstance(entry, dict):
        return None
    name, hint, text = (_text(entry.get(key)) for key in ("name", "hint", "text"))
    since_time, last_time = (_time(entry.get(key)) for key in ("since_time", "last_time"))
    count = entry.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count < MOST_COUNTED:
        return None
    if name is None or hint is None or text is None or since_time is None or last_time is None:
        return None
    return SavedComplaint(name, hint, text, count, since_time, last_time)


def _anomaly(entry: object) -> SavedAnomaly | None:
    if not isinstance(entry, dict) or entry.get("name") not in list(AnomalyName):
        return None
    name, end, before, after = (
        _text(entry.get(key)) for key in ("name", "end", "before", "after")
    )
    time = _time(entry.get("time"))
    if name is None or end is None or before is None or after is None or time is None:
        return None
    return SavedAnomaly(name, end, before, after, time)


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    # What no terminal can print is damage that would break whoever prints it.
    return printable(value)


def _time(value: object) -> float | None:
    return float(value) if is_time(value) else None
