"""Finds what happened to a pair, as marks beside its lag: spans and moments, from the events.

    pair.stopped because=pause        ─┐
    pair.streaming gear=bulk          ─┴─ paused, up to the next state of the pair
    pair.held ... pair.released           held, with the name of the plan
    daemon.stopped ... daemon.started     daemon_down; after a kill it begins with the last sample
    pair.stopping because=half_died       restart, a moment

The last events of before the period are needed, too: they tell the state at its beginning.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hammerd.core.api.history_schema import EventRow
from hammerd.core.lag_report.course import Course, Period


class MarkKind(StrEnum):
    """The kind of a mark; programs of others match these words."""

    PAUSED = "paused"
    PARKED = "parked"
    HELD = "held"
    PROMOTED = "promoted"
    DISABLED = "disabled"
    DAEMON_DOWN = "daemon_down"
    DAEMON_STARTED = "daemon_started"
    LINK_DOWN = "link_down"
    SLAVE_FULL = "slave_full"
    WAITING = "waiting"
    HOST_UNREADABLE = "host_unreadable"
    END_UNREADABLE = "end_unreadable"
    BULK = "bulk"
    RESTART = "restart"
    ROLLBACK = "rollback"
    ANOMALY = "anomaly"
    COMPLAINT = "complaint"
    VERIFY = "verify"
    TURN = "turn"
    CLEANUP = "cleanup"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark from begin_ms to end_ms, which are equal for a moment.

    `text` is what the event tells, may be empty. `is_open`: it had not ended by end_ms.
    """

    kind: MarkKind
    begin_ms: int
    end_ms: int
    text: str = ""
    is_open: bool = False

    @property
    def is_moment(self) -> bool:
        """Whether the mark has no length."""
        return self.begin_ms == self.end_ms and not self.is_open


LINK_CAUSES = frozenset(
    {
        *("link_silent", "host_unreachable", "host_unknown", "login_refused"),
        *("connection_refused", "connection_timed_out", "connection_lost", "connection_failed"),
    }
)
"""The causes of a wait that are about the way to another host."""

WISHES = frozenset({"pause", "gear_change", "slave_turn", "shutdown", "disabled", "removed"})
"""The reasons to end a stream that are no restart."""

LATE_SAMPLE_MS = 120_000
"""The last sample before a daemon stops holds for as long at most."""

_RELAUNCHES = frozenset({"pair.probing", "pair.launching", "pair.streaming"})
"""The states after the loss of a stream that is started again at once."""

STATE_EVENTS = frozenset(
    f"pair.{word}"
    for word in ("stopped", "probing", "launching", "streaming", "stopping", "waiting", "parked")
)
DAEMON_EVENTS = frozenset({"daemon.started", "daemon.stopped", "daemon.died"})

_OPENS = {
    "pair.held": (MarkKind.HELD, "plan"),
    "end.unreadable": (MarkKind.END_UNREADABLE, "because"),
    "verify.started": (MarkKind.VERIFY, ""),
    "host.unreadable": (MarkKind.HOST_UNREADABLE, "because"),
}
"""Events that open a span beside the states: its kind, and the field that is its text."""

_CLOSES = {
    "pair.released": MarkKind.HELD,
    "end.read_again": MarkKind.END_UNREADABLE,
    "verify.ended": MarkKind.VERIFY,
    "verify.failed": MarkKind.VERIFY,
    "host.read_again": MarkKind.HOST_UNREADABLE,
}
_MOMENTS = {
    "master.tid_went_back": MarkKind.ROLLBACK,
    "slave.tid_went_back": MarkKind.ROLLBACK,
    "slave.rolled_back": MarkKind.ROLLBACK,
    "slave.tid_jumped": MarkKind.ANOMALY,
    "end.role_changed": MarkKind.ANOMALY,
    "end.uuid_changed": MarkKind.ANOMALY,
    "end.shared_uuid_changed": MarkKind.ANOMALY,
    "pair.slave_full": MarkKind.SLAVE_FULL,
    "pair.slave_read_only": MarkKind.COMPLAINT,
    "pair.slave_write_error": MarkKind.COMPLAINT,
    "pair.master_read_error": MarkKind.COMPLAINT,
    "pair.data_damaged": MarkKind.COMPLAINT,
    "slave.turn": MarkKind.TURN,
}
MARK_EVENTS = frozenset({*STATE_EVENTS, *DAEMON_EVENTS, *_OPENS, *_CLOSES, *_MOMENTS})
"""The events that marks are made of."""

