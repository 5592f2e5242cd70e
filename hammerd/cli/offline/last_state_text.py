"""Tells what the last hammerd left: as a table for eyes, as JSON, as sentences for a monitor.

pid 985 is gone: it was killed, or the machine went down; 1 of its streams runs on, unwatched
What it left in /var/db/hammerd 2h05m ago:

PAIR  WANTED  SLAVE-TID    SAFE-UNTIL               AGE
home  up      0x100580a8f  2026-03-04 14:02:07 UTC  2h06m
mail  paused  0x1          -                        -
paused until it is resumed

Everything flushed by SAFE-UNTIL is on the slave; a write is flushed some 30 seconds after it was
made, if no sync does it sooner.
"""

from collections.abc import Iterator

from hammerd.cli.offline.last_state import LeftBehind, LeftPair, Remains
from hammerd.cli.output.numbers import count, show_about, show_moment, show_tid
from hammerd.cli.output.spans import Line, Span, aligned
from hammerd.cli.output.text import wrapped_line
from hammerd.cli.output.times import show_second
from hammerd.cli.status.pair_notes import safe_until
from hammerd.core.rfc3339 import rfc3339
from hammerd.core.tid import format_tid

_HEADS = ("PAIR", "WANTED", "SLAVE-TID", "SAFE-UNTIL", "AGE")
_NOTE_INDENT = 6
_HONEST = (
    "Everything flushed by SAFE-UNTIL is on the slave; a write is flushed some 30 seconds after "
    "it was made, if no sync does it sooner."
)


def left_lines(left: LeftBehind, width: int) -> tuple[Line, ...]:
    """Lay out what is known, nothing where nothing is."""
    sentences = [*_remains(left.remains)]
    if left.saved_time is not None:
        age = show_about(left.now_time - left.saved_time)
        sentences.append(f"What it left in {left.state_dir} {age} ago:")
    lines = [line for each in sentences for line in _wrapped(each, width)]
    if left.saved_time is not None and left.pairs:
        lines += [(), *_table(left, width), (), *_wrapped(_HONEST, width)]
    for complaint in left.complaints:
        lines += _wrapped(f"! {complaint}", width, tone="warning")
    return (*lines, ()) if lines else ()


def left_sentences(left: LeftBehind) -> Iterator[str]:
    """Yield what a monitor tells below its first line."""
    yield from _remains(left.remains)
    for pair in left.pairs:
        if pair.safe_time is not None:
            yield f"{pair.pair}: {safe_until(rfc3339(pair.safe_time), rfc3339(left.now_time))}"


def left_json(left: LeftBehind) -> dict[str, object]:
    """Return what is known, by names like those of a status; what only a hammerd knows is null."""
    remains = left.remains
    return {
        "hammerd": {
            "state": "absent",
            "run_dir": remains.run_dir,
            "pid": remains.pid,
            "pid_is_alive": None if remains.pid is None else remains.is_pid_alive,
            "streams": remains.streams,
            "state_dir": left.state_dir,
            "saved_time": _time(left.saved_time),
            "state_complaints": list(left.complaints),
        },
        "measured_time": rfc3339(left.now_time),
        "health": "critical",
        "pairs": [_pair_json(pair, left.now_time) for pair in left.pairs],
    }


def _pair_json(pair: LeftPair, now_time: float) -> dict[str, object]:
    safe_time = pair.safe_time
    return {
        "pair": pair.pair,
        "master": pair.master,
        "slave": pair.slave,
        "wanted": pair.wanted,
        "paused_until_time": _time(pair.paused_until_time),
        "state": None,
        "is_diverged": pair.is_diverged,
        "lag_s": None,
        "master_tid": None if pair.master_tid is None else format_tid(pair.master_tid),
        "master_seen_time": _time(pair.master_time),
        "slave_tid": None if pair.slave_tid is None else format_tid(pair.slave_tid),
        "slave_seen_time": _time(pair.slave_time),
        "safe_until_time": _time(safe_time),
        "durable_until_time": _time(pair.durable_time),
        "safe_until_age_s": None if safe_time is None else round(now_time - safe_time, 3),
        "safe_unknown_because": pair.unsafe_because,
        "complaints": list(pair.complaints),
        "anomalies": list(pair.anomalies),
    }


def _remains(remains: Remains) -> Iterator[str]:
    if remains.pid is None:
        return
    if remains.is_pid_alive:
        yield f"pid {remains.pid} of its pid file lives: it starts, hangs, or is another process"
        return
    gone = f"pid {remains.pid} is gone: it was killed, or the machine went down"
    if remains.streams:
        verb = "runs" if remains.streams == 1 else "run"
        gone += f"; {count(remains.streams, 'stream')} of it {verb} on, unwatched"
    yield gone


def _table(left: LeftBehind, width: int) -> Iterator[Line]:
    rows = [_cells(pair, left.now_time) for pair in left.pairs]
    head, *lines = aligned((_HEADS, *rows), "<" * len(_HEADS))
    yield head
    for pair, line in zip(left.pairs, lines, strict=True):
        yield line
        for note in _notes(pair, left.now_time):
            yield from _wrapped(" " * _NOTE_INDENT + note, width)


def _cells(pair: LeftPair, now_time: float) -> tuple[str, ...]:
    tid, safe_time = pair.slave_tid, pair.safe_time
    return (
        pair.pair,
        pair.wanted,
        "-" if tid is None else show_tid(format_tid(tid)),
        "-" if safe_time is None else f"{show_second(int(safe_time * 1_000))} UTC",
        "-" if safe_time is None else show_about(now_time - safe_time),
    )


def _notes(pair: LeftPair, now_time: float) -> Iterator[str]:
    if pair.is_diverged:
        yield "parked: diverged, until it is resumed"
    for text in (*pair.complaints, *pair.anomalies):
        yield f"not acknowledged: {text}"
    if pair.unsafe_because:
        yield pair.unsafe_because
    if pair.wanted == "paused" and pair.paused_until_time is None:
        yield "paused until it is resumed"
    elif pair.paused_until_time is not None:
        yield f"paused until {show_moment(rfc3339(pair.paused_until_time), rfc3339(now_time))}"


def _wrapped(text: str, width: int, tone: str = "") -> Iterator[Line]:
    for line in wrapped_line(text, width, 2):
        yield (Span(line, tone),)


def _time(wall_time: float | None) -> str | None:
    return None if wall_time is None else rfc3339(wall_time)
