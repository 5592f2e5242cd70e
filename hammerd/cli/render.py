"""Lays out a status as a table for eyes; knows no terminal.

    hammerd 0.1.0 (pid 4711) is running: 2 pairs, 1 critical, 1 ok

    PAIR  STATE      GEAR          LAG  SLAVE-TID               UP  RESTARTS
    home  streaming  following      0s  0x0000000100580a8f   3d04h         1
    mail  parked     -         unknown  0x0000000000000001       -         0
          uuid_mismatch; probed again in 42s
          hint: the slave was made for another master

A line is made of spans, text and the health that it tells; what colour that is, and whether
there is any, cli/terminal.py knows. A name too long for its column gets a line of its own.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.cli.quantities import count, show_bytes, show_span
from hammerd.cli.status_answer import PairAnswer, StatusAnswer

WIDTH = 80

_HEADS = ("PAIR", "STATE", "GEAR", "LAG", "SLAVE-TID", "UP", "RESTARTS")
_TO_THE_RIGHT = frozenset({"LAG", "UP", "RESTARTS"})
_JUDGED = frozenset({"STATE", "LAG"})
_WORST_FIRST = ("critical", "warning", "unknown", "ok")
_GAP = "  "
_NOTE_INDENT = 6
_NAME = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `tone` is a health, `head`, or empty for plain text."""

    text: str
    tone: str = ""


Line = tuple[Span, ...]


def render_status(status: StatusAnswer, width: int = WIDTH) -> tuple[Line, ...]:
    """Lay out a status in lines of `width` characters, as far as its words allow."""
    if not status["pairs"]:
        return ((Span(_summary(status)),),)
    rows = [_cells(pair) for pair in status["pairs"]]
    widths = _widths(rows, width)
    lines: list[Line] = [(Span(_summary(status)),), (), _head(widths)]
    for pair, cells in zip(status["pairs"], rows, strict=True):
        lines.extend(_row(cells, widths, pair["health"]))
        lines.extend(_note_lines(pair, width))
    return tuple(lines)


def plain_text(line: Line) -> str:
    """Return a line without its tones."""
    return "".join(span.text for span in line).rstrip()


def _summary(status: StatusAnswer) -> str:
    daemon, pairs = status["hammerd"], status["pairs"]
    tally = Counter(pair["health"] for pair in pairs)
    parts = [f"{tally[health]} {health}" for health in _WORST_FIRST if tally[health]]
    counted = ", ".join([count(len(pairs), "pair"), *parts])
    return f"hammerd {daemon['version']} (pid {daemon['pid']}) is {daemon['state']}: {counted}"


def _cells(pair: PairAnswer) -> tuple[str, ...]:
    up_s = pair.get("up_s")
    return (
        pair["pair"],
        pair["state"],
        pair["gear"] or "-",
        _lag(pair),
        pair["slave_tid"] or "-",
        "-" if up_s is None else show_span(up_s),
        str(pair["restarts"]),
    )


def _lag(pair: PairAnswer) -> str:
    if pair["lag_s"] is None:
        return "unknown"
    return f"{'~' if pair['lag_approximate'] else ''}{show_span(pair['lag_s'])}"


def _widths(rows: list[tuple[str, ...]], width: int) -> tuple[int, ...]:
    """Return what each column needs; the name's has what the others leave of `width`."""
    needed = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
    others = sum(needed[1:]) + len(_GAP) * (len(needed) - 1)
    needed[_NAME] = max(len(_HEADS[_NAME]), min(needed[_NAME], width - others))
    return tuple(needed)


def _head(widths: tuple[int, ...]) -> Line:
    return (Span(plain_text(_line(_HEADS, widths, "")), "head"),)


def _row(cells: tuple[str, ...], widths: tuple[int, ...], health: str) -> Iterator[Line]:
    if len(cells[_NAME]) > widths[_NAME]:
        yield (Span(cells[_NAME]),)
        cells = ("", *cells[1:])
    yield _line(cells, widths, health)


def _line(cells: tuple[str, ...], widths: tuple[int, ...], health: str) -> Line:
    spans: list[Span] = []
    for head, cell, width in zip(_HEADS, cells, widths, strict=True):
        padded = cell.rjust(width) if head in _TO_THE_RIGHT else cell.ljust(width)
        spans += [Span(padded, health if head in _JUDGED else ""), Span(_GAP)]
    return tuple(spans[:-1])


def _note_lines(pair: PairAnswer, width: int) -> Iterator[Line]:
    for note in _notes(pair):
        wrapped = textwrap.wrap(
            note,
            width,
            initial_indent=" " * _NOTE_INDENT,
            subsequent_indent=" " * (_NOTE_INDENT + 2),
            break_on_hyphens=False,
        )
        yield from ((Span(text),) for text in wrapped)


def _notes(pair: PairAnswer) -> Iterator[str]:
    """Say what a row cannot: a wish that differs, why a pair waits, and what to do about it."""
    if pair["wanted"] != "up":
        until = f" until {pair['paused_until_time']}" if pair["paused_until_time"] else ""
        yield f"wanted {pair['wanted']}{until}"
    if pair["because"]:
        yield _trouble(pair, pair["because"])
    if pair["hint"]:
        yield f"hint: {pair['hint']}"
    if pair["because"] and pair["last_words"]:
        yield f"last words: {pair['last_words'][-1]}"
    if pair["gear"] == "bulk" and pair["phase"]:
        yield _bulk(pair)


def _trouble(pair: PairAnswer, because: str) -> str:
    waiting_for = pair.get("waiting_for")
    parts = [f"for {waiting_for}: {because}" if waiting_for else because]
    if pair["retry_in_s"] is not None:
        parts.append(f"looked at again in {show_span(pair['retry_in_s'])}")
    if pair["failures"]:
        parts.append(f"after {count(pair['failures'], 'failure')}")
    return ", ".join(parts)


def _bulk(pair: PairAnswer) -> str:
    if pair["slice_bytes"] is None:
        return f"in bulk: {pair['phase']}"
    whole = "" if pair["bulk_bytes"] is None else f" of {show_bytes(pair['bulk_bytes'])}"
    return f"in bulk: {pair['phase']}, {show_bytes(pair['slice_bytes'])}{whole}"
