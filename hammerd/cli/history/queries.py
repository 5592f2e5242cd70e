"""Queries of history.db, of this version or of version 1."""

from collections.abc import Iterator, Sequence
from typing import Any

from hammerd.cli.history.event_filter import EventFilter
from hammerd.cli.history.opening import read_history as read_history
from hammerd.cli.history.opening import sqlite3
from hammerd.core.api import history_schema
from hammerd.core.api.history_schema import SANE_LAG, LagRow, sample_row
from hammerd.core.api.pair_patterns import Choice, choose
from hammerd.core.lag_report.course import Point

_SANE_LAG = (
    "typeof(p.name) = 'text' AND typeof(e.begin_ms) = 'integer' "
    "AND (r.lag_ms IS NULL OR r.lag_ms BETWEEN 0 AND 1000000000000000)"
)
_SANE_SAMPLE = (
    f"{_SANE_LAG} AND typeof(r.after_ms) = 'integer' AND typeof(r.verdict) = 'integer' "
    "AND typeof(r.lag_ms) IN ('integer', 'null') AND typeof(r.tids) IN ('integer', 'null') "
    "AND typeof(r.master_tid) IN ('integer', 'null') "
    "AND typeof(r.slave_tid) IN ('integer', 'null') "
    # Without abs(), which fails for the least of all integers.
    "AND typeof(r.safe_s) IN ('integer', 'null') "
    "AND ifnull(r.safe_s BETWEEN -1e12 AND 1e12, 1) "
    "AND typeof(r.durable_s) IN ('integer', 'null') "
    "AND ifnull(r.durable_s BETWEEN -1e12 AND 1e12, 1)"
)
"""Conditions for an undamaged sample, of its lag alone, and of all its columns; SQLite itself
accepts any value in any column."""

_SAMPLE = "r.verdict, r.lag_ms, r.tids, r.master_tid, r.slave_tid, r.safe_s, r.durable_s"
_TIME = "e.begin_ms + r.after_ms"
_IN_PERIOD = (
    "e.begin_ms <= :until "
    "AND (e.last_ms IS NULL OR e.begin_ms + e.last_ms >= :since OR e.boot = 0) "
)
_SAMPLES = (
    # By era and pair, the order of the table: its rows of other times are not read.
    "FROM eras e CROSS JOIN pairs p CROSS JOIN lag_rows r ON r.pair = p.id AND r.era = e.id "
    f"AND r.after_ms BETWEEN :since - e.begin_ms AND :until - e.begin_ms WHERE {_IN_PERIOD}",
    "FROM lag_recent r JOIN eras e ON e.id = r.era JOIN pairs p ON p.id = r.pair "
    f"WHERE {_TIME} BETWEEN :since AND :until ",
)


_PAIRS_OF_EVENTS = """SELECT name FROM (
    WITH RECURSIVE found(name) AS (
        SELECT min(pair) FROM event_rows
        UNION ALL
        SELECT (SELECT min(pair) FROM event_rows WHERE pair > found.name) FROM found
        WHERE found.name IS NOT NULL
    )
    SELECT name FROM found WHERE typeof(name) = 'text'
)"""
"""Steps from name to name in the index: a year of events is not read."""


def events_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, after_id: int = 0
) -> list[tuple[int, history_schema.EventRow]]:
    """Return events with their ids; no pairs means all, and hammerd's own events."""
    wanted, names = _pair_condition(pairs)
    first_id = max(after_id + 1, _first_event_since(connection, since_ms))
    rows = connection.execute(
        f"SELECT id, {history_schema.EVENT_COLUMNS} FROM events "
        f"WHERE time_ms >= ? AND id >= ? AND {history_schema.SANE_EVENT}{wanted} ORDER BY id",
        (since_ms, first_id, *names),
    ).fetchall()
    return [(number, history_schema.EventRow(*row)) for number, *row in rows]


def find_events(
    connection: sqlite3.Connection, wanted: EventFilter, limit: int = -1
) -> list[tuple[int, history_schema.EventRow]]:
    """Return the last events that a filter admits, at most `limit` of them, with their ids."""
    condition, values = wanted.condition()
    first_id = _first_event_since(connection, wanted.since_ms)
    rows = connection.execute(
        f"SELECT id, {history_schema.EVENT_COLUMNS} FROM events "
        f"WHERE {condition} AND id >= ? AND {history_schema.SANE_EVENT} "
        "ORDER BY id DESC LIMIT ?",
        (*values, first_id, limit),
    ).fetchall()
    return [(number, history_schema.EventRow(*row)) for number, *row in reversed(rows)]


