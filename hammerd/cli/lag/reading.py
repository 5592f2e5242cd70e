"""Reads the past of pairs from the history, and reports it by core/lag_report."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from hammerd.cli.history import queries
from hammerd.cli.lag.past import Past, Question
from hammerd.core.api.history_schema import EVENT_COLUMNS, EventRow, LagRow
from hammerd.core.lag_report.course import BEFORE_MS, Period, Thinned, course_of
from hammerd.core.lag_report.marks import MARK_EVENTS, OPENING_EVENTS, marks_of
from hammerd.core.lag_report.summary import summarize


def pasts_of(
    connection: sqlite3.Connection, pairs: Sequence[str], question: Question
) -> Iterator[Past]:
    """Yield the past of each pair; a pair without samples has an empty one."""
    last = {row.pair: row for row in queries.last_samples(connection, pairs)}
    events = _events(connection, pairs, question.period) if question.has_marks else []
    thinned = queries.thinned_steps(connection)
    for pair in pairs:
        since_ms = question.period.since_ms - BEFORE_MS
        rows = queries.samples_of(connection, [pair], since_ms, question.period.until_ms - 1)
        yield _past(pair, question, last.get(pair), (rows, thinned, events))


def _past(
    pair: str,
    question: Question,
    last: LagRow | None,
    found: tuple[Sequence[LagRow], Thinned, Sequence[EventRow]],
) -> Past:
    rows, thinned, events = found
    period, warning_s = question.period, question.warnings.get(pair)
    course = course_of(rows, period, thinned)
    within = [row for row in rows if row.time_ms >= period.since_ms]
    return Past(
        pair,
        period,
        summarize(course, period, warning_s),
        last,
        warning_s,
        len(within),
        sum(row.seconds is None for row in within),
        course,
        within,
        marks_of(events, pair, period, course),
    )


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
