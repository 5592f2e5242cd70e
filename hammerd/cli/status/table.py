"""Lays out a status as a table for people.

    hammerd 0.1.0 (pid 4711) is running: 3 pairs, 1 critical, 1 ok, 1 paused

       PAIR  STATE      GEAR           LAG  SLAVE-TID      RATE     UP  RESTARTS
       home  streaming  following       0s  0x100580a8f  1.2M/s  3d04h         1
    !! mail  parked     -          unknown  0x1               -      -         0
          uuid_mismatch, looked at again in 42s
          hint: the slave was made for another master
       web   stopped    -            1h05m  0x100580a8f       -      -         1
          paused for another 59m (until 16:12 UTC)

    ! state not saved since 15:58 UTC: /var/db/hammerd/state.json.new: No space left
        on device
      hint: what was paused, resumed or acknowledged since then does not outlive
        hammerd

Each row begins with its health: `!!` critical, `!` warning, `?` unknown; if all pairs are ok there
is no such column. Notes that many pairs share stand above the table (shared_notes.py), troubles of
the daemon itself below it. A line consists of spans, each a text with a health;
cli/output/spans.py chooses the colours. A name too long for its column gets a line of its own.
TIDs have no leading zeros; -o and --json show them whole.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hammerd.cli.client.status_types import PairStatus, StatusReply
from hammerd.cli.output.numbers import show_count, show_period, show_rate, show_tid
from hammerd.cli.output.spans import (
    GAP,
    Line,
    Span,
    column_widths,
    pad_row,
    plain_text,
    wrap_spans,
)
from hammerd.cli.output.text import WIDTH
from hammerd.cli.status.daemon_notes import notes_of_daemon
from hammerd.cli.status.pair_notes import is_disabled, notes_of_pair, notes_of_proof
from hammerd.cli.status.shared_notes import PairNotes, SharedNotes, name_pairs, share_notes
from hammerd.cli.status.slave_notes import notes_of_slaves, summary_of_slaves

_HEADS = ("PAIR", "STATE", "GEAR", "LAG", "SLAVE-TID", "RATE", "UP", "RESTARTS")
_SIDES = "<<<><>>>"
_COLOURED = frozenset({"STATE", "LAG"})
_MARKS = {"critical": "!!", "warning": "!", "unknown": "?"}
_COUNTED = ("critical", "warning", "unknown", "ok", "paused", "disabled")
_NOTE_INDENT = 6
_DEEPER = 2
_NAME = 0
_TID = _HEADS.index("SLAVE-TID")
_SHORTEST_TID = len("0x..580a8f")


@dataclass(frozen=True, slots=True)
class _Widths:
    """Widths of the mark before a row (0 for no mark) and of the columns."""

    mark: int
    columns: tuple[int, ...]

    @property
    def total(self) -> int:
        """Width of a row."""
        mark = self.mark + 1 if self.mark else 0
        return mark + sum(self.columns) + len(GAP) * (len(self.columns) - 1)


def render_status(
    status: StatusReply,
    width: int = WIDTH,
    *,
    is_whole: bool = False,
    outlooks: Mapping[str, str] | None = None,
) -> tuple[Line, ...]:
    """Lay out a status in lines of at most `width` characters; a longer word stays whole.

    `is_whole`: each slave of a pair whose slaves take turns has a line of its own. `outlooks`:
    whether late pairs catch up, in words.
    """
    shared, notes = _all_notes(status, outlooks or {}, is_whole=is_whole)
    above = (*_heading(status, width), *shared_lines(shared, width))
    return (*above, *_table(status, notes, width), *_daemon_lines(status, width))


def _heading(status: StatusReply, width: int) -> Iterator[Line]:
    daemon, pairs = status["hammerd"], status["pairs"]
    tally = Counter(map(_counted_word, pairs))
    parts = [f"{tally[word]} {word}" for word in _COUNTED if tally[word]]
    counted = ", ".join([show_count(len(pairs), "pair"), *parts])
    name = f"hammerd {daemon['version']} (pid {daemon['pid']})"
    yield from wrap_spans(f"{name} is {daemon['state']}: {counted}", width)
    if lost := daemon.get("lines_dropped", 0) + daemon.get("writes_failed", 0):
        words = f"{show_count(lost, 'log line')} {'was' if lost == 1 else 'were'} lost"
        yield from wrap_spans(f"{words}: is the disk of the log full?", width, tone="warning")


def _table(status: StatusReply, notes: Sequence[tuple[str, ...]], width: int) -> Iterator[Line]:
    if not status["pairs"]:
        return
    rows = [_cells(pair) for pair in status["pairs"]]
    widths = _widths(status["pairs"], rows, width)
    if (excess := widths.total - width) > 0:
        rows = [_with_short_tid(row, widths.columns[_TID] - excess) for row in rows]
        widths = _widths(status["pairs"], rows, width)
    yield from ((), (Span(plain_text(_line("", _HEADS, widths)), "head"),))
    for pair, cells, kept in zip(status["pairs"], rows, notes, strict=True):
        yield from _row(pair, cells, widths)
        for note in kept:
            yield from wrap_spans(note, width, _NOTE_INDENT)


def _all_notes(
    status: StatusReply, outlooks: Mapping[str, str], *, is_whole: bool
) -> tuple[list[SharedNotes], list[tuple[str, ...]]]:
    """Return the notes that many pairs share, and those that stand below each pair's row."""
    measured_time = status.get("measured_time")
    return share_notes(
        [
            PairNotes(
                pair["pair"],
                pair["master"],
                pair["slave"],
                pair["health"],
                pair["because"],
                (
                    *_notes(pair, measured_time, is_whole=is_whole),
                    *_late(outlooks.get(pair["pair"])),
                ),
            )
            for pair in status["pairs"]
        ]
    )


