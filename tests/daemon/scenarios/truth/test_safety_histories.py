"""Random histories of a pair: no claim about safe, durable or lag is ever false.

HAMMERD_HISTORIES raises their number:

    HAMMERD_HISTORIES=10000 .venv/bin/pytest -s -k test_safety_histories tests/daemon/scenarios
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from hammerd.core.replication import lag
from hammerd.core.replication.flush_proofs import FlushProof
from hammerd.core.replication.tid_clock import TidClock, last_held
from hammerd.core.tid import Tid
from hammerd.daemon.readings import known_slaves, store
from hammerd.daemon.state import tid_clock_file
from hammerd.simulator.kernel.file_system.publishing import LONGEST_SYNC_S
from tests.daemon.scenarios.truth.safety_world import SafetyWorld

HISTORIES = int(os.environ.get("HAMMERD_HISTORIES", "400"))
MOVES = 60
ENOUGH_HISTORIES = 5000
"""The most histories that are played until one finds the fault."""


def lived(histories: int) -> Iterator[SafetyWorld]:
    for seed in range(histories):
        world = SafetyWorld(seed)
        world.run(MOVES)
        yield world


def is_found(words: str) -> bool:
    """Return whether a history finds a violation whose message holds these words."""
    return any(
        words in violation for world in lived(ENOUGH_HISTORIES) for violation in world.violations
    )


@pytest.mark.timeout(120 + HISTORIES / 20)
def test_no_claim_of_any_history_is_false_or_far_below_the_provable() -> None:
    worlds = tuple(lived(HISTORIES))

    false = [(world.seed, violation) for world in worlds for violation in world.violations]
    checks, known = sum(world.checks for world in worlds), sum(world.known for world in worlds)
    sys.stdout.write(f"histories {len(worlds)}, checks {checks}, safe known in {known}\n")
    assert false == []
    assert known > checks / 2


def held_is_safe(clock: TidClock, tid: Tid) -> FlushProof | None:
    """Claim the last sampled TID as safe: a rule that publishing in steps breaks."""
    held = last_held(clock, tid)
    return None if held is None else FlushProof(held.at, held.is_approximate)


def flush_is_proven(clock: TidClock, tid: Tid) -> FlushProof | None:
    """Treat the flush that published a TID as one that covers it, without a step back."""
    held = last_held(clock, tid)
    later = None if held is None else replace(held, at=held.at - LONGEST_SYNC_S)
    return None if later is None else FlushProof(later.at, later.is_approximate)


@pytest.mark.parametrize("rule", [held_is_safe, flush_is_proven])
def test_rule_without_the_step_back_is_found_false(
    monkeypatch: pytest.MonkeyPatch, rule: Callable[[TidClock, Tid], FlushProof | None]
) -> None:
    monkeypatch.setattr(lag, "flush_proof", rule)

    assert is_found(": safe until")


def test_commit_that_is_taken_for_durable_is_found_false(monkeypatch: pytest.MonkeyPatch) -> None:
    record_reading = known_slaves.record_reading
    monkeypatch.setattr(
        known_slaves,
        "record_reading",
        lambda *known: replace(record_reading(*known), durable_tid=known[1].tid),
    )

    assert is_found(": durable until")


def test_flat_zero_in_sync_is_found_false(monkeypatch: pytest.MonkeyPatch) -> None:
    lag_of = lag.lag_of

    def flat(*known: object, **more: object) -> lag.Lag:
        found = lag_of(*known, **more)  # type: ignore[arg-type]
        is_in_sync = found.verdict is lag.LagVerdict.IN_SYNC
        return replace(found, seconds=0.0) if is_in_sync else found

    monkeypatch.setattr(store, "lag_of", flat)

    assert is_found(": lag 0.0")


def test_commit_that_is_believed_after_a_reboot_is_found_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tid_clock_file, "after_power_cut", lambda known: known)

    assert is_found(": safe until")


def test_dating_a_message_by_when_it_is_read_is_found_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pipe may have held the message for long, while the master moved on."""
    monkeypatch.setattr(SafetyWorld, "unwritten_at", lambda world, _stream: world.at())

    assert is_found(":")
