"""Lays out events, a line or more each; knows no terminal.

       TIME (UTC)           PAIR  EVENT
       2026-11-22 17:06:40  -     daemon.started pid=4970
    !  2026-11-22 17:07:03  test  orphan.found pgid=5065
    !! 2026-11-22 17:09:11  home  pair.parked because=uuid_mismatch
                                    hint="the slave was made for another master"

In front stands `!!` for what needs a person and `!` for what is tried again. An event whose name
has no room beside the rest stands on the line below.
"""

import json
from collections.abc import Iterator, Sequence

from hammerd.cli.output.spans import Line, Span
from hammerd.cli.output.text import WIDTH, wrapped_line
from hammerd.cli.output.times import json_time, show_to_second
from hammerd.core.api.history_schema import EventRow
from hammerd.core.characters import escape_invisible

_TONES = {"error": "critical", "warning": "warning"}
_MARKS = {"error": "!!", "warning": "!"}
_MARK, _TIME, _GAP = 3, 19, "  "
_BELOW, _LEAST_ROOM = 5, 30
_MOST_NESTED = 200
"""What holds more brackets is damage, and may be nested deeper than Python can follow."""

LONGEST_PAIR = 20
"""A longer name pushes what follows to the right."""


class EventsTable:
    """The columns, as wide as the first events need them: more may follow."""

    def __init__(self, first: Sequence[EventRow], width: int = WIDTH) -> None:
        names = [len(_pair(event)) for event in first]
        self._pair = min(LONGEST_PAIR, max([4, *names]))
        self._width = width

    def head(self) -> Line:
        """Return the heading."""
        return (
            Span(
                f"{'':{_MARK}}{'TIME (UTC)':{_TIME}}{_GAP}{'PAIR':{self._pair}}{_GAP}EVENT", "head"
            ),
        )

    def lines(self, events: Sequence[EventRow]) -> Iterator[Line]:
        """Yield the lines of some events."""
        for event in events:
            tone = _TONES.get(event.level, "")
            head = f"{show_to_second(event.time_ms)}{_GAP}{_pair(event):{self._pair}}{_GAP}"
            first, rest = self._laid_out(event, _MARK + len(head))
            mark = Span(f"{_MARKS.get(event.level, ''):{_MARK}}", tone)
            yield (mark, Span(head), Span(first, tone))
            for line in rest:
                yield (Span(line, tone),)

    def _laid_out(self, event: EventRow, begin: int) -> tuple[str, list[str]]:
        """Return what stands behind the head of an event, which ends there, and what below it."""
        words = escape_invisible(f"{event.event}{_fields(event)}")
        if begin + len(words) <= self._width:
            return words, []
        if begin + len(event.event) > self._width:
            # Beside the head there is no room for the name: it gets a line of its own.
            return "", wrapped_line(f"{'':{_BELOW}}{words}", self._width, 2)
        # Most events fit, and do not wait for this import.
        import textwrap

        column = _MARK + _TIME + self._pair + 2 * len(_GAP) + 2
        first, *rest = textwrap.wrap(
            words,
            self._width,
            initial_indent=" " * begin,
            subsequent_indent=" " * (column if self._width - column >= _LEAST_ROOM else _BELOW),
            break_long_words=False,
            break_on_hyphens=False,
        )
        return first[begin:], rest


def event_json(number: int, event: EventRow) -> dict[str, object]:
    """Turn an event into the JSON object that scripts read."""
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
    if event.fields.count("[") + event.fields.count("{") > _MOST_NESTED:
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
    # What a terminal would obey was written by whoever names files.
    return quoted if quoted.isprintable() else json.dumps(value)
