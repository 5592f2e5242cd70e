"""Converts unacknowledged complaints and anomalies to and from their form in state.json.

Their times are monotonic in memory, and wall times in the file. Entries that cannot be read are
left out and reported; they never affect a pause or a latch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from hammerd.core.characters import printable
from hammerd.core.pair.states import CountedComplaint
from hammerd.core.pairs import Pair
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.daemon.state.saved_values import ConvertTime, is_time, quoted

MOST_COUNTED = 2**53
"""Larger counts are damage."""

T = TypeVar("T")


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
    """An anomaly of the endpoint `end`; `time` is wall time. The fields are keys of the file."""

    name: str
    end: str
    before: str
    after: str
    time: float


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """The unacknowledged complaints and anomalies of a pair."""

    complaints: tuple[SavedComplaint, ...] = ()
    anomalies: tuple[SavedAnomaly, ...] = ()


NOTHING = Unacknowledged()


def saved(
    complaints: Iterable[CountedComplaint], anomalies: Iterable[Anomaly], wall_time: ConvertTime
) -> Unacknowledged:
    """Return complaints and anomalies as they are saved."""
    return Unacknowledged(
        tuple(
            SavedComplaint(
                each.name,
                each.hint,
                each.text,
                each.count,
                wall_time(each.since_at),
                wall_time(each.last_at),
            )
            for each in complaints
        ),
        tuple(
            SavedAnomaly(
                each.name.value, str(each.endpoint), each.before, each.after, wall_time(each.at)
            )
            for each in anomalies
        ),
    )


def complaints_of(
    saved: Unacknowledged, monotonic_at: ConvertTime
) -> tuple[CountedComplaint, ...]:
    """Return the complaints that an earlier run saved; their counts continue."""
    return tuple(
        CountedComplaint(
            each.name,
            each.hint,
            each.text,
            each.count,
            monotonic_at(each.since_time),
            monotonic_at(each.last_time),
        )
        for each in saved.complaints
    )


def anomalies_of(
    saved: Unacknowledged, pair: Pair, monotonic_at: ConvertTime
) -> tuple[Anomaly, ...]:
    """Return the anomalies that an earlier run saved, of endpoints that the pair still has."""
    endpoints = {str(endpoint): endpoint for endpoint in (pair.master, pair.slave)}
    return tuple(
        Anomaly(
            AnomalyName(each.name),
            endpoints[each.end],
            each.before,
            each.after,
            monotonic_at(each.time),
        )
        for each in saved.anomalies
        if each.end in endpoints
    )


def merge(older: Unacknowledged, newer: Unacknowledged) -> Unacknowledged:
    """Return the entries of both files; a complaint that is in both is that of the newer one."""
    named = {each.name: each for each in (*older.complaints, *newer.complaints)}
    anomalies = dict.fromkeys((*older.anomalies, *newer.anomalies))
    return Unacknowledged(tuple(named.values()), tuple(anomalies))


# --- reading the file ------------------------------------------------------------------------


def parse(value: object) -> tuple[Unacknowledged, str]:
    """Return the entries of a pair that can be read, and the errors in others, "" for none."""
    if value is None:
        return NOTHING, ""
    if not isinstance(value, dict):
        return NOTHING, f"unacknowledged {quoted(value)} is no entry"
    complaints, complaint_error = _parse_list(value.get("complaints"), _complaint)
    anomalies, anomaly_error = _parse_list(value.get("anomalies"), _anomaly)
    errors = "; ".join(filter(None, (complaint_error, anomaly_error)))
    return Unacknowledged(complaints, anomalies), errors


def _parse_list(
    entries: object, parse_entry: Callable[[object], T | None]
) -> tuple[tuple[T, ...], str]:
    if not isinstance(entries, list):
        return (), f"unacknowledged {quoted(entries)} is no list"
    parsed = [parse_entry(entry) for entry in entries]
    lost = [entry for entry, value in zip(entries, parsed, strict=True) if value is None]
    error = f"unacknowledged {quoted(lost[0])} makes no sense" if lost else ""
    return tuple(value for value in parsed if value is not None), error


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
    # Characters that no terminal can print are damage.
    return printable(value)


def _time(value: object) -> float | None:
    return float(value) if is_time(value) else None
