"""A status of a daemon, and changes of it."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from hammerd.core.api.status_json import Snapshot, pairs_json, status_json
from hammerd.core.pair.state_table import row_of
from hammerd.core.rfc3339 import rfc3339
from tests.core.api.print_health_table import COLUMNS, NOW_AT, ROWS, report

NOW = 1_795_737_600.0
STATES = {row_of(report(row, COLUMNS["in sync"]).life).word for row in ROWS.values()}
"""The words of all states."""

DAEMON = {
    "state": "running",
    "started_time": rfc3339(NOW - 3_600),
    "config": "/usr/local/etc/hammerd.toml",
    "version": "1.2.3",
    "pid": 7,
    "history_path": "/nowhere/history.db",
    "history_rows_lost": 0,
}


@cache
def _text() -> str:
    """Return the JSON that core/api makes of a pair that streams."""

    def to_time(at: float) -> str:
        return rfc3339(NOW + at - NOW_AT)

    snapshot = Snapshot(DAEMON, (report(ROWS["streaming: idle"], COLUMNS["in sync"]),), NOW_AT)
    return json.dumps(status_json(snapshot, pairs_json(snapshot, to_time), to_time))


def status(daemon: Mapping[str, object] | None = None, **pair: object) -> dict[str, Any]:
    """Return a status with one pair; `daemon` and `pair` replace values of it."""
    made: dict[str, Any] = json.loads(_text())
    made["hammerd"] |= daemon or {}
    made["pairs"][0] |= pair
    return made
