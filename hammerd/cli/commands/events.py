"""The command `hammerd events`: prints the events of the pairs and of hammerd itself."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from hammerd.cli.history.event_filter import LEVELS, EventFilter
from hammerd.cli.history.events_table import EventsTable, event_json
from hammerd.cli.history.follow_events import NumberedEvents, follow_events, stamp_of
from hammerd.cli.history.locate import find_history_path
from hammerd.cli.options.completion import pair_names
from hammerd.cli.options.history_options import (
    local_option,
    read_time,
    refuse_unknown_pairs,
    takes_history_options,
)
from hammerd.cli.options.location import current_location
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.numbers import show_count
from hammerd.cli.output.spans import print_lines
from hammerd.cli.output.text import print_text, print_to_stderr, width_of
from hammerd.cli.output.times import END_OF_TIME_MS, Zone, latest_ms, now_ms, show_to_second
from hammerd.core.nearest import suggestion

if TYPE_CHECKING:
    from sqlite3 import Connection

MOST_SHOWN = 1_000
"""The events that a terminal is given without -n: more would scroll away what is shown."""

NO_LIMIT = -1


class EventsOptions(TypedDict):
    """Options of the command: which events, and the form of the output."""

    names: tuple[str, ...]
    level: str | None
    last: int | None
    since: int
    until: int | None
    follow: bool
    zone: Zone
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Past:
    """Events on record: those to show, the number of earlier ones, and the last id of all.

    `coming`: how many have times to come, and the first and the last of these. `known_names`:
    all names of events, if none is to be shown. `unknown_words`: those that choose no pair; then
    nothing else is read but the `known_pairs`.
    """

    found: NumberedEvents = ()
    earlier: int = 0
    last_id: int = 0
    coming: tuple[int, int, int] = (0, 0, 0)
    known_names: Sequence[str] = ()
    unknown_words: Sequence[str] = ()
    known_pairs: Sequence[str] = ()


def _read_last(_context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    if value.lower() == "all":
        return NO_LIMIT
    if not value.isdecimal() or len(value) > len("1000000000"):
        raise click.BadParameter(f"{value} is no number of events, and not all", param=option)
    return int(value)


@click.command(epilog="Example: hammerd events 'web*' --since 2h --level warning")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("-n", "last", metavar="N", callback=_read_last, help="The last N only, or all.")
@click.option(
    "--event",
    "names",
    multiple=True,
    metavar="NAME",
    help="Those of this name, or of a pattern like 'pair.*'; may be given again.",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS[1:], case_sensitive=False),
    help="Those of this level and above.",
)
@click.option("--until", metavar="WHEN", callback=read_time, help="Up to when.")
@local_option
@takes_history_options
def events(pairs: tuple[str, ...], **options: Unpack[EventsOptions]) -> int:
    """Show what happened to the pairs, the latest last, whether hammerd runs or not.

    Without a PAIR those of all pairs and of hammerd itself are shown. With --json an object that
    holds them all is printed, with --follow one for each event, on a line of its own. A terminal
    is given the last 1,000 if -n does not say how many.
    """
    from hammerd.cli.history.queries import read_history

    _refuse_backward(options)
    path = find_history_path(current_location())
    # Taken before the first read, so that the next read finds events written meanwhile.
    stamp = stamp_of(path)
    past = read_history(path, lambda opened: _read_past(opened, pairs, options))
    if past.unknown_words:
        # Nothing has happened yet to some pairs, such as those that are disabled.
        named = tuple(pair_names(current_location()))
        past = read_history(path, lambda opened: _read_past(opened, pairs, options, named))
    refuse_unknown_pairs(path, past.unknown_words, past.known_pairs)
    show = _printer(past.found, options)
    _show_past(past, options, show)
    if options["follow"]:
        # After a clock was stepped back, later events have earlier times.
        wanted = replace(_filter_of(options), since_ms=0)

        def read_after(after_id: int) -> tuple[NumberedEvents, int]:
            later = replace(wanted, after_id=after_id)
            return read_history(path, lambda opened: _read_later(opened, pairs, later))

        # An interrupt is the normal end of --follow, not a failure.
        with contextlib.suppress(KeyboardInterrupt):
            until_ms = options["until"]
            for more in follow_events(path, stamp, past.last_id, read_after, until_ms):
                show(more)
    return 0


def _refuse_backward(options: EventsOptions) -> None:
    until_ms = options["until"]
    if until_ms is not None and until_ms < options["since"]:
        raise click.UsageError("--until is before --since")


def _filter_of(options: EventsOptions) -> EventFilter:
    return EventFilter(
        names=options["names"],
        level=options["level"] or LEVELS[0],
        since_ms=options["since"],
        until_ms=options["until"],
    )


# --- reading ------------------------------------------------------------------------------


def _read_past(
    connection: "Connection",
    words: Sequence[str],
    options: EventsOptions,
    more_pairs: Sequence[str] = (),
) -> _Past:
    """Read the events of pairs; `more_pairs` are those that the history may not know."""
    from hammerd.cli.history import queries
    from hammerd.core.api.pair_patterns import choose

    choice, known = queries.choose_recorded(connection, words)
    if more_pairs:
        known = tuple(dict.fromkeys((*known, *more_pairs)))
        choice = choose(words, known)
    if choice.unknown:
        return _Past(unknown_words=choice.unknown, known_pairs=known)
    wanted = replace(_filter_of(options), pairs=choice.pairs if words else None)
    coming = (0, 0, 0)
    if wanted.until_ms is None:
        latest = latest_ms(wanted.since_ms, now_ms())
        if latest < END_OF_TIME_MS:
            later = replace(wanted, since_ms=latest + 1)
            coming = queries.extent_of_events(connection, later)
        wanted = replace(wanted, until_ms=latest)
    limit = _limit_of(options)
    found = queries.find_events(connection, wanted, limit)
    is_cut = len(found) == limit and options["last"] is None
    earlier = queries.extent_of_events(connection, wanted)[0] - limit if is_cut else 0
    names = () if found else queries.event_names(connection)
    return _Past(found, earlier, queries.last_event_id(connection), coming, names)


def _limit_of(options: EventsOptions) -> int:
    if options["last"] is not None:
        return options["last"]
    is_for_a_reader = sys.stdout.isatty() and not options["as_json"]
    return MOST_SHOWN if is_for_a_reader else NO_LIMIT


def _read_later(
    connection: "Connection", words: Sequence[str], wanted: EventFilter
) -> tuple[NumberedEvents, int]:
    from hammerd.cli.history import queries

    # A pair that matches a pattern may be new.
    choice, _ = queries.choose_recorded(connection, words)
    chosen = replace(wanted, pairs=choice.pairs if words else None)
    return queries.find_events(connection, chosen), queries.last_event_id(connection)


# --- printing -----------------------------------------------------------------------------

Show = Callable[[NumberedEvents], None]


def _show_past(past: _Past, options: EventsOptions, show: Show) -> None:
    if past.earlier > 0:
        verb = "is" if past.earlier == 1 else "are"
        print_to_stderr(f"hammerd: {show_count(past.earlier, 'earlier event')} {verb} not shown")
        print_to_stderr("hint: -n all shows them; --level, --event and --since narrow them down")
    if past.found or options["follow"] or options["as_json"]:
        show(past.found)
    elif options["last"] != 0:
        print_text(_nothing(options))
        _hint_at_names(options["names"], past.known_names)
    if past.coming[0]:
        _warn_of_coming(past.coming, options["zone"])


def _nothing(options: EventsOptions) -> str:
    zone, until_ms = options["zone"], options["until"]
    kind = " of that kind" if options["names"] or options["level"] else ""
    since = f"nothing{kind} happened since {show_to_second(options['since'], zone)}"
    until = "" if until_ms is None else f" until {show_to_second(until_ms, zone)}"
    return f"{since}{until} {zone}"


def _hint_at_names(asked: Sequence[str], known: Sequence[str]) -> None:
    from hammerd.core.api.pair_patterns import choose

    if asked and (unknown := choose(asked, known).unknown):
        named = ", ".join(f'"{name}"{suggestion(name, known)}' for name in unknown)
        print_to_stderr(f"hint: no event on record is called {named}")


def _warn_of_coming(coming: tuple[int, int, int], zone: Zone) -> None:
    count, first_ms, last_ms = coming
    first, last = show_to_second(first_ms, zone), show_to_second(last_ms, zone)
    named = show_count(count, "event")
    print_to_stderr(
        f"hammerd: {named} of times to come, up to {last} {zone}, not shown: was a clock wrong?"
    )
    print_to_stderr(f'hint: to see what was written then, say --since "{first}"')


def _printer(first: NumberedEvents, options: EventsOptions) -> Show:
    if options["as_json"]:
        return partial(_print_json, follow=options["follow"])
    table = EventsTable([event for _, event in first], width_of(sys.stdout), options["zone"])
    head = [table.head()]

    def show(found: NumberedEvents) -> None:
        print_lines([*head, *table.lines([event for _, event in found])])
        head.clear()
        sys.stdout.flush()

    return show


def _print_json(found: NumberedEvents, *, follow: bool) -> None:
    objects = [event_json(number, event) for number, event in found]
    for each in objects if follow else [{"events": objects}]:
        print_json(each)
    sys.stdout.flush()
