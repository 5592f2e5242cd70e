"""Looks again and again, and shows what there is: on a terminal always at the same place.

The screen is written over from its top, and what was scrolled away stays there. When the daemon
goes away the watch says so and goes on; that it is not there at the first look is an error.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import click

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.spans import Line, Span
from hammerd.cli.output.terminal import print_lines
from hammerd.cli.output.text import print_to_stderr, width_of, wrapped
from hammerd.cli.output.times import now_ms, show_to_second
from hammerd.core.exit_codes import Exit

Seen = TypeVar("Seen")

_HOME_AND_ERASE_BELOW = "\x1b[H\x1b[J"


@dataclass(frozen=True, slots=True)
class Absence:
    """The daemon went away: why it cannot be seen, and whether this is the first such look."""

    words: str
    is_new: bool


def watch_table(look: Callable[[], Sequence[Line]], interval_s: float) -> None:
    """Show a table at each look, with the time of it, until interrupted."""
    is_screen = sys.stdout.isatty()
    for seen in _looks(look, interval_s):
        lines = _absence_lines(seen) if isinstance(seen, Absence) else seen
        moment = f"{show_to_second(now_ms())} UTC"
        whole = [(Span(f"{moment}, every {interval_s:g} s"),), *lines]
        if is_screen:
            click.echo(_HOME_AND_ERASE_BELOW, nl=False)
            print_lines(_cut(whole, os.get_terminal_size(sys.stdout.fileno()).lines))
        elif isinstance(seen, Absence):
            _say_once(seen)
        else:
            print_lines(whole)


def watch_json(look: Callable[[], str], interval_s: float) -> None:
    """Print one JSON object a line at each look until interrupted."""
    for seen in _looks(look, interval_s):
        if isinstance(seen, Absence):
            _say_once(seen)
        else:
            click.echo(seen)


def _looks(look: Callable[[], Seen], interval_s: float) -> Iterator[Seen | Absence]:
    yield look()
    was_there = True
    while True:
        sys.stdout.flush()
        time.sleep(interval_s)
        seen = _look_again(look, was_there=was_there)
        was_there = not isinstance(seen, Absence)
        yield seen


def _look_again(look: Callable[[], Seen], *, was_there: bool) -> Seen | Absence:
    try:
        return look()
    except CommandFailed as error:
        if error.code != Exit.UNAVAILABLE:
            raise
        return Absence(f"{error.message}; waiting for it to come back", is_new=was_there)


def _say_once(absence: Absence) -> None:
    if absence.is_new:
        print_to_stderr(f"hammerd: {absence.words}")


def _absence_lines(absence: Absence) -> list[Line]:
    lines = wrapped(absence.words, width_of(sys.stdout)).split("\n")
    return [(), *((Span(line, "warning"),) for line in lines)]


def _cut(lines: list[Line], height: int) -> list[Line]:
    """Keep what a screen of `height` lines can show below its top, and say how much it cannot."""
    # The last line of the screen is where the cursor comes to stand.
    room = height - 1
    if room < 2 or len(lines) <= room:
        return lines
    more = len(lines) - room + 1
    return [*lines[: room - 1], (Span(f"... and {more} more lines: name the pairs to watch"),)]
