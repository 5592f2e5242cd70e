"""Lines of output as spans (text with a tone): wraps, aligns and prints them.

On a terminal a tone is a colour. rich is imported only for a terminal, so that a script that reads
the status often does not pay for it.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from hammerd.cli.output.text import wrap_line

_STYLES = {
    "ok": "green",
    "warning": "yellow",
    "critical": "bold red",
    "unknown": "magenta",
    "head": "bold",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line; `tone` is a health, `head`, or empty for plain text."""

    text: str
    tone: str = ""


Line = tuple[Span, ...]


def plain_text(line: Line) -> str:
    """Return a line without its tones."""
    return "".join(span.text for span in line).rstrip()


def wrap_spans(
    text: str, width: int, indent: int = 0, *, tone: str = "", deeper: int = 2
) -> Iterator[Line]:
    """Yield the lines of a text; its further lines are indented by `deeper` more."""
    for line in wrap_line(" " * indent + text, width, deeper):
        yield (Span(line, tone),)


def print_lines(lines: Sequence[Line]) -> None:
    """Print lines to stdout: in colour on a terminal, plain elsewhere."""
    if not sys.stdout.isatty():
        click.echo("\n".join(map(plain_text, lines)))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        spans = ((span.text, _STYLES.get(span.tone, "")) for span in line)
        console.print(Text.assemble(*spans), soft_wrap=True)


# --- rows in columns ----------------------------------------------------------------------

GAP = "  "
Cells = Sequence[str]
"""The cells of a row; `sides` has a letter for each column: `<` aligns left, `>` right."""


def column_widths(rows: Sequence[Cells]) -> tuple[int, ...]:
    """Return the width of the widest cell of each column."""
    return tuple(max(map(len, column)) for column in zip(*rows, strict=True))


def pad_row(row: Cells, widths: Sequence[int], sides: str) -> Iterator[str]:
    """Yield the cells of a row, padded to the width of their columns."""
    for cell, width, side in zip(row, widths, sides, strict=True):
        yield cell.rjust(width) if side == ">" else cell.ljust(width)


def align_rows(rows: Sequence[Cells], sides: str) -> Iterator[Line]:
    """Yield a line for each row; the first row is the heading."""
    widths = column_widths(rows)
    for number, row in enumerate(rows):
        cells = pad_row(row, widths, sides)
        yield (Span(GAP.join(cells).rstrip(), "" if number else "head"),)
