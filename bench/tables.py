"""Prints a table of results."""

from collections.abc import Sequence
from statistics import median

from hammerd.cli.output.spans import align_rows, column_widths, plain_text


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, the first column to the left, the others to the right."""
    rule = ["-" * width for width in column_widths((heads, *rows))]
    print(f"## {title}\n")
    for line in align_rows((heads, rule, *rows), f"<{'>' * (len(heads) - 1)}"):
        print(plain_text(line))
    print(flush=True)


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the median and the worst of some times in ms."""
    return f"{median(seconds) * 1000:.0f} ms (worst {max(seconds) * 1000:.0f}, n={len(seconds)})"


def seconds_of(seconds: Sequence[float]) -> str:
    """Return the median and the worst of some times in s."""
    return f"{median(seconds):.2f} s (worst {max(seconds):.2f}, n={len(seconds)})"
