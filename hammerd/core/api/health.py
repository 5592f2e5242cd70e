"""Judges how a pair fares: the worst of what its state, its proofs and its slave say.

    the state    as its row in core/pair/state_table.py says
    the proofs   nothing proves the slave younger than lag_critical: critical, whatever the reason
    the slave    complaints and anomalies that nobody acknowledged, little room: a warning; a file
                 system that is read-only, most often since its disk is lost: critical

What is proven is the last moment of the master that the slave is known to hold whole. A pair of
which nothing is proven is as old as the wish to mirror it. The table of states and facts is
printed by tests/core/api/print_health_table.py and checked in beside it.
"""

from enum import StrEnum
from typing import assert_never

from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.pair.state_table import SILENT_LAUNCH_S, row_of
from hammerd.core.pair.states import Down, Launching, PairLife, Paused, Up
from hammerd.core.replication.lag import LagVerdict


class Health(StrEnum):
    """How a pair fares, from best to worst."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    CRITICAL = "critical"


def worst(*healths: Health) -> Health:
    """Return the worst of some healths."""
    return max(healths, key=list(Health).index)


def health_of(report: PairReport, now_at: float) -> Health:
    """Judge a pair by its state, by what is proven of its slave, and by what is to be seen."""
    return worst(_of_slave(report), _of_state(report.life, now_at), _of_proofs(report, now_at))


def is_silent_launch(life: PairLife, now_at: float) -> bool:
    """Tell whether a stream has said nothing for longer than hammer or a login takes."""
    state = life.state
    return isinstance(state, Launching) and now_at - state.since_at >= SILENT_LAUNCH_S


def _of_slave(report: PairReport) -> Health:
    extras = report.extras or Extras()
    is_to_run = isinstance(report.life.memory.wanted, Up)
    if extras.is_slave_read_only and is_to_run:
        return Health.CRITICAL
    is_to_be_seen = bool(report.life.memory.complaints or extras.anomalies)
    return Health.WARNING if is_to_be_seen or extras.is_short_of_space else Health.OK


# --- the state ---------------------------------------------------------------------------------


def _of_state(life: PairLife, now_at: float) -> Health:
    row = row_of(life)
    if now_at >= row.critical_at:
        return Health.CRITICAL
    return Health.WARNING if now_at >= row.warning_at else Health.OK


# --- the proofs --------------------------------------------------------------------------------


def _of_proofs(report: PairReport, now_at: float) -> Health:
    wanted, thresholds = report.life.memory.wanted, report.life.pair.thresholds
    age_s, is_known = _proven_age_s(report, now_at), _is_known(report)
    match wanted:
        case Down():
            return Health.OK
        case Paused():
            # A pause is what a person wanted; one that was forgotten costs what is written since.
            return Health.WARNING if age_s >= thresholds.lag_critical_s else Health.OK
        case Up() if age_s >= thresholds.lag_critical_s:
            return Health.CRITICAL
        case Up() if _is_in_sync(report):
            return Health.OK
        case Up() if age_s >= thresholds.lag_warning_s or report.lag.is_unproven:
            return Health.WARNING
        case Up():
            return Health.OK if is_known else Health.UNKNOWN
        case _:
            assert_never(wanted)


def _is_in_sync(report: PairReport) -> bool:
    return report.lag.verdict is LagVerdict.IN_SYNC


def _is_known(report: PairReport) -> bool:
    return report.lag.seconds is not None


def _proven_age_s(report: PairReport, now_at: float) -> float:
    """Return how old the newest moment of the master is that the slave is known to hold whole."""
    lag, wanted_at = report.lag, report.life.wanted_at
    if lag.seconds is not None:
        return lag.seconds
    if lag.held_at is not None:
        return now_at - lag.held_at
    return 0.0 if wanted_at is None else now_at - wanted_at
