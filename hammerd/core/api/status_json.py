"""Turns reports of pairs and of the daemon into the JSON of a status.

The JSON is for scripts: names are stable, TIDs are hex strings (64 bits do not survive every
reader), times are RFC 3339, null is unknown. A change that could break a reader raises
SCHEMA_VERSION.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from hammerd.core.api.health import Health, health_of, is_silent_launch, worst
from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.messages import Cure
from hammerd.core.holds import Hold
from hammerd.core.pair import states
from hammerd.core.pair.complaints import counts_of_all
from hammerd.core.pair.state_table import Row, row_of
from hammerd.core.pairs import needs_login
from hammerd.core.replication.anomaly_log import Anomaly
from hammerd.core.replication.lag import Lag
from hammerd.core.replication.transfer_progress import Transfer, bulk_progress, transfer_rate
from hammerd.core.rotation.rotating_slave import RotatingSlave
from hammerd.core.tid import format_tid
from hammerd.core.verify.verified import shown_json

SCHEMA_VERSION = 1

Json = dict[str, object]
ToTime = Callable[[float], str]
"""Turns a monotonic instant into RFC 3339."""


def worst_health(reports: Iterable[PairReport], now_at: float) -> Health:
    """Return the worst health of all pairs, ok without pairs."""
    return worst(Health.OK, *(health_of(report, now_at) for report in reports))


UNSAVED_KEYS = (
    *("state_unsaved_because", "clocks_unsaved_because", "status_unsaved_because"),
    "alarms_unsaved_because",
)
"""The keys of reasons why a file that must outlive the daemon cannot be saved; None if it can."""


def daemon_health(daemon: Mapping[str, object]) -> Health:
    """Return the health of the daemon: a warning if a file, the config or an alarm has a fault."""
    keys = (
        *UNSAVED_KEYS,
        *("reload_refused_because", "run_dir_unusable_because", "notify_failed_because"),
    )
    return Health.WARNING if any(daemon.get(key) for key in keys) else Health.OK


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The daemon's part of a status, and a report of each pair, at `now_at`."""

    daemon: Mapping[str, object]
    reports: tuple[PairReport, ...]
    now_at: float


def pair_json(report: PairReport, now_at: float, to_time: ToTime) -> Json:
    """Return the JSON object of a pair."""
    life, lag, state = report.life, report.lag, report.life.state
    row, trouble, wanted = row_of(life), trouble_now(life, now_at), life.memory.wanted
    resume_at = wanted.until_at if isinstance(wanted, states.Paused) else None
    return {
        "pair": life.pair.name,
        "master": str(life.pair.master),
        "slave": str(life.pair.slave),
        "wanted": _wanted_word(wanted),
        "paused_until_time": None if resume_at is None else to_time(resume_at),
        "state": row.word,
        "waiting_for": row.waiting_for,
        "because": trouble.because if trouble else None,
        "hint": (trouble.hint or None) if trouble else None,
        "since_time": to_time(state.since_at),
        "up_s": round(now_at - state.launched_at, 3)
        if isinstance(state, states.Streaming)
        else None,
        "retry_in_s": _retry_in_s(row, now_at),
        "hold": _held_json(life.memory.hold, to_time),
        "failures": _failures_now(life, now_at),
        "restarts": life.memory.restarts,
        "pid": report.pid,
        "half_pids": list(report.half_pids),
        **_stream_json(life, now_at),
        **_lag_json(report, lag, to_time),
        "health": health_of(report, now_at),
        **_extras_json(report.extras, to_time),
        "slaves": [_slave_json(one, report, now_at, to_time) for one in report.extras.slaves],
        "complaints": [_complaint_json(each, to_time) for each in life.memory.complaints],
        "complaints_total": counts_of_all(life.memory),
        "last_words": list(life.memory.last_words),
        "telling_word": telling_word(life.memory),
    }


def _held_json(hold: Hold | None, to_time: ToTime) -> Json | None:
    if hold is None:
        return None
    return {
        "plan": hold.plan,
        "stage": hold.stage,
        "since_time": to_time(hold.since_at),
        "step": hold.step or None,
        "is_interrupted": hold.is_interrupted,
    }