def _late(outlook: str | None) -> Iterator[str]:
    if outlook:
        yield f"late: {outlook}"


def shared_lines(shared: Iterable[SharedNotes], width: int) -> Iterator[Line]:
    """Yield the lines of notes that many pairs share, for above a table."""
    for each in shared:
        mark = _MARKS.get(each.health, "")
        yield ()
        because = f": {each.because}" if each.because else ""
        text = f"{mark} {name_pairs(each.pairs)}{because}".lstrip()
        yield from wrap_spans(text, width, tone=each.health if mark else "", deeper=2 * _DEEPER)
        for note in each.notes:
            yield from wrap_spans(note, width, _NOTE_INDENT)


def _notes(pair: PairStatus, measured_time: str | None, *, is_whole: bool) -> Iterator[str]:
    yield from notes_of_pair(pair, measured_time)
    yield from notes_of_proof(pair, measured_time)
    yield from notes_of_slaves(pair, measured_time) if is_whole else summary_of_slaves(pair)


def _daemon_lines(status: StatusReply, width: int) -> Iterator[Line]:
    """Yield the troubles of the daemon, in the colour of a warning."""
    notes = tuple(notes_of_daemon(status["hammerd"], status.get("measured_time")))
    if notes:
        yield ()
    for trouble, hint in notes:
        first, *others = trouble.split("\n")
        yield from wrap_spans(f"! {first}", width, tone="warning", deeper=2 * _DEEPER)
        for line in others:
            yield from wrap_spans(line, width, _DEEPER, tone="warning")
        if hint:
            yield from wrap_spans(f"hint: {hint}", width, _DEEPER)


def _counted_word(pair: PairStatus) -> str:
    """Return the word under which a pair is counted: its bad health, or its wanted state."""
    if pair["health"] in _MARKS or pair["wanted"] == "up":
        return pair["health"]
    if is_disabled(pair):
        return "disabled"
    return "paused" if pair["wanted"] == "paused" else pair["health"]


def _cells(pair: PairStatus) -> tuple[str, ...]:
    up_s, rate, tid = pair.get("up_s"), pair.get("rate_bytes_per_s"), pair["slave_tid"]
    return (
        pair["pair"],
        "disabled" if is_disabled(pair) else pair["state"],
        pair["gear"] or "-",
        _lag(pair),
        "-" if tid is None else show_tid(tid),
        "-" if rate is None else show_rate(rate),
        "-" if up_s is None else show_period(up_s),
        str(pair["restarts"]),
    )


def _with_short_tid(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """Shorten the TID to its last digits, in which successive TIDs differ."""
    tid, width = cells[_TID], max(width, _SHORTEST_TID)
    if len(tid) <= width:
        return cells
    return (*cells[:_TID], f"0x..{tid[4 - width :]}", *cells[_TID + 1 :])


def _lag(pair: PairStatus) -> str:
    if pair["lag_s"] is None:
        return "-" if is_disabled(pair) else "unknown"
    return f"{'~' if pair['lag_approximate'] else ''}{show_period(pair['lag_s'])}"


def _widths(pairs: list[PairStatus], rows: list[tuple[str, ...]], width: int) -> _Widths:
    """Return the width that each column needs; names get what the others leave of `width`."""
    mark = max(len(_MARKS.get(pair["health"], "")) for pair in pairs)
    name, *others = column_widths((_HEADS, *rows))
    left = width - _Widths(mark, (0, *others)).total
    return _Widths(mark, (max(len(_HEADS[_NAME]), min(name, left)), *others))


def _row(pair: PairStatus, cells: tuple[str, ...], widths: _Widths) -> Iterator[Line]:
    health = "" if is_disabled(pair) and pair["health"] == "ok" else pair["health"]
    if len(cells[_NAME]) > widths.columns[_NAME]:
        yield (*_mark(health, widths), Span(cells[_NAME]))
        cells, first = ("", *cells[1:]), ""
    else:
        first = health
    yield _line(first, cells, widths, health)


def _line(mark: str, cells: tuple[str, ...], widths: _Widths, health: str = "") -> Line:
    spans = [*_mark(mark, widths)]
    for head, cell in zip(_HEADS, pad_row(cells, widths.columns, _SIDES), strict=True):
        spans += [Span(cell, health if head in _COLOURED else ""), Span(GAP)]
    return tuple(spans[:-1])


def _mark(health: str, widths: _Widths) -> Iterator[Span]:
    if widths.mark:
        yield Span(_MARKS.get(health, "").ljust(widths.mark), health)
        yield Span(" ")
