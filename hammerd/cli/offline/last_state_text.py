"""Renders the last state: as a table for a terminal, as sentences for a monitor.

pid 985 is gone: it was killed, or the machine went down; 1 of its streams runs on, unwatched
What it left in /var/db/hammerd 2h05m ago:

PAIR  WANTED  SLAVE-TID    SAFE-UNTIL               AGE
home  up      0x100580a8f  2026-03-04 14:02:07 UTC  2h06m
mail  paused  0x1          -                        -
paused until it is resumed

Everything flushed by SAFE-UNTIL is on the slave; a write is flushed some 30 seconds after it was
made, if no sync does it sooner.
"""

from collections.abc import Iterator, Sequence

from hammerd.cli.offline.last_state import LastDaemon, LastState
from hammerd.cli.offline.saved_status import LastPair, LastSlave
from hammerd.cli.output import numbers
from hammerd.cli.output.spans import Line, align_rows, wrap_spans
from hammerd.cli.status.pair_notes import safe_until_text, verified_text
from hammerd.cli.status.shared_notes import PairNotes, share_notes
from hammerd.cli.status.table import shared_lines

_HEADS = ("PAIR", "WANTED", "SLAVE-TID", "SAFE-UNTIL", "AGE")
_NOTE_INDENT = 6
_EXPLANATION = (
    "Everything flushed by SAFE-UNTIL is on the slave; a write is flushed some 30 seconds after "
    "it was made, if no sync does it sooner."
)


def last_state_lines(state: LastState, width: int) -> tuple[Line, ...]:
    """Lay out the last state in lines; no line when nothing is known."""
    daemon, saved_time = state.hammerd, state.hammerd.saved_time
    sentences = [*_daemon_sentences(daemon)]
    if saved_time is not None:
        age = numbers.show_rough_period(numbers.seconds_between(saved_time, state.measured_time))
        sentences.append(f"What it left in {daemon.state_dir} {age} ago:")
    lines = [line for each in sentences for line in wrap_spans(each, width)]
    if saved_time is not None and state.pairs:
        shared, notes = share_notes(
            [
                PairNotes(
                    pair.pair,
                    pair.master,
                    pair.slave,
                    "",
                    None,
                    tuple(_notes(pair, state.measured_time)),
                )
                for pair in state.pairs
            ],
            may_share=lambda _note: True,
        )
        lines += [*shared_lines(shared, width), (), *_table(state, notes, width)]
        lines += [(), *wrap_spans(_EXPLANATION, width)]
    for complaint in daemon.state_complaints:
        lines += wrap_spans(f"! {complaint}", width, tone="warning")
    return (*lines, ()) if lines else ()


def last_state_sentences(state: LastState) -> Iterator[str]:
    """Yield the lines of a monitor's report below the first one."""
    yield from _daemon_sentences(state.hammerd)
    for pair in state.pairs:
        if (safe_time := pair.safe_until_time) is not None:
            yield f"{pair.pair}: {safe_until_text(safe_time, state.measured_time)}"


def _daemon_sentences(daemon: LastDaemon) -> Iterator[str]:
    pid, streams = daemon.pid, daemon.streams
    if pid is None:
        return
    if daemon.pid_is_alive:
        yield f"pid {pid} of its pid file lives: it starts, hangs, or is another process"
        return
    line = f"pid {pid} is gone: it was killed, or the machine went down"
    if streams:
        verb = "runs" if streams == 1 else "run"
        line += f"; {numbers.show_count(streams, 'stream')} of it {verb} on, unwatched"
    yield line


def _table(state: LastState, notes: Sequence[tuple[str, ...]], width: int) -> Iterator[Line]:
    head, *lines = align_rows((_HEADS, *map(_cells, state.pairs)), "<" * len(_HEADS))
    yield head
    for line, kept in zip(lines, notes, strict=True):
        yield line
        for note in kept:
            yield from wrap_spans(note, width, _NOTE_INDENT)


def _cells(pair: LastPair) -> tuple[str, ...]:
    tid, safe_time, age_s = pair.slave_tid, pair.safe_until_time, pair.safe_until_age_s
    return (
        pair.pair,
        pair.wanted or "-",
        "-" if tid is None else numbers.show_tid(tid),
        "-" if safe_time is None else f"{safe_time[:10]} {safe_time[11:19]} UTC",
        "-" if age_s is None else numbers.show_rough_period(age_s),
    )


def _notes(pair: LastPair, measured_time: str) -> Iterator[str]:
    yield from _kept_from_streaming(pair)
    if pair.verified is not None:
        yield verified_text(pair.verified, measured_time)
    for text in (*pair.complaints, *pair.anomalies):
        yield f"not acknowledged: {text}"
    if pair.safe_unknown_because:
        yield pair.safe_unknown_because
    if (until_time := pair.paused_until_time) is not None:
        yield f"paused until {numbers.show_moment(until_time, measured_time)}"
    elif pair.wanted == "paused":
        yield "paused until it is resumed"
    for slave in pair.slaves:
        yield _slave(slave, measured_time)


def _kept_from_streaming(pair: LastPair) -> Iterator[str]:
    if pair.held_by is not None:
        yield f"held by {pair.held_by}: no hammerd streams it"
    if pair.is_diverged:
        yield "parked: diverged, until it is resumed"


def _slave(slave: LastSlave, measured_time: str) -> str:
    parts = ["there" if slave.is_present else "away"]
    if slave.slave_tid is not None:
        parts.append(f"TID {numbers.show_tid(slave.slave_tid)}")
    if slave.safe_until_time is not None:
        parts.append(safe_until_text(slave.safe_until_time, measured_time))
    uuid = slave.unique_uuid.partition("-")[0]
    return f"slave {slave.slave} ({uuid}): {', '.join(parts)}"
