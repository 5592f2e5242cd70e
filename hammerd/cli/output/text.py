"""Prints text for people: wrapped to the width of the terminal, errors on stderr.

Long words stay whole, so that a path can be copied. A line keeps its indent, and its further
lines are indented by four more.
"""

import os
import sys
from typing import TextIO

import click

from hammerd.core.characters import escape_invisible
from hammerd.core.errors import HammerdError

WIDTH = 80
"""The width of lines if the terminal's width is not known."""


def width_of(stream: TextIO) -> int:
    """Return the columns of the terminal behind a stream; COLUMNS overrides them."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def wrap(text: str, width: int) -> str:
    """Wrap every line of a text."""
    return "\n".join(part for line in text.split("\n") for part in wrap_line(line, width))


def wrap_line(line: str, width: int, deeper: int = 4) -> list[str]:
    """Wrap one line; its further lines are indented by `deeper` more.

    Characters that a terminal would obey or cannot show are escaped: names come from files.
    """
    line = escape_invisible(line)
    if len(line) <= width:
        return [line]
    # Imported only here: most lines fit.
    import textwrap

    indent = len(line) - len(line.lstrip(" "))
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * (indent + deeper),
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_text(text: str) -> None:
    """Print a wrapped text to stdout."""
    click.echo(wrap(text, width_of(sys.stdout)))


def print_line(text: str) -> None:
    """Print a line to stdout whole, so that a command can be copied; tabs become blanks."""
    click.echo(escape_invisible(text.expandtabs()))


def print_to_stderr(text: str) -> None:
    """Print a wrapped text to stderr."""
    click.echo(wrap(text, width_of(sys.stderr)), err=True)


def print_error(error: HammerdError) -> None:
    """Print an error to stderr, and its hint on a line of its own."""
    names_hammerd = error.message.startswith("hammerd ")
    print_to_stderr(error.message if names_hammerd else f"hammerd: {error.message}")
    if error.hint:
        print_to_stderr(f"hint: {error.hint}")


def print_usage_error(error: click.ClickException) -> None:
    """Print a usage error to stderr as click does, wrapped."""
    # The message of this error of click 8.2 is the whole help, with the usage.
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        click.echo(error.format_message(), err=True)
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        click.echo(context.get_usage(), err=True)
        print_to_stderr(f"Try '{context.command_path} --help' for help.\n")
    print_to_stderr(f"Error: {error.format_message()}")
