"""Reads the past of pairs from the history, and reports it by core/lag_report."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hammerd.cli.history import queries
from hammerd.cli.lag.past import Past, Question
from hammerd.cli.output.times import Zone, moment_of
from hammerd.core.api.history_schema import EVENT_COLUMNS, EventRow, LagRow
from hammerd.core.lag_report.causes import cleanup_marks
from hammerd.core.lag_report.course import BEFORE_MS, Course, Period, Sample, Thinned, course_of
from hammerd.core.lag_report.episodes import episodes_of, spike_limit
from hammerd.core.lag_report.marks import MARK_EVENTS, OPENING_EVENTS, Mark, marks_of
from hammerd.core.lag_report.summary import Summary, summarize

AT_ONCE = 25
"""The pairs that are read by one query: their samples are in memory at the same time."""


def pasts_of(
    connection: sqlite3.Connection, pairs: Sequence[str], question: Question
) -> Iterator[Past]:
    """Yield the past of each pair; a pair without samples has an empty one."""
    last = {row.pair: row for row in queries.last_samples(connection, pairs)}
    events = _events(connection, pairs, question.period) if question.has_marks else []
    thinned = queries.thinned_steps(connection)
    since_ms, until_ms = question.period.since_ms - BEFORE_MS, question.period.until_ms - 1
    if question.has_rows:
        for pair in pairs:
            rows = queries.samples_of(connection, [pair], since_ms, until_ms)
            past = _past(pair, question, last.get(pair), (rows, thinned, events))
            yield replace(past, rows=[row for row in rows if row.time_ms >= since_ms + BEFORE_MS])
        return
    for first in range(0, len(pairs), AT_ONCE):
        some = pairs[first : first + AT_ONCE]
        found = queries.points_of(connection, some, since_ms, until_ms)
        for pair in some:
            yield _past(pair, question, last.get(pair), (found[pair], thinned, events))


def _past(
    pair: str,
    question: Question,
    last: LagRow | None,
    found: tuple[Sequence[Sample], Thinned, Sequence[EventRow]],
) -> Past:
    samples, thinned, events = found
    period, warning_s = question.period, question.warnings.get(pair)
    course = course_of(samples, period, thinned)
    summary = summarize(course, period, warning_s)
    within = [each for each in samples if each.time_ms >= period.since_ms]
    return Past(
        pair,
        period,
        summary,
        last,
        warning_s,
        sample_count=len(within),
        unknown_count=sum(each.seconds is None for each in within),
        course=course,
        marks=_marks(pair, course, summary, (events, question)) if question.has_marks else (),
    )


def _marks(
    pair: str, course: Course, summary: Summary, found: tuple[Sequence[EventRow], Question]
) -> list[Mark]:
    events, question = found
    period, limit_s = question.period, spike_limit(question.warnings.get(pair), summary.median_s)
    marks = marks_of(events, pair, period, course)
    episodes = episodes_of(course, period, limit_s)
    likely = cleanup_marks(episodes, marks, lambda time_ms: moment_of(time_ms, Zone.LOCAL))
    return sorted([*marks, *likely], key=lambda mark: mark.begin_ms)


def _events(
    connection: sqlite3.Connection, pairs: Sequence[str], period: Period
) -> list[EventRow]:
    """Return the events that marks are made of, in their order, with those that open a period."""
    found = dict(queries.events_of(connection, (), period.since_ms))
    wanted = frozenset((*pairs, None))
    for names in OPENING_EVENTS:
        for pair in pairs:
            found |= _last_before(connection, pair, sorted(names), period.since_ms)
    return [
        found[number]
        for number in sorted(found)
        if found[number].event in MARK_EVENTS and found[number].pair in wanted
    ]


def _last_before(
    connection: sqlite3.Connection, pair: str, names: Sequence[str], before_ms: int
) -> Mapping[int, EventRow]:
    """Return the last event with one of these names, of a pair or of hammerd itself."""
    is_own = names[0].startswith("daemon.")
    whose = "pair IS NULL" if is_own else "pair = ?"
    rows = connection.execute(
        f"SELECT id, {EVENT_COLUMNS} FROM events WHERE {whose} AND time_ms < ? "
        f"AND event IN ({', '.join('?' * len(names))}) "
        "AND typeof(time_ms) = 'integer' AND typeof(fields) = 'text' ORDER BY id DESC LIMIT 1",
        (*(() if is_own else (pair,)), before_ms, *names),
    )
    return {number: EventRow(*row) for number, *row in rows}
