"""Lines of output made of spans, text and its tone, and rows laid out in columns.

`cli/output/terminal.py` turns tones into colours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `tone` is a health, `head`, or empty for plain text."""

    text: str
    tone: str = ""


Line = tuple[Span, ...]


def plain_text(line: Line) -> str:
    """Return a line without its tones."""
    return "".join(span.text for span in line).rstrip()


# --- rows in columns ----------------------------------------------------------------------

GAP = "  "
Row = Sequence[str]
"""The cells of a row. `sides` has a letter for each: `<` puts it to the left, `>` to the right."""


def widths_of(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return the width that each column needs."""
    return tuple(max(map(len, column)) for column in zip(*rows, strict=True))


def padded(row: Row, widths: Sequence[int], sides: str) -> Iterator[str]:
    """Yield the cells of a row, each as wide as its column."""
    for cell, width, side in zip(row, widths, sides, strict=True):
        yield cell.rjust(width) if side == ">" else cell.ljust(width)


def aligned(rows: Sequence[Row], sides: str) -> Iterator[Line]:
    """Yield a line for each row; the first one is the heading."""
    widths = widths_of(rows)
    for number, row in enumerate(rows):
        cells = padded(row, widths, sides)
        yield (Span(GAP.join(cells).rstrip(), "" if number else "head"),)
