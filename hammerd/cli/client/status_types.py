"""Types of the answer to `status`: the JSON of core/api/status_json.py."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import SCHEMA_VERSION
from hammerd.core.characters import escape_invisible
from hammerd.core.exit_codes import Exit


class AlarmStatus(TypedDict):
    """A fault that a person was told of; `pair` is None for one of hammerd itself."""

    pair: str | None
    level: str
    because: str
    since_time: str
    told_time: str
    is_acknowledged: bool


class DaemonStatus(TypedDict):
    """The daemon's part of a status."""

    version: str
    pid: int
    config: str
    state: str
    lines_dropped: NotRequired[int]
    writes_failed: NotRequired[int]
    syslog_unreached_because: NotRequired[str | None]
    syslog_lines_lost: NotRequired[int]
    state_unsaved_since_time: NotRequired[str | None]
    state_unsaved_because: NotRequired[str | None]
    clocks_unsaved_because: NotRequired[str | None]
    status_unsaved_because: NotRequired[str | None]
    state_complaints: NotRequired[list[str]]
    reload_refused_time: NotRequired[str | None]
    reload_refused_because: NotRequired[str | None]
    run_dir_unusable_because: NotRequired[str | None]
    history_path: NotRequired[str]
    history_unwritten_since_time: NotRequired[str | None]
    history_unwritten_because: NotRequired[str | None]
    history_rows_lost: NotRequired[int]
    history_complaints: NotRequired[list[str]]
    alarms: NotRequired[list[AlarmStatus]]
    alarms_unsaved_because: NotRequired[str | None]
    notify_failed_because: NotRequired[str | None]
    notify_failed_since_time: NotRequired[str | None]
    notify_waiting: NotRequired[int]
    notify_dropped: NotRequired[int]
    notify_sent: NotRequired[Mapping[str, int]]


class ComplaintStatus(TypedDict):
    """A complaint of hammer during which the stream continued."""

    name: str
    count: int
    text: str
    hint: str | None
    last_time: NotRequired[str]


class AnomalyStatus(TypedDict):
    """An unexpected change of an endpoint: its role, uuid or TID."""

    name: str
    end: str
    before: str
    after: str
    time: str


class HoldStatus(TypedDict):
    """The plan that holds a pair."""

    plan: str
    stage: str
    since_time: str
    step: str | None
    is_interrupted: bool


class SlaveStatus(TypedDict):
    """A slave that takes turns with others."""

    slave: str
    unique_uuid: str
    is_present: bool
    has_turn: bool
    since_time: str
    seen_time: str
    slave_tid: str | None
    lag_s: float | None
    safe_until_time: str | None
    durable_until_time: str | None
    is_forked: bool


class VerifiedStatus(TypedDict):
    """The last result of a pair's verification."""

    time: str
    tid: str
    is_equal: bool
    differences: int
    is_sample: bool
    is_acknowledged: bool


class PairStatus(TypedDict):
    """A pair's part of a status, as far as the table shows it."""

    pair: str
    master: str
    slave: str
    wanted: str
    paused_until_time: str | None
    state: str
    waiting_for: NotRequired[str | None]
    phase: str | None
    gear: str | None
    because: str | None
    hint: str | None
    up_s: NotRequired[float | None]
    retry_in_s: float | None
    hold: NotRequired[HoldStatus | None]
    failures: int
    restarts: int
    lag_s: float | None
    lag_verdict: str
    lag_unknown_because: NotRequired[str | None]
    lag_approximate: bool
    lag_tids: NotRequired[int | None]
    lag_warning_s: NotRequired[float]
    lag_critical_s: NotRequired[float]
    safe_until_time: NotRequired[str | None]
    durable_until_time: NotRequired[str | None]
    safe_unknown_because: NotRequired[str | None]
    lag_measured_time: NotRequired[str | None]
    master_tid: NotRequired[str | None]
    slave_tid: str | None
    slice_bytes: int | None
    rate_bytes_per_s: NotRequired[float | None]
    bulk_done_bytes: NotRequired[int | None]
    bulk_total_bytes: NotRequired[int | None]
    bulk_eta_s: NotRequired[float | None]
    health: str
    origin: NotRequired[str | None]
    origin_lag_s: NotRequired[float | None]
    slave_free_bytes: NotRequired[int | None]
    slave_total_bytes: NotRequired[int | None]
    slave_is_short_of_room: NotRequired[bool]
    slave_is_read_only: NotRequired[bool]
    flush_failed_because: NotRequired[str | None]
    host_unread_because: NotRequired[str | None]
    anomalies: NotRequired[list[AnomalyStatus]]
    complaints: NotRequired[list[ComplaintStatus]]
    complaints_total: NotRequired[dict[str, int]]
    slaves: NotRequired[list[SlaveStatus]]
    verified: NotRequired[VerifiedStatus | None]
    last_words: list[str]
    telling_word: NotRequired[str | None]


class StatusReply(TypedDict):
    """A whole status."""

    schema_version: int
    hammerd: DaemonStatus
    measured_time: NotRequired[str]
    health: str
    pairs: list[PairStatus]


def read_status(data: Mapping[str, object]) -> StatusReply:
    """Return a daemon's answer as a status, with unprintable characters escaped.

    Raises:
        CommandFailed: it has another schema version.
    """
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CommandFailed(
            f"hammerd answers with a status of version {version}, this command knows version "
            f"{SCHEMA_VERSION}",
            "use the command that came with the running hammerd, or --json",
            code=Exit.PROTOCOL,
        )
    # The version guarantees that the names are present: core/api/status_json.py.
    return cast("StatusReply", _printable(data))


def _printable(value: object) -> object:
    """Escape characters that a terminal would obey or cannot show: files may be damaged."""
    match value:
        case str():
            # Newlines and tabs stay: the layout handles them.
            if value.isprintable():
                return escape_invisible(value)
            return "".join(char if char in "\n\t" else escape_invisible(char) for char in value)
        case dict():
            return {key: _printable(each) for key, each in value.items()}
        case list():
            return [_printable(each) for each in value]
        case _:
            return value
