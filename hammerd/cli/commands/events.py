"""The command `hammerd events`: prints the events of the pairs and of hammerd itself."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Unpack

import click

from hammerd.cli.history.locate import find_history_path
from hammerd.cli.options.history_options import (
    HistoryOptions,
    refuse_unknown_pairs,
    takes_history_options,
)
from hammerd.cli.options.location import current_location
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.numbers import show_count
from hammerd.cli.output.terminal import print_lines
from hammerd.cli.output.text import print_text, print_to_stderr, width_of
from hammerd.cli.output.times import latest_ms, now_ms, show_to_second
from hammerd.core.api.history_schema import EventRow

FOLLOW_S = 0.5

NumberedEvents = Sequence[tuple[int, EventRow]]
ReadAfter = Callable[[int], NumberedEvents]
"""Reads the events with ids after a given one."""


@click.command(epilog="Example: hammerd events home --since 2h")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@takes_history_options
def events(pairs: tuple[str, ...], *, follow: bool, **options: Unpack[HistoryOptions]) -> int:
    """Show what happened to the pairs, the latest last, whether hammerd runs or not.

    Without a PAIR those of all pairs and of hammerd itself are shown. With --json an object that
    holds them all is printed, with --follow one for each event, on a line of its own.
    """
    from hammerd.cli.history.queries import events_of, read_history, unknown_pairs

    path = find_history_path(current_location(options["config"], options["run_dir"]))
    refuse_unknown_pairs(path, *read_history(path, unknown_pairs(pairs)))

    def read_after(after_id: int) -> NumberedEvents:
        # After a clock was stepped back, later events have earlier times.
        since_ms = 0 if after_id else options["since"]
        return read_history(path, events_of(pairs, since_ms, after_id))

    # Taken before the first read, so that the next read finds events written meanwhile.
    stamp = _stamp(path)
    every = read_after(0)
    past, future = _split(every, latest_ms(options["since"], now_ms()))
    show = _json_printer(follow=follow) if options["as_json"] else _table_printer(past)
    if past or follow or options["as_json"]:
        show(past)
    else:
        print_text(f"nothing happened since {show_to_second(options['since'])} UTC")
    if future:
        _warn_of_future(future)
    if follow:
        reader = _RepeatedReader(path, stamp, max((number for number, _ in every), default=0))
        # An interrupt is the normal end of --follow, not a failure.
        with contextlib.suppress(KeyboardInterrupt):
            for more in reader.read_forever(read_after):
                show(more)
    return 0


def _split(found: NumberedEvents, until_ms: int | None) -> tuple[NumberedEvents, NumberedEvents]:
    """Split events into those up to a time (None for any time) and the later ones."""
    if until_ms is None:
        return found, ()
    later = [each for each in found if each[1].time_ms > until_ms]
    return [each for each in found if each[1].time_ms <= until_ms], later


def _warn_of_future(events: NumberedEvents) -> None:
    times_ms = [event.time_ms for _, event in events]
    first, last = show_to_second(min(times_ms)), show_to_second(max(times_ms))
    named = show_count(len(events), "event")
    print_to_stderr(
        f"hammerd: {named} of times to come, up to {last} UTC, not shown: was a clock wrong?"
    )
    print_to_stderr(f'hint: to see what was written then, say --since "{first}"')


def _json_printer(*, follow: bool) -> Callable[[NumberedEvents], None]:
    from hammerd.cli.history.events_table import event_json

    def show(found: NumberedEvents) -> None:
        objects = [event_json(number, event) for number, event in found]
        if not follow:
            print_json({"events": objects})
        for event in objects if follow else ():
            print_json(event)
        sys.stdout.flush()

    return show


def _table_printer(first: NumberedEvents) -> Callable[[NumberedEvents], None]:
    from hammerd.cli.history.events_table import EventsTable

    table = EventsTable([event for _, event in first], width_of(sys.stdout))
    head = [table.head()]

    def show(found: NumberedEvents) -> None:
        lines = [*head, *table.lines([event for _, event in found])]
        head.clear()
        print_lines(lines)
        sys.stdout.flush()

    return show


def _stamp(path: str) -> tuple[int, ...]:
    """Return a tuple that differs after every write and after the file was replaced."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


class _RepeatedReader:
    """Reads new events whenever the file was written or replaced."""

    def __init__(self, path: str, stamp: tuple[int, ...], after_id: int) -> None:
        self._path = path
        self._stamp = stamp
        self._after_id = after_id
        self._failure: str | None = None

    def read_forever(self, read_after: ReadAfter) -> Iterator[NumberedEvents]:
        """Yield new events, without an end."""
        while True:
            time.sleep(FOLLOW_S)
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                continue
            if stamp[:2] != self._stamp[:2]:
                # Another file: its event ids begin again.
                self._after_id = 0
            if found := self._read(read_after):
                self._after_id = max(number for number, _ in found)
                yield found
            if self._failure is None:
                self._stamp = stamp

    def _read(self, read_after: ReadAfter) -> NumberedEvents:
        try:
            found = read_after(self._after_id)
        except CommandFailed as error:
            if error.message != self._failure:
                print_to_stderr(f"hammerd: {error.message}; waiting for it to come back")
            self._failure = error.message
            return ()
        self._failure = None
        return found
