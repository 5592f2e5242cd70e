"""Lays out events, one or more lines for each.

       TIME (UTC)           PAIR  EVENT
       2026-11-22 17:06:40  -     daemon.started pid=4970
    !  2026-11-22 17:07:03  test  orphan.found pgid=5065
    !! 2026-11-22 17:09:11  home  pair.parked because=uuid_mismatch
                                    hint="the slave was made for another master"

A line begins with `!!` if a person is needed, and with `!` if hammerd tries again. An event name
that does not fit beside its time and pair goes on the line below.
"""

import json
from collections.abc import Iterator, Sequence

from hammerd.cli.output.spans import Line, Span
from hammerd.cli.output.text import WIDTH, wrap_line
from hammerd.cli.output.times import Zone, json_time, show_to_second
from hammerd.core.api.history_schema import EventRow
from hammerd.core.characters import escape_invisible

_TONES = {"error": "critical", "warning": "warning"}
_MARKS = {"error": "!!", "warning": "!"}
_MARK, _TIME, _GAP = 3, 19, "  "
_INDENT_BELOW, _MIN_WIDTH = 5, 30
_MOST_BRACKETS = 200
"""Fields with more brackets are damaged, and may be nested deeper than Python can parse."""

LONGEST_PAIR = 20
"""A longer name moves the rest of its line to the right."""


class EventsTable:
    """A table whose column widths come from the first events; more events may follow."""

    def __init__(
        self, first: Sequence[EventRow], width: int = WIDTH, zone: Zone = Zone.UTC
    ) -> None:
        names = [len(_pair(event)) for event in first]
        self._pair_width = min(LONGEST_PAIR, max([4, *names]))
        self._width = width
        self._zone = zone

    def head(self) -> Line:
        """Return the heading."""
        return (
            Span(
                f"{'':{_MARK}}{f'TIME ({self._zone})':{_TIME}}{_GAP}"
                f"{'PAIR':{self._pair_width}}{_GAP}EVENT",
                "head",
            ),
        )

    def lines(self, events: Sequence[EventRow]) -> Iterator[Line]:
        """Yield the lines of some events."""
        for event in events:
            tone = _TONES.get(event.level, "")
            moment = show_to_second(event.time_ms, self._zone)
            head = f"{moment}{_GAP}{_pair(event):{self._pair_width}}{_GAP}"
            first, rest = self._lay_out(event, _MARK + len(head))
            mark = Span(f"{_MARKS.get(event.level, ''):{_MARK}}", tone)
            yield (mark, Span(head), Span(first, tone))
            for line in rest:
                yield (Span(line, tone),)

    def _lay_out(self, event: EventRow, begin: int) -> tuple[str, list[str]]:
        """Return the text after an event's head, which ends at column `begin`, and lines below."""
        words = escape_invisible(f"{event.event}{_fields(event)}")
        if begin + len(words) <= self._width:
            return words, []
        if begin + len(event.event) > self._width:
            # The name does not fit beside the head: it gets a line of its own.
            return "", wrap_line(f"{'':{_INDENT_BELOW}}{words}", self._width, 2)
        column = _MARK + _TIME + self._pair_width + 2 * len(_GAP) + 2
        indent = column if self._width - column >= _MIN_WIDTH else _INDENT_BELOW
        first, *rest = wrap_line(" " * begin + words, self._width, indent - begin)
        return first[begin:], rest


def event_json(number: int, event: EventRow) -> dict[str, object]:
    """Return the JSON object of an event."""
    return {
        "id": number,
        "time": json_time(event.time_ms),
        "pair": event.pair,
        "event": event.event,
        "level": event.level,
        "fields": _read_fields(event),
    }


def _pair(event: EventRow) -> str:
    return escape_invisible(event.pair or "-")


def _read_fields(event: EventRow) -> dict[str, object]:
    if event.fields.count("[") + event.fields.count("{") > _MOST_BRACKETS:
        return {}
    try:
        fields = json.loads(event.fields)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _fields(event: EventRow) -> str:
    return "".join(f" {key}={_shown(value)}" for key, value in _read_fields(event).items())


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    is_plain = value.isprintable() and value != "" and not set(value) & set(" =\"'\\")
    quoted = value if is_plain else json.dumps(value, ensure_ascii=False)
    # A file name may hold characters that a terminal would obey.
    return quoted if quoted.isprintable() else json.dumps(value)
