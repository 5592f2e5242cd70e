"""Reads a status again and again, and prints it: on a terminal always at the same place.

The screen is overwritten from its top; scrolled lines stay. If the daemon stops answering, the
watch prints that once and goes on; if it does not answer the first read, that is an error.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import click

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.spans import Line, Span, print_lines
from hammerd.cli.output.text import print_to_stderr, width_of, wrap
from hammerd.cli.output.times import now_ms, show_to_second
from hammerd.core.exit_codes import Exit

Read = Callable[[], Mapping[str, object]]

_HOME_AND_ERASE_BELOW = "\x1b[H\x1b[J"


def watch_table(
    read: Read, render: Callable[[Mapping[str, object]], Sequence[Line]], interval_s: float
) -> None:
    """Print a table with its time after each read, until interrupted."""
    is_screen = sys.stdout.isatty()

    def show_lines(lines: Sequence[Line]) -> None:
        moment = f"{show_to_second(now_ms())} UTC"
        whole = [(Span(f"{moment}, every {interval_s:g} s"),), *lines]
        if is_screen:
            click.echo(_HOME_AND_ERASE_BELOW, nl=False)
            whole = _cut(whole, os.get_terminal_size(sys.stdout.fileno()).lines)
        print_lines(whole)

    def show_absence(message: str) -> None:
        lines = wrap(message, width_of(sys.stdout)).split("\n")
        show_lines([(), *((Span(line, "warning"),) for line in lines)])

    watch(
        read,
        lambda answer: show_lines(render(answer)),
        interval_s,
        show_absence if is_screen else None,
    )


def watch(
    read: Read,
    show: Callable[[Mapping[str, object]], None],
    interval_s: float,
    show_absence: Callable[[str], None] | None = None,
) -> None:
    """Show the result of each read, until interrupted.

    Failed reads go to `show_absence`; without it only the first of them goes to stderr.
    """
    # An interrupt is the normal end of a watch, not a failure.
    with contextlib.suppress(KeyboardInterrupt):
        show(read())
        was_present = True
        while True:
            sys.stdout.flush()
            time.sleep(interval_s)
            try:
                show(read())
                was_present = True
            except CommandFailed as error:
                if error.code != Exit.UNAVAILABLE:
                    raise
                message = f"{error.message}; waiting for it to come back"
                if show_absence is not None:
                    show_absence(message)
                elif was_present:
                    print_to_stderr(f"hammerd: {message}")
                was_present = False


def _cut(lines: list[Line], height: int) -> list[Line]:
    """Cut lines to a screen of `height` lines, and append the number of lines left out."""
    # The cursor needs the last line of the screen.
    most = height - 1
    if most < 2 or len(lines) <= most:
        return lines
    more = len(lines) - most + 1
    return [*lines[: most - 1], (Span(f"... and {more} more lines: name the pairs to watch"),)]
