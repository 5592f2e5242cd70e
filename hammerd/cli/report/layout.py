"""Lays out a report as text for a mail, at most 80 columns wide as far as names allow.

hammerd on alpha: 1 of 2 pairs needs a look (24h00m up to 2026-03-04 03:05 UTC)

   PAIR  STATE      WORST LAG  AT     RESTARTS  SAFE-UNTIL           FREE  VERIFIED
   home  streaming      4m10s  03:12         0  2026-03-04 03:04  11.8 GB  6d ago
!! mail  parked       unknown  -             2  2026-03-02 17:40  11.8 GB  -
      uuid_mismatch
      hint: the slave was made for another master

errors in the log:
  mail  pair.parked  1 time
"""

from collections.abc import Iterator

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.offline.last_state_text import last_state_lines
from hammerd.cli.output import numbers
from hammerd.cli.output.spans import Line, Span, align_rows, plain_text, wrap_spans
from hammerd.cli.output.text import WIDTH
from hammerd.cli.output.times import json_time, show_to_minute
from hammerd.cli.report.facts import Facts, PastOf
from hammerd.cli.status.daemon_notes import notes_of_daemon
from hammerd.cli.status.pair_notes import is_disabled, notes_of_pair
from hammerd.core.characters import escape_invisible

_MARKS = {"critical": "!! ", "warning": "!  ", "unknown": "?  "}
_HEADS = (
    *("   PAIR", "STATE", "WORST LAG", "AT", "RESTARTS"),
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
    return not any(needs_look(pair) for pair in status["pairs"])


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
        yield from ((), *wrap_spans(f"! no history: {facts.unread_because}", width))
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
        return "no hammerd answers, and nothing is mirrored by it"
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
    if facts.last is not None:
        yield from ((), *last_state_lines(facts.last, width))


def _table(facts: Facts, width: int) -> Iterator[Line]:
    if facts.status is None or not facts.status["pairs"]:
        return
    pairs, measured_time = facts.status["pairs"], facts.status.get("measured_time")
    head, *rows = align_rows((_HEADS, *(_cells(pair, facts) for pair in pairs)), _SIDES)
    yield from ((), head)
    for pair, row in zip(pairs, rows, strict=True):
        yield (Span(plain_text(row), pair["health"] if pair["health"] in _MARKS else ""),)
        for note in notes_of_pair(pair, measured_time):
            yield from wrap_spans(note, width, _NOTE_INDENT)


def _cells(pair: PairStatus, facts: Facts) -> tuple[str, ...]:
    past = facts.past.get(pair["pair"], PastOf())
    free_bytes, safe_time = pair.get("slave_free_bytes"), pair.get("safe_until_time")
    return (
        _MARKS.get(pair["health"], "   ") + escape_invisible(pair["pair"]),
        "disabled" if is_disabled(pair) else pair["state"],
        "unknown" if past.lag.max_s is None else numbers.show_period(past.lag.max_s),
        _worst_at(past, facts.at_ms),
        str(past.restarts),
        "-" if safe_time is None else f"{safe_time[:10]} {safe_time[11:16]}",
        "-" if free_bytes is None else numbers.show_bytes(free_bytes),
        _verified(pair, facts.at_ms),
    )


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
