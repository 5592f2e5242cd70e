"""Judges the health of a pair: the worst of its state, its proofs and its slave.

    the state    by its row in core/pair/state_table.py
    the proofs   nothing proves the slave younger than lag_critical: critical, whatever the reason
    the slave    complaints and anomalies that nobody acknowledged, little free space: a warning;
                 a read-only file system, most often since its disk is lost: critical; and so is
                 what a verification found to differ, until a later one or an acknowledgement

A proof names the last moment of the master that the slave holds whole; of several slaves that take
turns the best proof counts. A pair without a proof is as old as the wish to mirror it.
tests/core/api/print_health_table.py prints the health of each state and proof; the table is
checked in beside it.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import assert_never

from hammerd.core.api.pair_report import PairReport
from hammerd.core.pair.state_table import SILENT_LAUNCH_S, row_of
from hammerd.core.pair.states import Down, Launching, PairLife, Paused, Up
from hammerd.core.replication.lag import LagVerdict


class Health(StrEnum):
    """The health of a pair or of the daemon, from best to worst."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


def worst(*healths: Health) -> Health:
    """Return the worst of some healths."""
    return max(healths, key=list(Health).index)


@dataclass(frozen=True, slots=True)
class HealthParts:
    """The healths of the three parts of a pair."""

    state: Health
    proofs: Health
    slave: Health


def health_parts(report: PairReport, now_at: float) -> HealthParts:
    """Return the health of each part of a pair."""
    return HealthParts(
        _of_state(report.life, now_at), _of_proofs(report, now_at), _of_slave(report)
    )


def health_of(report: PairReport, now_at: float) -> Health:
    """Return the health of a pair."""
    parts = health_parts(report, now_at)
    return worst(parts.state, parts.proofs, parts.slave)


def is_silent_launch(life: PairLife, now_at: float) -> bool:
    """Return whether a launched stream is silent for longer than hammer or a login takes."""
    state = life.state
    return isinstance(state, Launching) and now_at - state.since_at >= SILENT_LAUNCH_S


def _of_slave(report: PairReport) -> Health:
    extras, memory = report.extras, report.life.memory
    if extras.is_slave_read_only and isinstance(memory.wanted, Up) and memory.hold is None:
        return Health.CRITICAL
    if extras.verified is not None and extras.verified.is_critical:
        return Health.CRITICAL
    is_warning = memory.complaints or extras.anomalies or extras.is_short_of_space
    return Health.WARNING if is_warning else Health.OK


# --- the state ---------------------------------------------------------------------------------


def _of_state(life: PairLife, now_at: float) -> Health:
    row = row_of(life)
    if now_at >= row.critical_at:
        return Health.CRITICAL
    return Health.WARNING if now_at >= row.warning_at else Health.OK


# --- the proofs --------------------------------------------------------------------------------


def _of_proofs(report: PairReport, now_at: float) -> Health:
    wanted, thresholds = report.life.memory.wanted, report.life.pair.thresholds
    lag, age_s = report.lag, _proven_age_s(report, now_at)
    if report.life.memory.hold is not None:
        # A plan of a person has its own warnings, by the state.
        return Health.OK
    match wanted:
        case Down():
            return Health.OK
        case Paused():
            # A person wanted the pause, but a forgotten one costs all data written since.
            return Health.WARNING if age_s >= thresholds.lag_critical_s else Health.OK
        case Up() if age_s >= thresholds.lag_critical_s:
            return Health.CRITICAL
        case Up() if lag.verdict is LagVerdict.IN_SYNC:
            return Health.OK
        case Up() if age_s >= thresholds.lag_warning_s or lag.is_unproven:
            return Health.WARNING
        case Up():
            is_known = lag.seconds is not None or _newest_held_at(report) is not None
            return Health.OK if is_known else Health.UNKNOWN
        case _:
            assert_never(wanted)


def _proven_age_s(report: PairReport, now_at: float) -> float:
    """Return the age of the newest moment of the master that a slave is known to hold whole."""
    lag, wanted_at, rotating_at = report.lag, report.life.wanted_at, _newest_held_at(report)
    rotating_s = inf if rotating_at is None else max(0.0, now_at - rotating_at)
    if lag.seconds is not None:
        return min(lag.seconds, rotating_s)
    if lag.held_at is not None:
        return min(now_at - lag.held_at, rotating_s)
    if rotating_at is not None:
        return rotating_s
    return 0.0 if wanted_at is None else now_at - wanted_at


def _newest_held_at(report: PairReport) -> float | None:
    """Return the newest moment that any slave of several that take turns holds."""
    held = (one.moments.held_at for one in report.extras.slaves)
    return max((at for at in held if at is not None), default=None)