def _failures_now(life: states.PairLife, now_at: float) -> int:
    """Return the failures that would count if the stream were lost now."""
    state = life.state
    if not isinstance(state, states.Streaming) or not state.has_progressed:
        return life.memory.failures
    is_healthy = now_at - state.launched_at >= life.pair.timing.healthy_after_s
    return 0 if is_healthy else life.memory.failures


def trouble_now(life: states.PairLife, now_at: float) -> states.Trouble | None:
    """Return the fault of a pair now: of its state, of a silent launch, or its last failure.

    The last failure stays while the pair is probed and launched again.
    """
    row = row_of(life)
    if row.trouble is not None:
        return row.trouble
    if is_silent_launch(life, now_at):
        return _silent_launch(life, now_at)
    return life.memory.failed_by if row.is_another_try else None


def _silent_launch(life: states.PairLife, now_at: float) -> states.Trouble:
    state, silent_s = life.state, now_at - life.state.since_at
    if isinstance(state, states.Launching) and state.connecting_at is not None:
        since_s = now_at - state.connecting_at
        if state.connecting:
            hint = f"connecting to {state.connecting_to} for {since_s:.0f} s"
            return states.Trouble("connecting", hint)
    name = "ssh, or the hammer of the other host," if needs_login(life.pair) else "hammer"
    return states.Trouble("launch_silent", f"{name} said nothing for {silent_s:.0f} s")


def telling_word(memory: states.Memory) -> str | None:
    """Return the line of an attempt that best explains its end, None if it printed nothing.

    The last line is often an echo, which only means that the other half has ended.
    """
    if memory.likely_cause is not None:
        return memory.likely_cause.text
    for text in reversed(memory.last_words):
        complaint = diagnose(text)
        if complaint is None or complaint.cure is not Cure.ECHO:
            return text
    return memory.last_words[-1] if memory.last_words else None


def _extras_json(extras: Extras, to_time: ToTime) -> Json:
    cascade, space, flushes = extras.cascade, extras.free_space, extras.flushes
    master_at, slave_at = flushes.master.flushed_at, flushes.slave.flushed_at
    return {
        "origin": str(cascade.origin) if cascade else None,
        "origin_lag_s": _rounded(cascade.seconds) if cascade else None,
        "slave_free_bytes": space.free_bytes if space else None,
        "slave_total_bytes": space.total_bytes if space else None,
        "slave_is_short_of_room": extras.is_short_of_space,
        "slave_is_read_only": extras.is_slave_read_only,
        "flush_every_s": flushes.every_s,
        "master_flushed_time": None if master_at is None else to_time(master_at),
        "slave_flushed_time": None if slave_at is None else to_time(slave_at),
        "flush_failed_because": flushes.failed_because,
        "host_unread_because": extras.host_unread_because,
        "verified": None if extras.verified is None else shown_json(extras.verified),
        "anomalies": [_anomaly_json(each, to_time) for each in extras.anomalies],
    }


def _slave_json(slave: RotatingSlave, report: PairReport, now_at: float, to_time: ToTime) -> Json:
    """Return the JSON object of a slave that takes turns."""
    moments = slave.moments
    safe_at, durable_at, held_at = moments.safe_at, moments.durable_at, moments.held_at
    return {
        "slave": slave.path,
        "unique_uuid": slave.unique_uuid,
        "is_present": slave.is_present,
        "has_turn": slave.is_present and slave.path == report.life.pair.slave.path,
        "since_time": to_time(slave.since_at),
        "seen_time": to_time(slave.seen_at),
        "slave_tid": None if slave.tid is None else format_tid(slave.tid),
        "lag_s": None if held_at is None else _rounded(max(0.0, now_at - held_at)),
        "safe_until_time": None if safe_at is None else to_time(safe_at),
        "durable_until_time": None if durable_at is None else to_time(durable_at),
        "is_forked": slave.forked_tid is not None,
    }


