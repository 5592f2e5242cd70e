"""Reads a status again and again, and prints it: on a terminal always at the same place.

The screen is overwritten from its top; scrolled lines stay. If the daemon stops answering, the
watch prints that once and goes on; if it does not answer the first read, that is an error.
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
from hammerd.cli.output.text import print_to_stderr, width_of, wrap
from hammerd.cli.output.times import now_ms, show_to_second
from hammerd.core.exit_codes import Exit

Content = TypeVar("Content")

_HOME_AND_ERASE_BELOW = "\x1b[H\x1b[J"


@dataclass(frozen=True, slots=True)
class Absence:
    """A failed read: its message, and whether the read before it succeeded."""

    message: str
    is_new: bool


def watch_table(read: Callable[[], Sequence[Line]], interval_s: float) -> None:
    """Print a table with its time after each read, until interrupted."""
    is_screen = sys.stdout.isatty()
    for content in _read_repeatedly(read, interval_s):
        lines = _absence_lines(content) if isinstance(content, Absence) else content
        moment = f"{show_to_second(now_ms())} UTC"
        whole = [(Span(f"{moment}, every {interval_s:g} s"),), *lines]
        if is_screen:
            click.echo(_HOME_AND_ERASE_BELOW, nl=False)
            print_lines(_cut(whole, os.get_terminal_size(sys.stdout.fileno()).lines))
        elif isinstance(content, Absence):
            _print_once(content)
        else:
            print_lines(whole)


def watch_json(read: Callable[[], str], interval_s: float) -> None:
    """Print one JSON object on a line after each read, until interrupted."""
    for content in _read_repeatedly(read, interval_s):
        if isinstance(content, Absence):
            _print_once(content)
        else:
            click.echo(content)


def _read_repeatedly(
    read: Callable[[], Content], interval_s: float
) -> Iterator[Content | Absence]:
    yield read()
    was_present = True
    while True:
        sys.stdout.flush()
        time.sleep(interval_s)
        content = _read_again(read, was_present=was_present)
        was_present = not isinstance(content, Absence)
        yield content


def _read_again(read: Callable[[], Content], *, was_present: bool) -> Content | Absence:
    try:
        return read()
    except CommandFailed as error:
        if error.code != Exit.UNAVAILABLE:
            raise
        return Absence(f"{error.message}; waiting for it to come back", is_new=was_present)


def _print_once(absence: Absence) -> None:
    if absence.is_new:
        print_to_stderr(f"hammerd: {absence.message}")


def _absence_lines(absence: Absence) -> list[Line]:
    lines = wrap(absence.message, width_of(sys.stdout)).split("\n")
    return [(), *((Span(line, "warning"),) for line in lines)]


def _cut(lines: list[Line], height: int) -> list[Line]:
    """Cut lines to a screen of `height` lines, and append the number of lines left out."""
    # The cursor needs the last line of the screen.
    most = height - 1
    if most < 2 or len(lines) <= most:
        return lines
    more = len(lines) - most + 1
    return [*lines[: most - 1], (Span(f"... and {more} more lines: name the pairs to watch"),)]