_OUTLIVE_DAEMON = frozenset({MarkKind.PAUSED, MarkKind.DISABLED})

OPENING_EVENTS = (STATE_EVENTS, frozenset({"pair.held", "pair.released"}), DAEMON_EVENTS)
"""The last event of each set from before a period tells what was the case at its beginning."""


def marks_of(
    events: Sequence[EventRow], pair: str, period: Period, course: Course = ()
) -> list[Mark]:
    """Return the marks of a pair that touch a period, in order of time.

    `course`: its end before a start of the daemon is when a killed daemon was last seen.
    """
    found = _Finder(pair, [each.end_ms for each in course])
    own = [each for each in events if each.pair in (pair, None) and each.event in MARK_EVENTS]
    for event in own:
        if event.time_ms < period.until_ms:
            found.take(event, _fields_of(event))
    return sorted(
        (each for each in found.end(period.until_ms) if _touches(each, period)),
        key=lambda mark: (mark.begin_ms, mark.end_ms, mark.kind),
    )


def _touches(mark: Mark, period: Period) -> bool:
    if mark.begin_ms == mark.end_ms:
        return period.since_ms <= mark.begin_ms < period.until_ms
    return mark.begin_ms < period.until_ms and mark.end_ms > period.since_ms


class _Finder:
    """Follows the events in their order; each kind of span is open at most once."""

    def __init__(self, pair: str, seen_ms: Sequence[int]) -> None:
        self._pair = pair
        self._seen_ms = seen_ms
        self._marks: list[Mark] = []
        self._open: dict[MarkKind, Mark] = {}
        self._state: Mark | None = None
        self._lost: Mark | None = None
        self._last_ms = 0

    def take(self, event: EventRow, fields: Mapping[str, object]) -> None:
        """Take the next event."""
        name, time_ms = event.event, event.time_ms
        if name in STATE_EVENTS:
            self._enter(name, fields, time_ms)
        elif name in DAEMON_EVENTS:
            self._take_daemon(name, time_ms)
        elif self._concerns(event, fields):
            self._take_other(name, fields, time_ms)
        if event.pair is not None:
            self._last_ms = time_ms

    def end(self, until_ms: int) -> Iterator[Mark]:
        """Yield all marks; what is still open lasts to the end."""
        self._settle_restart(is_relaunched=True)
        yield from self._marks
        for mark in (*self._open.values(), *((self._state,) if self._state else ())):
            sampled_ms = self._sampled_after(mark) if mark.kind is MarkKind.DAEMON_DOWN else None
            end_ms = max(mark.begin_ms, sampled_ms or until_ms)
            yield replace(mark, end_ms=end_ms, is_open=sampled_ms is None)

    def _sampled_after(self, down: Mark) -> int | None:
        """Return when a daemon whose start was not recorded was seen to run again."""
        later = bisect_right(self._seen_ms, down.begin_ms + LATE_SAMPLE_MS)
        return self._seen_ms[later] if later < len(self._seen_ms) else None

    # --- states of the pair ----------------------------------------------------------------------

    def _enter(self, name: str, fields: Mapping[str, object], time_ms: int) -> None:
        because = _word(fields, "because")
        self._settle_restart(is_relaunched=name in _RELAUNCHES)
        kind = _kind_of_state(name, because, _word(fields, "gear"))
        before = self._state
        if before is not None and before.kind == kind:
            # Another try of the same: one mark, with the latest cause.
            self._state = replace(before, text=because if before.text else "")
            return
        self._close_state(time_ms)
        if kind is not None:
            text = "" if kind in _OUTLIVE_DAEMON else because
            self._state = Mark(kind, time_ms, time_ms, text)
        if name == "pair.stopping" and because not in WISHES:
            self._lost = Mark(MarkKind.RESTART, time_ms, time_ms, because)

    def _settle_restart(self, *, is_relaunched: bool) -> None:
        """Keep the mark of a lost stream if a stream follows; else the next state tells it."""
        if self._lost is not None and is_relaunched:
            self._marks.append(self._lost)
        self._lost = None

    def _close_state(self, time_ms: int) -> None:
        if self._state is not None:
            self._marks.append(replace(self._state, end_ms=max(self._state.begin_ms, time_ms)))
        self._state = None

    # --- the daemon ------------------------------------------------------------------------------

    def _take_daemon(self, name: str, time_ms: int) -> None:
        if name == "daemon.started":
            down = self._open.pop(MarkKind.DAEMON_DOWN, None)
            if down is None:
                begin_ms = self._last_sign(time_ms)
                self._end_all(begin_ms)
                down = Mark(
                    MarkKind.DAEMON_DOWN,
                    begin_ms,
                    begin_ms,
                    "it was killed, or the machine went down",
                )
            # Of the first start of all nothing is known from before.
            if down.begin_ms < time_ms:
                self._marks.append(replace(down, end_ms=time_ms))
            self._marks.append(Mark(MarkKind.DAEMON_STARTED, time_ms, time_ms))
            return
        self._end_all(time_ms)
        text = "" if name == "daemon.stopped" else "a fault of hammerd"
        self._open.setdefault(MarkKind.DAEMON_DOWN, Mark(MarkKind.DAEMON_DOWN, time_ms, 0, text))

    def _last_sign(self, time_ms: int) -> int:
        """Return when a daemon that logged no end was last seen alive."""
        before = bisect_right(self._seen_ms, time_ms)
        sampled_ms = self._seen_ms[before - 1] if before else 0
        return max(sampled_ms, self._last_ms if self._last_ms <= time_ms else 0) or time_ms

    def _end_all(self, time_ms: int) -> None:
        """End what no daemon watches any more; what a person wanted lasts all the same."""
        self._settle_restart(is_relaunched=False)
        if self._state is not None and self._state.kind not in _OUTLIVE_DAEMON:
            self._close_state(time_ms)
        for kind in (MarkKind.END_UNREADABLE, MarkKind.VERIFY, MarkKind.HOST_UNREADABLE):
            self._close(kind, time_ms)

    # --- all else --------------------------------------------------------------------------------

    def _concerns(self, event: EventRow, fields: Mapping[str, object]) -> bool:
        if event.pair is not None:
            return True
        pairs = fields.get("pairs")
        return isinstance(pairs, str) and self._pair in pairs.split()

    def _take_other(self, name: str, fields: Mapping[str, object], time_ms: int) -> None:
        if name in _OPENS:
            kind, key = _OPENS[name]
            self._open.setdefault(kind, Mark(kind, time_ms, time_ms, _word(fields, key)))
            if fields.get("stage") == "promoted":
                self._marks.append(Mark(MarkKind.PROMOTED, time_ms, time_ms, _word(fields, key)))
        elif name in _CLOSES:
            self._close(_CLOSES[name], time_ms)
        else:
            text = name if _MOMENTS[name] is not MarkKind.TURN else _word(fields, "end")
            self._marks.append(Mark(_MOMENTS[name], time_ms, time_ms, text))

    def _close(self, kind: MarkKind, time_ms: int) -> None:
        mark = self._open.pop(kind, None)
        if mark is not None:
            self._marks.append(replace(mark, end_ms=max(mark.begin_ms, time_ms)))


def _kind_of_state(name: str, because: str, gear: str) -> MarkKind | None:
    match name:
        case "pair.stopped" if because in {"disabled", "removed"}:
            return MarkKind.DISABLED
        case "pair.stopped" if because == "pause":
            return MarkKind.PAUSED
        case "pair.parked":
            return MarkKind.PARKED
        case "pair.waiting" if because in LINK_CAUSES:
            return MarkKind.LINK_DOWN
        case "pair.waiting" if because == "slave_full":
            return MarkKind.SLAVE_FULL
        case "pair.waiting":
            return MarkKind.WAITING
        case "pair.launching" | "pair.streaming" if gear == "bulk":
            return MarkKind.BULK
        case _:
            return None


def _word(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _fields_of(event: EventRow) -> Mapping[str, object]:
    # Fields of a damaged row may be nested deeper than Python can parse.
    if event.fields.count("[") + event.fields.count("{") > 200:
        return {}
    try:
        fields = json.loads(event.fields)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}