def _anomaly_json(anomaly: Anomaly, to_time: ToTime) -> Json:
    return {
        "name": anomaly.name,
        "end": str(anomaly.endpoint),
        "before": anomaly.before,
        "after": anomaly.after,
        "time": to_time(anomaly.at),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _complaint_json(complaint: states.CountedComplaint, to_time: ToTime) -> Json:
    return {
        "name": complaint.name,
        "count": complaint.count,
        "text": complaint.text,
        "hint": complaint.hint,
        "since_time": to_time(complaint.since_at),
        "last_time": to_time(complaint.last_at),
    }


def _stream_json(life: states.PairLife, now_at: float) -> Json:
    state = life.state if isinstance(life.state, states.Streaming) else None
    phase, transfer = (state.phase, state.transfer) if state else (None, Transfer())
    copying = phase if isinstance(phase, states.Copying) else None
    bulk = bulk_progress(transfer, now_at)
    return {
        "gear": row_of(life).gear,
        "phase": _phase_word(phase) if phase else None,
        "connecting_to": _connecting_to(life.state),
        "slave_locked": _slave_locked(life),
        "slice_bytes": copying.sent_bytes if copying else None,
        "bulk_bytes": copying.total_bytes if copying else None,
        "rate_bytes_per_s": _rounded(transfer_rate(transfer, now_at)),
        "bulk_done_bytes": bulk.done_bytes if bulk else None,
        "bulk_total_bytes": bulk.total_bytes if bulk else None,
        "bulk_eta_s": _rounded(bulk.eta_s) if bulk else None,
    }


def _lag_json(report: PairReport, lag: Lag, to_time: ToTime) -> Json:
    return {
        "lag_s": _rounded(lag.seconds),
        "lag_tids": lag.tids,
        "lag_verdict": lag.verdict,
        "lag_unknown_because": report.lag_unknown_because,
        "lag_approximate": lag.is_approximate,
        "lag_measured_time": None if lag.measured_at is None else to_time(lag.measured_at),
        "lag_warning_s": report.life.pair.thresholds.lag_warning_s,
        "lag_critical_s": report.life.pair.thresholds.lag_critical_s,
        "safe_until_time": None if lag.safe_at is None else to_time(lag.safe_at),
        "durable_until_time": None if lag.durable_at is None else to_time(lag.durable_at),
        "safe_unknown_because": report.safe_unknown_because,
        "master_tid": None if report.master_tid is None else format_tid(report.master_tid),
        "slave_tid": None if report.slave_tid is None else format_tid(report.slave_tid),
    }


def pairs_json(snapshot: Snapshot, to_time: ToTime) -> Iterator[Json]:
    """Yield the JSON of each pair."""
    return (pair_json(report, snapshot.now_at, to_time) for report in snapshot.reports)


def status_json(snapshot: Snapshot, pairs: Iterable[Json], to_time: ToTime) -> Json:
    """Return the whole status; its health is the worst of all pairs and the daemon."""
    health = daemon_health(snapshot.daemon)
    return {
        "schema_version": SCHEMA_VERSION,
        "hammerd": {**snapshot.daemon, "health": health},
        "health": worst(health, worst_health(snapshot.reports, snapshot.now_at)),
        "pairs": list(pairs),
        "measured_time": to_time(snapshot.now_at),
    }


def _wanted_word(wanted: states.Wanted) -> str:
    match wanted:
        case states.Up():
            return "up"
        case states.Paused():
            return "paused"
        case states.Down():
            return "down"
        case _:
            assert_never(wanted)


def _connecting_to(state: states.State) -> str | None:
    return (state.connecting_to or None) if isinstance(state, states.Launching) else None


def _slave_locked(life: states.PairLife) -> bool | None:
    """Return whether the writer on another host holds its slave's lock; None without one."""
    if isinstance(life.state, states.Streaming) and not life.pair.slave.host.shares_processes:
        return life.state.is_far_locked
    return None


def _phase_word(phase: states.Phase) -> str:
    match phase:
        case states.InPrescan():
            return "prescan"
        case states.Copying():
            return "copying"
        case states.IdlePhase():
            return "idle"
        case _:
            assert_never(phase)


def _retry_in_s(row: Row, now_at: float) -> float | None:
    if row.deadline_at is None or not row.shows_retry:
        return None
    return round(max(0.0, row.deadline_at - now_at), 3)
