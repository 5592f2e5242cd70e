"""Chooses which slave of a pair has its turn, and judges a pair whose slaves take turns.

    one slave is there          it is its turn
    several are there           that of the one with the lowest TID; after a failure that of the
                                next one, so that a slave that fails does not keep the others old
    none is there               the pair waits for a mount, and that is no fault
    another PFS is there        its fault counts only if no slave is there

A turn ends when its slave is fresh and another one that is there gets old. So no slave that is
there gets older than `lag_warning`, and no stream is ended for less.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import assert_never

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.probe_verdict import (
    SLAVE_AWAY,
    AwaitMount,
    Go,
    Park,
    ProbeResult,
    ProbeVerdict,
    Retry,
    verdict_of,
)
from hammerd.core.pairs import Endpoint, Pair, turns_of
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.tid import NEVER_MIRRORED

FRESH_SHARE = 0.5
"""The share of `lag_warning` up to which a slave is fresh."""


def choose_turn(pair: Pair, seen: Mapping[Endpoint, ProbeResult], failures: int) -> Pair:
    """Return a pair with the slave whose turn it is; `failures` are those in a row."""
    ready: list[tuple[int, Pair]] = []
    wrong: list[Pair] = []
    for turn in turns_of(pair):
        slave = seen.get(turn.slave)
        verdict = judge_turn(turn, seen.get(pair.master), slave)
        match verdict:
            case Go():
                tid = slave.sync_end_tid if isinstance(slave, PfsStatus) else NEVER_MIRRORED
                ready.append((tid, turn))
            case AwaitMount():
                pass
            case Park():
                wrong.insert(0, turn)
            case Retry():
                wrong.append(turn)
            case _:
                assert_never(verdict)
    if ready:
        ready.sort(key=lambda each: each[0])
        return ready[failures % len(ready)][1]
    is_wrong_now = any(turn.slave == pair.slave for turn in wrong)
    return pair if is_wrong_now or not wrong else wrong[0]


def judge_turn(pair: Pair, master: ProbeResult | None, slave: ProbeResult | None) -> ProbeVerdict:
    """Return the verdict about a pair with the slave that has its turn."""
    verdict = verdict_of(pair, master, slave)
    if not pair.rotate.takes_turns:
        return verdict
    is_of_slave = isinstance(verdict_of(pair, master, None), Go)
    if isinstance(verdict, AwaitMount) and is_of_slave:
        return AwaitMount(SLAVE_AWAY, f"{verdict.hint}; the stream goes to the next that is there")
    if not (isinstance(verdict, Go) and isinstance(slave, PfsStatus)):
        return verdict
    if not pair.rotate.accepts(slave.unique_uuid):
        hint = (
            f"slave {pair.slave} has unique-uuid {slave.unique_uuid}, which `rotate` does not"
            " name: add it, or mount one that is named"
        )
        return Park(ParkCause.UUID_MISMATCH, hint)
    return verdict


def next_turn(pair: Pair, lag: Lag, waiting: Iterable[tuple[Endpoint, Lag]]) -> Endpoint | None:
    """Return the slave that gets old while the one with the lag `lag` is fresh; None without one.

    `waiting` are the other slaves that are there.
    """
    fresh_s = FRESH_SHARE * pair.thresholds.lag_warning_s
    if lag.seconds is None or lag.seconds > fresh_s:
        return None
    old = [(_age_s(other), slave) for slave, other in waiting if _age_s(other) > fresh_s]
    return max(old, key=lambda each: each[0])[1] if old else None


def _age_s(lag: Lag) -> float:
    """Return how old a slave is; one whose lag is unknown has its turn when it is there again."""
    is_old = lag.verdict is LagVerdict.BEHIND and lag.seconds is None
    return float("inf") if is_old else lag.seconds or 0.0


def with_turn(pair: Pair, before: Pair) -> Pair:
    """Return a changed pair in which the slave that has its turn keeps it, if it still has it."""
    kept = any(turn.slave == before.slave for turn in turns_of(pair))
    return replace(pair, slave=before.slave) if kept and pair.rotate.takes_turns else pair
