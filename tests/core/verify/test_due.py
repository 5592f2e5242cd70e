"""The daemon verifies the pair that is due for the longest time, if nothing is under way there."""

from dataclasses import replace

import pytest

from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Copying, IdlePhase, Memory, PairLife, Paused, Streaming, Up
from hammerd.core.pairs import Endpoint, Gear, Pair, Timing
from hammerd.core.verify.due import is_any_due, next_due

DAY_S = 86_400.0
NOW = 1_000 * DAY_S


def life(name: str, every_s: float | None = DAY_S, *, gear: Gear = Gear.FOLLOWING) -> PairLife:
    pair = Pair(name, Endpoint("/m"), Endpoint("/s"), timing=Timing(verify_every_s=every_s))
    state = Streaming(0.0, 0.0, gear, Copying(), 0.0)
    return replace(new_life(pair, Memory(wanted=Up()), 0.0), state=state)


def due(*lives: PairLife, **times: float) -> str | None:
    found = next_due(lives, lambda pair: times.get(pair.name), NOW)
    return None if found is None else found.name


def test_a_pair_is_due_after_its_time() -> None:
    assert due(life("a"), a=NOW - DAY_S - 1) == "a"
    assert due(life("a"), a=NOW - DAY_S + 1) is None
    assert due(life("a", None)) is None


def test_the_one_that_waits_longest_comes_first() -> None:
    three = life("a"), life("b"), life("c", 2 * DAY_S)

    assert due(*three, a=NOW - 2 * DAY_S, b=NOW - 3 * DAY_S, c=NOW - 3 * DAY_S) == "b"
    assert due(*three, a=NOW - 2 * DAY_S, b=NOW - 3 * DAY_S) == "c"


def test_a_result_of_the_future_is_of_a_wrong_clock() -> None:
    assert due(life("a"), a=NOW + DAY_S) == "a"


@pytest.mark.parametrize(
    "memory",
    [
        Memory(wanted=Paused(None)),
        Memory(wanted=Up(), hold=Hold("promote", HoldStage.RUNNING, 0.0)),
    ],
)
def test_a_pair_that_is_paused_or_held_is_left_alone(memory: Memory) -> None:
    assert due(replace(life("a"), memory=memory)) is None


def test_a_pair_in_bulk_is_left_alone_until_it_rests() -> None:
    bulk = life("a", gear=Gear.BULK)
    assert isinstance(bulk.state, Streaming)
    resting = replace(bulk, state=replace(bulk.state, phase=IdlePhase()))

    assert (due(bulk), due(resting)) == (None, "a")


def test_a_pair_without_a_stream_is_left_alone() -> None:
    assert due(new_life(life("a").pair, Memory(wanted=Up()), 0.0)) is None


def test_nothing_is_checked_for_pairs_that_are_never_verified() -> None:
    assert is_any_due([life("a").pair])
    assert not is_any_due([life("a", None).pair, replace(life("b").pair, enabled=False)])
