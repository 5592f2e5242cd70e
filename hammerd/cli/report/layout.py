"""Lays out a report as text for a mail, at most 80 columns wide as far as names allow.

hammerd on alpha: 1 of 2 pairs needs a look (24h00m up to 2026-03-04 03:05 UTC)

   PAIR  STATE      MAX LAG  AT     RESTARTS  SAFE-UNTIL      FREE  VERIFIED
   home  streaming    4m10s  03:12         0  03-04 03:04  11.8 GB  6d00h ago
!! mail  parked     unknown  -             2  03-02 17:40  11.8 GB  never
      uuid_mismatch
      hint: the slave was made for another master

alarms that stand:
  critical  uuid_mismatch  since 2026-03-02 17:41  mail

errors in the log:
  mail  pair.parked  1 time
"""

from collections.abc import Iterator, Sequence

from hammerd.cli.client.status_types import AlarmStatus, PairStatus
from hammerd.cli.offline.last_state_text import last_state_lines
from hammerd.cli.output import numbers
from hammerd.cli.output.spans import Line, Span, align_rows, plain_text, wrap_spans
from hammerd.cli.output.text import WIDTH
from hammerd.cli.output.times import json_time, show_to_minute
from hammerd.cli.report.facts import Facts, PastOf
from hammerd.cli.status.daemon_notes import notes_of_daemon
from hammerd.cli.status.pair_notes import is_disabled, notes_of_pair
from hammerd.cli.status.shared_notes import PairNotes, name_pairs, share_notes
from hammerd.cli.status.table import shared_lines
from hammerd.core.characters import escape_invisible
from hammerd.core.exit_codes import Exit

_MARKS = {"critical": "!! ", "warning": "!  ", "unknown": "?  "}
_HEADS = (
    *("   PAIR", "STATE", "MAX LAG", "AT", "RESTARTS"),
    *("SAFE-UNTIL", "FREE", "VERIFIED"),
)
_SIDES = "<<><><><"
_NOTE_INDENT = 6
_DAY_MS = 86_400_000


def is_well(facts: Facts) -> bool:
    """Return whether nothing in a report needs a person."""
    status = facts.status
    if status is None or facts.unread_because or facts.errors:
        return False
    if any(notes_of_daemon(status["hammerd"], status.get("measured_time"))):
        return False
    if not all(alarm["is_acknowledged"] for alarm in alarms_of(facts)):
        return False
    return not any(needs_look(pair) for pair in status["pairs"])


def alarms_of(facts: Facts) -> Sequence[AlarmStatus]:
    """Return the alarms that stand, none without a daemon."""
    return [] if facts.status is None else facts.status["hammerd"].get("alarms", [])


def needs_look(pair: PairStatus) -> bool:
    """Return whether a pair is in trouble now, or has complaints that nobody acknowledged."""
    return pair["health"] != "ok" or bool(pair.get("complaints") or pair.get("anomalies"))


def report_lines(facts: Facts, host: str, width: int = WIDTH) -> Iterator[Line]:
    """Yield the lines of a report about `host`."""
    yield from wrap_spans(_headline(facts, host), width)
    if facts.status is None:
        yield from _without_daemon(facts, width)
    else:
        yield from _table(facts, width)
        for trouble, hint in notes_of_daemon(
            facts.status["hammerd"], facts.status.get("measured_time")
        ):
            yield from ((), *wrap_spans(f"! {trouble}", width, tone="warning"))
            yield from wrap_spans(f"hint: {hint}" if hint else "", width, 2)
    if facts.unread_because:
        yield from ((), *wrap_spans(f"! {facts.unread_because}", width))
    yield from _alarms(facts, width)
    yield from _errors(facts)
    if facts.daemon_starts:
        times = numbers.show_count(facts.daemon_starts, "time")
        yield from ((), *wrap_spans(f"hammerd was started {times}.", width))


def _headline(facts: Facts, host: str) -> str:
    period = numbers.show_rough_period((facts.at_ms - facts.since_ms) / 1_000)
    when = f"({period} up to {show_to_minute(facts.at_ms)} UTC)"
    return f"hammerd on {escape_invisible(host)}: {_verdict(facts)} {when}"


def _verdict(facts: Facts) -> str:
    if facts.status is None:
        is_hidden = facts.absence is not None and facts.absence.code == Exit.NO_PERMISSION
        return (
            "you may not ask how the mirrors fare"
            if is_hidden
            else "no hammerd answers: nobody mends a stream that fails now"
        )
    pairs = facts.status["pairs"]
    if count := sum(map(needs_look, pairs)):
        need = "needs" if count == 1 else "need"
        return f"{count} of {numbers.show_count(len(pairs), 'pair')} {need} a look"
    if not is_well(facts):
        return f"{numbers.show_count(len(pairs), 'pair')} well, but see below"
    return f"{numbers.show_count(len(pairs), 'pair')}, all well"


