"""The command `hammerd events`: prints the events of the pairs and of hammerd itself."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from hammerd.cli.history.events_table import EventsTable, event_json
from hammerd.cli.history.locate import find_history_path
from hammerd.cli.options.history_options import refuse_unknown_pairs, takes_history_options
from hammerd.cli.options.location import current_location
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.numbers import show_count
from hammerd.cli.output.spans import print_lines
from hammerd.cli.output.text import print_text, print_to_stderr, width_of
from hammerd.cli.output.times import latest_ms, now_ms, show_to_second
from hammerd.core.api.history_schema import EventRow

if TYPE_CHECKING:
    from sqlite3 import Connection

FOLLOW_S = 0.5

NumberedEvents = Sequence[tuple[int, EventRow]]
"""Events with their ids."""


@click.command(epilog="Example: hammerd events home --since 2h")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@takes_history_options
def events(pairs: tuple[str, ...], *, follow: bool, since: int, as_json: bool) -> int:
    """Show what happened to the pairs, the latest last, whether hammerd runs or not.

    Without a PAIR those of all pairs and of hammerd itself are shown. With --json an object that
    holds them all is printed, with --follow one for each event, on a line of its own.
    """
    from hammerd.cli.history.queries import choose_recorded, read_history

    path = find_history_path(current_location())
    choice, known = read_history(path, lambda opened: choose_recorded(opened, pairs))
    refuse_unknown_pairs(path, choice.unknown, known)

    def read_after(after_id: int) -> NumberedEvents:
        # After a clock was stepped back, later events have earlier times.
        since_ms = 0 if after_id else since
        return read_history(
            path, lambda opened: _events_of_choice(opened, pairs, since_ms, after_id)
        )

    # Taken before the first read, so that the next read finds events written meanwhile.
    stamp = _stamp(path)
    every = read_after(0)
    until_ms = latest_ms(since, now_ms())
    past = [each for each in every if each[1].time_ms <= until_ms]
    show = partial(_print_json, follow=follow) if as_json else _table_printer(past)
    if past or follow or as_json:
        show(past)
    else:
        print_text(f"nothing happened since {show_to_second(since)} UTC")
    if future_ms := [event.time_ms for _, event in every if event.time_ms > until_ms]:
        _warn_of_future(future_ms)
    if follow:
        after_id = max((number for number, _ in every), default=0)
        # An interrupt is the normal end of --follow, not a failure.
        with contextlib.suppress(KeyboardInterrupt):
            for more in _read_forever(path, stamp, after_id, read_after):
                show(more)
    return 0


def _events_of_choice(
    connection: "Connection", words: Sequence[str], since_ms: int, after_id: int
) -> NumberedEvents:
    from hammerd.cli.history.queries import choose_recorded, events_of

    # Chosen for each read: a pair that matches a pattern may be new.
    choice, _ = choose_recorded(connection, words)
    if words and not choice.pairs:
        return ()
    return events_of(connection, choice.pairs, since_ms, after_id)


def _warn_of_future(times_ms: Sequence[int]) -> None:
    first, last = show_to_second(min(times_ms)), show_to_second(max(times_ms))
    named = show_count(len(times_ms), "event")
    print_to_stderr(
        f"hammerd: {named} of times to come, up to {last} UTC, not shown: was a clock wrong?"
    )
    print_to_stderr(f'hint: to see what was written then, say --since "{first}"')


def _print_json(found: NumberedEvents, *, follow: bool) -> None:
    objects = [event_json(number, event) for number, event in found]
    for each in objects if follow else [{"events": objects}]:
        print_json(each)
    sys.stdout.flush()


def _table_printer(first: NumberedEvents) -> Callable[[NumberedEvents], None]:
    table = EventsTable([event for _, event in first], width_of(sys.stdout))
    head = [table.head()]

    def show(found: NumberedEvents) -> None:
        print_lines([*head, *table.lines([event for _, event in found])])
        head.clear()
        sys.stdout.flush()

    return show


def _stamp(path: str) -> tuple[int, ...]:
    """Return a tuple that differs after every write and after the file was replaced."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def _read_forever(
    path: str,
    stamp: tuple[int, ...],
    after_id: int,
    read_after: Callable[[int], NumberedEvents],
) -> Iterator[NumberedEvents]:
    """Yield new events whenever the file was written or replaced."""
    failure = ""
    while True:
        time.sleep(FOLLOW_S)
        if (last := _stamp(path)) == stamp:
            continue
        if last[:2] != stamp[:2]:
            # Another file: its event ids begin again.
            after_id = 0
        try:
            found = read_after(after_id)
        except CommandFailed as error:
            if error.message != failure:
                print_to_stderr(f"hammerd: {error.message}; waiting for it to come back")
            failure = error.message
            continue
        failure, stamp = "", last
        if found:
            after_id = max(number for number, _ in found)
            yield found
