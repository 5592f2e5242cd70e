"""Turns the report of a pair, or of the daemon, into a finding: what one look shows.

    good       nothing is wrong
    unknown    nothing is proven yet, or not whether a late slave moves: no alarm, no recovery
    late       the slave is late and catches up: no alarm, no recovery
    silent     a person, a plan or the config wants the pair to rest: nothing is counted
    warning    the health is a warning, and of a late slave without progress
    critical   the health is critical, with progress or without

A slave that is late is a fault from `lag_warning` on only while nothing moves: neither its TID nor
the bytes of its stream. From `lag_critical` on it always is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hammerd.core.api.health import Health, HealthParts, health_parts, worst
from hammerd.core.api.pair_report import PairReport
from hammerd.core.api.status_json import UNSAVED_KEYS, trouble_now
from hammerd.core.holds import HoldFault, hold_fault
from hammerd.core.pair import states
from hammerd.core.pair.state_table import row_of
from hammerd.core.tid import Tid

DAEMON = ""
"""The subject of the daemon's own faults; no pair has this name."""


class Look(StrEnum):
    """The result of one look at a pair."""

    GOOD = "good"
    UNKNOWN = "unknown"
    LATE = "late"
    SILENT = "silent"
    WARNING = "warning"
    CRITICAL = "critical"


SHORT_OF_ROOM = "slave_short_of_room"
"""The only fault of a slave that may pass by itself."""

BAD = frozenset({Look.WARNING, Look.CRITICAL})
HEALTHY = frozenset({Look.GOOD, Look.LATE, Look.SILENT})
"""The looks of a pair that lets the heartbeat go on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a look at a subject, a pair or DAEMON.

    `because` is the stable name of the cause, `host` the other host of the pair, "" without one.
    `for_person`: the faults that no time cures, only a person; each with a hint.
    """

    subject: str
    look: Look
    because: str = ""
    hint: str = ""
    host: str = ""
    for_person: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """The position of a pair's copy at a look: it moves while the slave catches up."""

    slave_tid: Tid | None
    launched_at: float | None
    sent_bytes: int


def mark_of(report: PairReport) -> Mark:
    """Return the position of a pair's copy."""
    state = report.life.state
    if not isinstance(state, states.Streaming):
        return Mark(report.slave_tid, None, 0)
    return Mark(report.slave_tid, state.launched_at, state.transfer.sent_bytes)


def finding_of(report: PairReport, before: Mark | None, now_at: float) -> Finding:
    """Return what a look at a pair shows; `before` is its mark at the look before."""
    life = report.life
    name, host = life.pair.name, life.pair.master.host.name or life.pair.slave.host.name
    if not isinstance(life.memory.wanted, states.Up):
        return Finding(name, Look.SILENT)
    if life.memory.hold is not None:
        return _held(report)
    parts = health_parts(report, now_at)
    because, hint = _cause(report, parts, now_at)
    look = _look(report, parts, before)
    return Finding(name, look, because, hint, host, dict(_for_person(report)))


def daemon_finding(daemon: Mapping[str, object]) -> Finding:
    """Return what a look at the daemon's own status shows."""
    faults = {name: str(daemon[key]) for key, name in _DAEMON_FAULTS if daemon.get(key)}
    if not faults:
        return Finding(DAEMON, Look.GOOD)
    because, text = next(iter(faults.items()))
    for_person = {name: said for name, said in faults.items() if name == "reload_refused"}
    return Finding(DAEMON, Look.WARNING, because, text, for_person=for_person)


_DAEMON_FAULTS = (
    ("reload_refused_because", "reload_refused"),
    ("run_dir_unusable_because", "run_dir_unusable"),
    *((key, key.removesuffix("_because")) for key in UNSAVED_KEYS),
    ("history_unwritten_because", "history_unwritten"),
)
"""The keys of the status that name a fault of the daemon, each with the name of the cause."""


def _held(report: PairReport) -> Finding:
    """Return what is to be told of a held pair: only a plan that nobody carries on."""
    life = report.life
    assert life.memory.hold is not None
    fault = hold_fault(life.memory.hold, life.pair)
    if fault is None or fault[0] is HoldFault.PROMOTED:
        return Finding(life.pair.name, Look.SILENT)
    because, hint = str(fault[0]), fault[1]
    return Finding(life.pair.name, Look.WARNING, because, hint, for_person={because: hint})


# --- the look ----------------------------------------------------------------------------------


def _look(report: PairReport, parts: HealthParts, before: Mark | None) -> Look:
    health = worst(parts.state, parts.proofs, parts.slave)
    is_only_late = worst(parts.state, parts.slave) is Health.OK
    if health is Health.WARNING and is_only_late:
        if before is None:
            return Look.UNKNOWN
        return Look.LATE if _is_catching_up(report, before) else Look.WARNING
    return _LOOKS[health]


_LOOKS = {
    Health.OK: Look.GOOD,
    Health.UNKNOWN: Look.UNKNOWN,
    Health.WARNING: Look.WARNING,
    Health.CRITICAL: Look.CRITICAL,
}


def _is_catching_up(report: PairReport, before: Mark) -> bool:
    """Return whether the copy moved since the look before."""
    state = report.life.state
    if isinstance(state, states.Streaming) and isinstance(state.phase, states.InPrescan):
        # It is silent, and prescan_timeout ends one that does nothing.
        return True
    now = mark_of(report)
    tids = now.slave_tid, before.slave_tid
    if tids[0] is not None and tids[1] is not None and tids[0] > tids[1]:
        return True
    return now.launched_at == before.launched_at and now.sent_bytes > before.sent_bytes


# --- the cause ---------------------------------------------------------------------------------


def _cause(report: PairReport, parts: HealthParts, now_at: float) -> tuple[str, str]:
    """Return the name of the cause of a bad health, and a hint."""
    health = worst(parts.state, parts.proofs, parts.slave)
    if health not in (Health.WARNING, Health.CRITICAL):
        return "", ""
    trouble = trouble_now(report.life, now_at)
    if health is parts.slave and health is not parts.state:
        return next(_slave_causes(report))
    if trouble is not None:
        return str(trouble.because), trouble.hint
    if parts.state in (Health.WARNING, Health.CRITICAL):
        row = row_of(report.life)
        return str(row.because or row.word), ""
    if report.lag.seconds is None:
        return "lag_unknown", report.lag_unknown_because or ""
    return "lag", ""


def _slave_causes(report: PairReport) -> Iterator[tuple[str, str]]:
    """Yield the causes that the slave and its disk give, the worst first."""
    extras, name = report.extras, report.life.pair.name
    if extras.is_slave_read_only:
        yield "slave_read_only", "look at its disk: a file system turns read-only after an error"
    if extras.verified is not None and extras.verified.is_critical:
        yield (
            "verify_differs",
            f'the log lists what differs; "hammerd verify {name}" compares again',
        )
    for complaint in report.life.memory.complaints:
        yield complaint.name, complaint.hint
    for anomaly in extras.anomalies:
        yield str(anomaly.name), f"{anomaly.endpoint}: {anomaly.before}, then {anomaly.after}"
    if extras.is_short_of_space:
        yield SHORT_OF_ROOM, "make room on its file system, or prune its history"


def _for_person(report: PairReport) -> Iterator[tuple[str, str]]:
    """Yield the faults that no time cures, each with a hint."""
    state = report.life.state
    if isinstance(state, states.Parked):
        yield str(state.cause), state.hint
    yield from (found for found in _slave_causes(report) if found[0] != SHORT_OF_ROOM)