def _without_daemon(facts: Facts, width: int) -> Iterator[Line]:
    if facts.absence is not None:
        yield from wrap_spans(f"! {facts.absence.message}", width, tone="warning")
        if facts.absence.hint:
            yield from wrap_spans(f"hint: {facts.absence.hint}", width, 2)
    if facts.last is not None and (left := last_state_lines(facts.last, width)):
        # The last line is blank, and so is the first of what follows.
        yield from ((), *left[:-1])


def _table(facts: Facts, width: int) -> Iterator[Line]:
    if facts.status is None or not facts.status["pairs"]:
        return
    pairs, measured_time = facts.status["pairs"], facts.status.get("measured_time")
    shared, kept = share_notes([_notes(pair, measured_time) for pair in pairs])
    yield from shared_lines(shared, width)
    head, *rows = align_rows((_HEADS, *(_cells(pair, facts) for pair in pairs)), _SIDES)
    yield from ((), head)
    for pair, row, notes in zip(pairs, rows, kept, strict=True):
        yield (Span(plain_text(row), pair["health"] if pair["health"] in _MARKS else ""),)
        for note in notes:
            yield from wrap_spans(note, width, _NOTE_INDENT)


def _notes(pair: PairStatus, measured_time: str | None) -> PairNotes:
    notes = tuple(notes_of_pair(pair, measured_time))
    names = (pair["pair"], pair["master"], pair["slave"])
    return PairNotes(*names, pair["health"], pair["because"], notes)


def _cells(pair: PairStatus, facts: Facts) -> tuple[str, ...]:
    past = facts.past.get(pair["pair"], PastOf())
    free_bytes, safe_time = pair.get("slave_free_bytes"), pair.get("safe_until_time")
    return (
        _MARKS.get(pair["health"], "   ") + escape_invisible(pair["pair"]),
        "disabled" if is_disabled(pair) else pair["state"],
        _worst(past),
        _worst_at(past, facts.at_ms),
        str(past.restarts),
        "-" if safe_time is None else _safe_until(safe_time, facts.at_ms),
        "-" if free_bytes is None else numbers.show_bytes(free_bytes),
        _verified(pair, facts.at_ms),
    )


def _worst(past: PastOf) -> str:
    if past.lag.max_s is not None:
        return numbers.show_period(past.lag.max_s)
    return "unknown" if past.lag.samples else "-"


def _safe_until(time: str, at_ms: int) -> str:
    """Return a time to the minute, without its year; one of another year as a date."""
    is_of_this_year = time[:4] == json_time(at_ms)[:4]
    return f"{time[5:10]} {time[11:16]}" if is_of_this_year else time[:10]


def _worst_at(past: PastOf, at_ms: int) -> str:
    """Return when the lag was greatest: the time of day within a day, else the date."""
    max_ms = past.lag.max_ms
    if max_ms is None:
        return "-"
    date, clock = show_to_minute(max_ms).split()
    return clock if at_ms - max_ms <= _DAY_MS else date[5:]


def _verified(pair: PairStatus, at_ms: int) -> str:
    verified = pair.get("verified")
    if verified is None:
        return "never"
    age = numbers.seconds_between(verified["time"], json_time(at_ms))
    found = "" if verified["is_equal"] else "differs, "
    return f"{found}{numbers.show_rough_period(age)} ago"


def _alarms(facts: Facts, width: int) -> Iterator[Line]:
    """Yield the alarms that stand, one line for the pairs of one cause and time."""
    names: dict[tuple[str, ...], list[str]] = {}
    for alarm in alarms_of(facts):
        since = f"since {alarm['since_time'][:10]} {alarm['since_time'][11:16]}"
        kind = (alarm["level"], alarm["because"], since)
        end = ", acknowledged" if alarm["is_acknowledged"] else ""
        name = "hammerd itself" if alarm["pair"] is None else escape_invisible(alarm["pair"])
        names.setdefault((*kind, end), []).append(name)
    if not names:
        return
    yield from ((), (Span("alarms that stand:"),))
    rows = [
        (f"  {level}", because, since, _named(held) + end)
        for (level, because, since, end), held in sorted(names.items())
    ]
    _head, *lines = align_rows((("", "", "", ""), *rows), "<<<<")
    for line in lines:
        yield from wrap_spans(plain_text(line), width, deeper=_NOTE_INDENT)


def _named(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else name_pairs(names)


def _errors(facts: Facts) -> Iterator[Line]:
    if not facts.errors:
        return
    yield from ((), (Span("errors in the log:"),))
    rows = [
        ("  " + (escape_invisible(pair) or "-"), event, numbers.show_count(count, "time"))
        for (pair, event), count in sorted(facts.errors.items())
    ]
    _head, *lines = align_rows((("", "", ""), *rows), "<<<")
    yield from lines
