"""Collects what a report tells: the status, or what the last daemon left, and the history."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from hammerd.cli.client.status_types import StatusReply
from hammerd.cli.history.locate import (
    history_path_of,
    history_path_without_daemon,
    request_status,
)
from hammerd.cli.offline.last_state import LastState, find_last_state
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.times import latest_ms
from hammerd.core.api.history_schema import EventRow, LagSummary
from hammerd.core.exit_codes import Exit

NO_DAEMON = frozenset({Exit.UNAVAILABLE, Exit.NO_PERMISSION})

STREAM_ENDED = "pair.stopping"
LOSS_LEVELS = frozenset({"warning", "error"})
DAEMON_START = "daemon.started"
ERROR = "error"


@dataclass(frozen=True, slots=True)
class PastOf:
    """The history of a pair in the period: its lag, and its events."""

    lag: LagSummary = field(default_factory=lambda: LagSummary(0, 0))
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a report, at `at_ms` for the time since `since_ms` (both Unix time).

    Of `status` and `last` one is None: no daemon answered for the reason `absence`. `errors`
    counts the errors of the log by pair and event. `unread_because`: the history cannot be read.
    """

    at_ms: int
    since_ms: int
    status: StatusReply | None
    last: LastState | None
    absence: CommandFailed | None
    past: Mapping[str, PastOf] = field(default_factory=dict)
    errors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    daemon_starts: int = 0
    unread_because: str | None = None


def collect_facts(location: Location, since_ms: int, at_ms: int) -> Facts:
    """Ask the daemon and read the history.

    Raises:
        HammerdError: the daemon answered what this command cannot read, or the config is wrong.
    """
    status, last, absence = None, None, None
    try:
        status = request_status(location)
    except CommandFailed as error:
        if error.code not in NO_DAEMON:
            raise
        absence, last = error, find_last_state(location)
    facts = Facts(at_ms, since_ms, status, last, absence)
    try:
        path = (
            history_path_of(status)
            if status is not None
            else history_path_without_daemon(location, absence or CommandFailed(""))
        )
        return _with_history(facts, path)
    except CommandFailed as error:
        return Facts(at_ms, since_ms, status, last, absence, unread_because=error.message)


def _with_history(facts: Facts, path: str) -> Facts:
    # Imported only here: a Python without SQLite has no history, and still a report.
    from hammerd.cli.history import queries

    since_ms, until_ms = facts.since_ms, latest_ms(facts.since_ms, facts.at_ms)
    lags, events = queries.read_history(
        path,
        lambda opened: (
            queries.summaries_of(opened, (), since_ms, until_ms),
            [row for _, row in queries.events_of(opened, (), since_ms)],
        ),
    )
    within = [row for row in events if row.time_ms <= until_ms]
    restarts = Counter(row.pair or "" for row in within if is_restart(row))
    errors = Counter((row.pair or "", row.event) for row in within if row.level == ERROR)
    past = {
        name: PastOf(lags.get(name, LagSummary(0, 0)), restarts[name])
        for name in {*lags, *restarts}
    }
    starts = sum(row.event == DAEMON_START for row in within)
    return Facts(
        facts.at_ms, since_ms, facts.status, facts.last, facts.absence, past, errors, starts
    )


def is_restart(row: EventRow) -> bool:
    """Return whether an event is the loss of a stream: one that was asked for is no warning."""
    return row.event == STREAM_ENDED and row.level in LOSS_LEVELS
