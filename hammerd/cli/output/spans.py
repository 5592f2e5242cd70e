"""Lines of output as spans (text with a tone), and the layout of rows in columns.

`cli/output/terminal.py` turns tones into colours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line; `tone` is a health, `head`, or empty for plain text."""

    text: str
    tone: str = ""


Line = tuple[Span, ...]


def plain_text(line: Line) -> str:
    """Return a line without its tones."""
    return "".join(span.text for span in line).rstrip()


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
