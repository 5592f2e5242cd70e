"""Prints lines: in colour on a terminal, plain elsewhere.

rich is imported only here, and only if stdout is a terminal, so that a script that reads the
status often does not pay for it.
"""

import sys
from collections.abc import Sequence

import click

from hammerd.cli.output.spans import Line, plain_text

_STYLES = {
    "ok": "green",
    "warning": "yellow",
    "critical": "bold red",
    "unknown": "magenta",
    "head": "bold",
}


def print_lines(lines: Sequence[Line]) -> None:
    """Print lines to stdout."""
    if sys.stdout.isatty():
        _print_in_colour(lines)
    else:
        click.echo("\n".join(plain_text(line) for line in lines))


def _print_in_colour(lines: Sequence[Line]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        spans = ((span.text, _STYLES.get(span.tone, "")) for span in line)
        console.print(Text.assemble(*spans), soft_wrap=True)
