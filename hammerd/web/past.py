"""Answers questions about the past from history.db: the course of a lag, and events."""

import time
from collections.abc import Callable
from typing import TypeVar

from starlette.datastructures import QueryParams

from hammerd.cli.history.events_table import event_json
from hammerd.cli.history.queries import events_of, read_history, samples_of
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.history_schema import LagRow, summary_of
from hammerd.web.parameters import (
    EVENTS,
    LEVELS,
    MOST_EVENTS,
    MOST_POINTS,
    POINTS,
    BadRequest,
    Parameters,
    refuse_unknown_pair,
)
from hammerd.web.views import View

DAY_S = 86_400.0
MOST_ID = (1 << 63) - 1

Result = TypeVar("Result")


def lag_json(view: View, query: QueryParams) -> dict[str, object]:
    """Return the course of a pair's lag.

    Raises:
        BadRequest: a parameter has a fault.
        CommandFailed: the history cannot be read.
    """
    given, now = Parameters(query), time.time()
    pair = given.text("pair")
    until_s = given.seconds("until", now)
    since_s = given.seconds("since", until_s - DAY_S)
    points = given.count("points", POINTS, MOST_POINTS)
    given.refuse_others()
    if pair is None:
        raise BadRequest("pair is missing", "say pair=NAME")
    _refuse_backward(since_s, until_s)
    refuse_unknown_pair(pair, view.status)
    since_ms, until_ms = int(since_s * 1_000), int(until_s * 1_000)
    rows = _read(view, lambda opened: samples_of(opened, [pair], since_ms, until_ms))
    step_s = max(1.0, (until_s - since_s) / points)
    return {
        "pair": pair,
        "since": since_s,
        "until": until_s,
        "step_s": step_s,
        **_buckets(rows, since_s, step_s),
        "marks": [],
        "summary": _summary(rows),
    }


def _buckets(rows: list[LagRow], since_s: float, step_s: float) -> dict[str, object]:
    found: dict[int, list[float | None]] = {}
    for row in rows:
        found.setdefault(int((row.time_ms / 1_000 - since_s) / step_s), []).append(row.seconds)
    known = {place: [each for each in found[place] if each is not None] for place in sorted(found)}
    return {
        "times": [round(since_s + place * step_s, 3) for place in known],
        "max_s": [max(each) if each else None for each in known.values()],
        "min_s": [min(each) if each else None for each in known.values()],
    }


def _summary(rows: list[LagRow]) -> dict[str, object]:
    found = summary_of((row.seconds, row.time_ms) for row in rows)
    return {
        "samples": found.samples,
        "unknown": found.unknown,
        "min_s": found.min_s,
        "median_s": found.median_s,
        "max_s": found.max_s,
    }


def events_json(view: View, query: QueryParams) -> dict[str, object]:
    """Return events, the latest first.

    Raises:
        BadRequest: a parameter has a fault.
        CommandFailed: the history cannot be read.
    """
    given, now = Parameters(query), time.time()
    pair = given.text("pair")
    until_s = given.seconds("until", now + 60)
    since_s = given.seconds("since", 0.0)
    level = given.word("level", LEVELS) or LEVELS[0]
    limit = given.count("limit", EVENTS, MOST_EVENTS)
    before_id = given.count("before_id", MOST_ID, MOST_ID)
    given.refuse_others()
    _refuse_backward(since_s, until_s)
    refuse_unknown_pair(pair, view.status)
    levels = LEVELS[LEVELS.index(level) :]
    pairs = [] if pair is None else [pair]
    rows = _read(view, lambda opened: events_of(opened, pairs, int(since_s * 1_000)))
    found = [
        event_json(number, event)
        for number, event in reversed(rows)
        if number < before_id and event.level in levels and event.time_ms <= until_s * 1_000
    ]
    return {"events": found[:limit]}


def _refuse_backward(since_s: float, until_s: float) -> None:
    if since_s > until_s:
        raise BadRequest("since is later than until")


def _read(view: View, query: Callable[..., Result]) -> Result:
    if view.history_path is None:
        raise CommandFailed("the history was not found", "start hammerd web with -c FILE")
    return read_history(view.history_path, query)