def extent_of_events(connection: sqlite3.Connection, wanted: EventFilter) -> tuple[int, int, int]:
    """Return how many events a filter admits, and the first and the last of their times."""
    condition, values = wanted.condition()
    count, first_ms, last_ms = connection.execute(
        "SELECT count(*), ifnull(min(time_ms), 0), ifnull(max(time_ms), 0) FROM events "
        f"WHERE {condition} AND {history_schema.SANE_EVENT}",
        values,
    ).fetchone()
    return count, first_ms, last_ms


def last_event_id(connection: sqlite3.Connection) -> int:
    """Return the id of the last event, 0 without one."""
    (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM events").fetchone()
    return int(last)


def event_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all events on record."""
    names = f"SELECT DISTINCT event FROM events WHERE {history_schema.SANE_EVENT} ORDER BY event"
    return [name for (name,) in connection.execute(names)]


def _first_event_since(connection: sqlite3.Connection, since_ms: int) -> int:
    """Return an id below which no event is as late as `since_ms`: ids are found fast."""
    if _table_of_version_1(connection) is not None:
        return 0
    # In an era times grow with the ids, but not in the rows of version 1.
    query = """SELECT min(CASE WHEN e.boot = 0 THEN (
            SELECT min(id) FROM event_rows WHERE era = e.id AND after_ms >= :since - e.begin_ms
        ) ELSE (
            SELECT id FROM event_rows WHERE era = e.id AND after_ms >= :since - e.begin_ms
            ORDER BY after_ms, id LIMIT 1
        ) END) FROM eras e"""
    (first_id,) = connection.execute(query, {"since": since_ms}).fetchone()
    return history_schema.MOST_INTEGER if first_id is None else int(first_id)


def samples_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, until_ms: int
) -> list[LagRow]:
    """Return samples in the order of their times; no pairs means all."""
    rows = _rows_of_version_1(connection, pairs, since_ms, until_ms)
    if _is_compact(connection):
        # A text is checked for control characters, which takes time in each row.
        names = dict(connection.execute("SELECT id, name FROM pairs"))
        found = _select(connection, f"r.pair, {_TIME}, {_SAMPLE}", pairs, (since_ms, until_ms))
        rows += [sample_row(names[row[0]], row[1], row[2:]) for row in found]
    return sorted(rows, key=lambda row: row.time_ms)


def points_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, until_ms: int
) -> dict[str, list[Point]]:
    """Return the samples of pairs without their TIDs, in any order."""
    points: dict[str, list[Point]] = {name: [] for name in pairs}
    if not pairs:
        return points
    for row in _rows_of_version_1(connection, pairs, since_ms, until_ms):
        points[row.pair].append(Point(row.time_ms, row.verdict, row.seconds))
    if _is_compact(connection):
        # By the ids of pairs: each name would be decoded for each sample.
        condition, values = _named_pairs(pairs)
        names = f"SELECT p.id, p.name FROM pairs p WHERE true{condition}"
        of_pair = {key: points[name] for key, name in connection.execute(names, values)}
        columns = f"p.id, {_TIME}, r.verdict, r.lag_ms"
        for key, time_ms, verdict, lag_ms in _select(
            connection, columns, pairs, (since_ms, until_ms)
        ):
            seconds = None if lag_ms is None else lag_ms / 1_000
            of_pair[key].append(Point(time_ms, history_schema.verdict_word(verdict), seconds))
    return points


def summaries_of(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, until_ms: int
) -> dict[str, history_schema.LagSummary]:
    """Return a summary of each pair's samples; no pairs means all."""
    samples: dict[str, list[history_schema.LagPoint]] = {}
    for row in _rows_of_version_1(connection, pairs, since_ms, until_ms):
        samples.setdefault(row.pair, []).append((row.seconds, row.time_ms))
    if _is_compact(connection):
        # A day of many pairs is a million rows: only what is needed is read and checked.
        names = dict(connection.execute("SELECT id, name FROM pairs"))
        found: dict[int, list[history_schema.LagPoint]] = {}
        columns, period = f"r.pair, r.lag_ms / 1000.0, {_TIME}", (since_ms, until_ms)
        for pair, seconds, time_ms in _select(connection, columns, pairs, period, _SANE_LAG):
            found.setdefault(pair, []).append((seconds, time_ms))
        for number, points in found.items():
            samples.setdefault(names[number], []).extend(points)
    return {pair: history_schema.summary_of(samples[pair]) for pair in sorted(samples)}


def worst_by_part(
    connection: sqlite3.Connection, since_ms: int, step_ms: int, parts: int
) -> dict[str, list[float | None]]:
    """Return the greatest lag of each pair in each part of a period, None if it is not known."""
    end_ms = since_ms + parts * step_ms
    worst: dict[str, list[float | None]] = {}
    for pair, part, seconds in _maxima_by_part(connection, since_ms, step_ms, parts):
        found = worst.setdefault(pair, [None] * parts)
        found[part] = max(seconds, found[part] or 0.0)
    for row in _rows_of_version_1(connection, (), since_ms, end_ms - 1):
        if row.seconds is not None:
            found, part = worst.setdefault(row.pair, [None] * parts), row.time_ms - since_ms
            found[part // step_ms] = max(row.seconds, found[part // step_ms] or 0.0)
    return worst


def _maxima_by_part(
    connection: sqlite3.Connection, since_ms: int, step_ms: int, parts: int
) -> Iterator[tuple[str, int, float]]:
    """Yield maxima of a pair and a part of the period, which may have several."""
    if not _is_compact(connection):
        return
    period = {"since": since_ms, "until": since_ms + parts * step_ms - 1, "step": step_ms}
    yield from connection.execute(
        f"SELECT p.name, ({_TIME} - :since) / :step, max(r.lag_ms) / 1000.0 {_SAMPLES[1]} "
        f"AND r.lag_ms IS NOT NULL AND {_SANE_LAG} GROUP BY r.pair, 2",
        period,
    )
    # A part of a pair is read as it stands in the table, and sorted by nothing.
    query = f"""
        WITH part (number, begin) AS (
            SELECT 0, :since - :begin
            UNION ALL SELECT number + 1, begin + :step FROM part WHERE number + 1 < :parts
        )
        SELECT p.name, number, (
            SELECT max(r.lag_ms) FROM lag_rows r WHERE r.pair = p.id AND r.era = e.id
            AND r.after_ms >= part.begin AND r.after_ms < part.begin + :step AND {_SANE_LAG}
        ) / 1000.0 AS seconds
        FROM eras e CROSS JOIN pairs p CROSS JOIN part WHERE e.id = :era"""
    eras = connection.execute(f"SELECT id, begin_ms FROM eras e WHERE {_IN_PERIOD}", period)
    for era, begin_ms in eras.fetchall():
        values = {**period, "era": era, "begin": begin_ms, "parts": parts}
        yield from (row for row in connection.execute(query, values) if row[2] is not None)


def last_samples(connection: sqlite3.Connection, pairs: Sequence[str]) -> list[LagRow]:
    """Return the last sample of each pair, however old; no pairs means all."""
    last = {row.pair: row for row in _last_of_version_1(connection, pairs)}
    if _is_compact(connection):
        last |= {row.pair: row for row in _last_settled(connection, pairs)}
        last |= {row.pair: row for row in _last_recent(connection, pairs)}
    return [last[pair] for pair in sorted(last)]


def thinned_steps(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    """Return pairs (step_ms, until_ms): before until_ms only the worst of step_ms is left."""
    query = "SELECT step_ms, until_ms FROM thinned"
    if _is_compact(connection):
        query = (
            "SELECT t.step_ms, max(e.begin_ms + t.until_ms) FROM thinned t "
            "JOIN eras e ON e.id = t.era GROUP BY t.step_ms"
        )
    return connection.execute(f"{query} ORDER BY 1").fetchall()


def _is_compact(connection: sqlite3.Connection) -> bool:
    """Return whether a history is of this version; it may still hold rows of version 1."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == history_schema.SCHEMA_VERSION)


def _select(
    connection: sqlite3.Connection,
    columns: str,
    pairs: Sequence[str],
    period: tuple[int, int],
    sane: str = _SANE_SAMPLE,
) -> Iterator[tuple[Any, ...]]:
    """Select columns of samples in a period."""
    condition, values = _named_pairs(pairs)
    values |= {"since": period[0], "until": period[1]}
    for source in _SAMPLES:
        yield from connection.execute(f"SELECT {columns} {source} AND {sane}{condition}", values)


def _last_settled(connection: sqlite3.Connection, pairs: Sequence[str]) -> Iterator[LagRow]:
    condition, values = _named_pairs(pairs)
    query = (
        f"SELECT p.name, {_TIME}, {_SAMPLE} FROM pairs p CROSS JOIN lag_rows r ON r.pair = p.id "
        f"JOIN eras e ON e.id = r.era WHERE p.id = ? AND {_SANE_SAMPLE} "
        "ORDER BY r.era DESC, r.after_ms DESC LIMIT 1"
    )
    wanted = f"SELECT p.id FROM pairs p WHERE true{condition}"
    for key in connection.execute(wanted, values).fetchall():
        for name, time_ms, *sample in connection.execute(query, key):
            yield sample_row(name, time_ms, tuple(sample))


def _last_recent(connection: sqlite3.Connection, pairs: Sequence[str]) -> Iterator[LagRow]:
    condition, values = _named_pairs(pairs)
    # SQLite takes the other columns from the row that has the max().
    query = (
        f"SELECT p.name, {_TIME}, {_SAMPLE}, max(r.id) FROM lag_recent r "
        "JOIN eras e ON e.id = r.era JOIN pairs p ON p.id = r.pair "
        f"WHERE {_SANE_SAMPLE}{condition} GROUP BY r.pair"
    )
    for name, time_ms, *sample, _ in connection.execute(query, values):
        yield sample_row(name, time_ms, tuple(sample))


def _rows_of_version_1(
    connection: sqlite3.Connection, pairs: Sequence[str], since_ms: int, until_ms: int
) -> list[LagRow]:
    if (table := _table_of_version_1(connection)) is None:
        return []
    wanted, names = _pair_condition(pairs)
    rows = connection.execute(
        f"SELECT {history_schema.LAG_COLUMNS} FROM {table} "
        f"WHERE time_ms BETWEEN ? AND ? AND {SANE_LAG}{wanted} ORDER BY id",
        (since_ms, until_ms, *names),
    ).fetchall()
    return [LagRow(*row) for row in rows]


def _last_of_version_1(connection: sqlite3.Connection, pairs: Sequence[str]) -> list[LagRow]:
    if (table := _table_of_version_1(connection)) is None:
        return []
    wanted, names = _pair_condition(pairs)
    rows = connection.execute(
        f"SELECT {history_schema.LAG_COLUMNS} FROM {table} WHERE id IN "
        f"(SELECT max(id) FROM {table} WHERE {SANE_LAG}{wanted} GROUP BY pair)",
        names,
    ).fetchall()
    return [LagRow(*row) for row in rows]


def _table_of_version_1(connection: sqlite3.Connection) -> str | None:
    """Return the table with samples of version 1, None if there is none any more."""
    if not _is_compact(connection):
        return "lag"
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'old_lag'"
    return "old_lag" if connection.execute(query).fetchone() else None


def _named_pairs(pairs: Sequence[str]) -> tuple[str, dict[str, str | int]]:
    """Return the condition for pairs by names, and the values of its parameters."""
    names: dict[str, str | int] = {f"pair{number}": name for number, name in enumerate(pairs)}
    if not names:
        return "", {}
    return f" AND p.name IN ({', '.join(f':{key}' for key in names)})", names


def choose_recorded(
    connection: sqlite3.Connection, words: Sequence[str]
) -> tuple[Choice, Sequence[str]]:
    """Choose pairs of the history by names and patterns; return the known names with them.

    The names are only looked up if a word is none of them.
    """
    if all(_is_known(connection, word) for word in words):
        return choose(words, words), words
    known = known_pairs(connection)
    return choose(words, known), known


def known_pairs(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all pairs that the history knows."""
    queries = []
    if (table := _table_of_version_1(connection)) is not None:
        sane = f"pair IS NOT NULL AND {history_schema.SANE_EVENT}"
        queries.append(f"SELECT DISTINCT pair FROM events WHERE {sane}")
        queries.append(f"SELECT DISTINCT pair FROM {table} WHERE {SANE_LAG}")
    else:
        queries.append(_PAIRS_OF_EVENTS)
    if _is_compact(connection):
        queries.append("SELECT name FROM pairs WHERE typeof(name) = 'text'")
    return [name for (name,) in connection.execute(f"{' UNION '.join(queries)} ORDER BY 1")]


def _is_known(connection: sqlite3.Connection, name: str) -> bool:
    samples = ["SELECT 1 FROM events WHERE pair = ? LIMIT 1"]
    if _is_compact(connection):
        samples.append("SELECT 1 FROM pairs WHERE name = ?")
    if (table := _table_of_version_1(connection)) is not None:
        samples.append(f"SELECT 1 FROM {table} WHERE pair = ? LIMIT 1")
    return any(connection.execute(query, (name,)).fetchone() for query in samples)


def _pair_condition(pairs: Sequence[str]) -> tuple[str, Sequence[str]]:
    if not pairs:
        return "", ()
    return f" AND pair IN ({', '.join('?' * len(pairs))})", pairs
