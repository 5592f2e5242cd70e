"""`hammerd events`: what happened to the pairs, and to hammerd itself."""

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
from hammerd.cli.output.numbers import count
from hammerd.cli.output.terminal import print_lines
from hammerd.cli.output.text import print_text, print_to_stderr, width_of
from hammerd.cli.output.times import latest_ms, now_ms, show_to_second
from hammerd.core.api.history_schema import EventRow

FOLLOW_S = 0.5

NumberedEvents = Sequence[tuple[int, EventRow]]


@click.command(epilog="Example: hammerd events home --since 2h")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on.")
@takes_history_options
def events(pairs: tuple[str, ...], *, follow: bool, **said: Unpack[HistoryOptions]) -> int:
    """Show what happened to the pairs, the latest last, whether hammerd runs or not.

    Without a PAIR those of all pairs and of hammerd itself are shown. With --json an object that
    holds them all is printed, with --follow one for each event, on a line of its own.
    """
    from hammerd.cli.history.queries import events_of, read_history, unknown_pairs

    path = find_history_path(current_location(said["config"], said["run_dir"]))
    refuse_unknown_pairs(path, *read_history(path, unknown_pairs(pairs)))

    def find(after_id: int) -> NumberedEvents:
        # A clock that was stepped back tells earlier times of what comes later.
        since_ms = 0 if after_id else said["since"]
        return read_history(path, events_of(pairs, since_ms, after_id))

    # Before the first look, so that what is written meanwhile is seen by the next.
    seen = _stamp(path)
    every = find(0)
    found, later = _parted(every, latest_ms(said["since"], now_ms()))
    show = _shown_as_json(follow=follow) if said["as_json"] else _shown_as_table(found)
    if found or follow or said["as_json"]:
        show(found)
    else:
        print_text(f"nothing happened since {show_to_second(said['since'])} UTC")
    if later:
        _say_later(later)
    if follow:
        look = _Looks(path, seen, max((number for number, _ in every), default=0))
        # To be interrupted is how this ends, not how it fails.
        with contextlib.suppress(KeyboardInterrupt):
            for more in look.ever(find):
                show(more)
    return 0


def _parted(found: NumberedEvents, until_ms: int | None) -> tuple[NumberedEvents, NumberedEvents]:
    """Part what happened up to a time, None for any, from what has a later one."""
    if until_ms is None:
        return found, ()
    later = [each for each in found if each[1].time_ms > until_ms]
    return [each for each in found if each[1].time_ms <= until_ms], later


def _say_later(later: NumberedEvents) -> None:
    times_ms = [event.time_ms for _, event in later]
    first, last = show_to_second(min(times_ms)), show_to_second(max(times_ms))
    named = count(len(later), "event")
    print_to_stderr(
        f"hammerd: {named} of times to come, up to {last} UTC, not shown: was a clock wrong?"
    )
    print_to_stderr(f'hint: to see what was written then, say --since "{first}"')


def _shown_as_json(*, follow: bool) -> Callable[[NumberedEvents], None]:
    from hammerd.cli.history.events_table import event_json

    def show(found: NumberedEvents) -> None:
        told = [event_json(number, event) for number, event in found]
        if not follow:
            print_json({"events": told})
        for event in told if follow else ():
            print_json(event)
        sys.stdout.flush()

    return show


def _shown_as_table(first: NumberedEvents) -> Callable[[NumberedEvents], None]:
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
    """Return what changes with every write, and with every other file in the path's place."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


class _Looks:
    """Looks again whenever the file was written."""

    def __init__(self, path: str, seen: tuple[int, ...], after_id: int) -> None:
        self._path = path
        self._seen = seen
        self._after_id = after_id
        self._said: str | None = None

    def ever(self, find: Callable[[int], NumberedEvents]) -> Iterator[NumberedEvents]:
        """Yield what is new, for as long as anybody wants it."""
        while True:
            time.sleep(FOLLOW_S)
            stamp = _stamp(self._path)
            if stamp == self._seen:
                continue
            if stamp[:2] != self._seen[:2]:
                # Another file: it numbers its events anew.
                self._after_id = 0
            if found := self._look(find):
                self._after_id = max(number for number, _ in found)
                yield found
            if self._said is None:
                self._seen = stamp

    def _look(self, find: Callable[[int], NumberedEvents]) -> NumberedEvents:
        try:
            found = find(self._after_id)
        except CommandFailed as error:
            if error.message != self._said:
                print_to_stderr(f"hammerd: {error.message}; waiting for it to come back")
            self._said = error.message
            return ()
        self._said = None
        return found
