"""Prints a table of results."""

from collections.abc import Sequence
from statistics import median


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    print(f"## {title}\n")
    for cells in (heads, ["-" * width for width in widths], *rows):
        first, *others = zip(cells, widths, strict=True)
        shown = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print("  ".join(shown).rstrip())
    print(flush=True)


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the median and the worst of some times in ms."""
    return f"{median(seconds) * 1000:.0f} ms (worst {max(seconds) * 1000:.0f}, n={len(seconds)})"


def seconds_of(seconds: Sequence[float]) -> str:
    """Return the median and the worst of some times in s."""
    return f"{median(seconds):.2f} s (worst {max(seconds):.2f}, n={len(seconds)})"
