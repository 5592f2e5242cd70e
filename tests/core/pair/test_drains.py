"""Tests slaves on another host whose target half may outlive its group on this host."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.messages import FarLocked
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.drains import claim_of, drain_s, orphan_drain_s
from hammerd.core.pair.events import (
    GroupEmpty,
    HalfDied,
    Launch,
    LeaveQueue,
    MessageRead,
    Probe,
    ResourceBusy,
    ResourceFree,
    RestartAsked,
    SlaveMoved,
    StopAsked,
)
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.slave_claims import Claim, Resource, SlaveClaims, slave_keys
from hammerd.core.pair.states import (
    Launching,
    LossCause,
    Memory,
    PairLife,
    Paused,
    Stopping,
    Streaming,
    WaitingForBackoff,
    WaitingForResource,
)
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.core.tid import Tid
from tests.core.pair.pair_play import (
    BATCH,
    COPYING,
    DUE,
    GO,
    LAUNCHING,
    PAIR,
    PROGRESS,
    SLAVE_TID,
    Defaults,
    Moment,
    advance,
    play,
)

PUSH = replace(PAIR, slave=Endpoint("/slave", SshHost("backup")))
PULL = replace(PAIR, master=Endpoint("/master", SshHost("office")))
BOTH_FAR = replace(PUSH, master=PULL.master)
DRAIN_S = PAIR.timing.remote_drain_s

LOCKED = MessageRead(FarLocked())
DIED = HalfDied(8)
DRAINS = ResourceBusy(Resource.DRAIN, "an earlier writer")
KEYS = slave_keys((PUSH.slave,), "uuid")


def drained_s(*moments: Moment, pair: Pair) -> float:
    """Return for how long the slave drains after the group that these moments end."""
    life = play(*LAUNCHING, *moments, pair=pair).life
    assert isinstance(life.state, Stopping)
    return drain_s(claim_of(pair, KEYS), life.state)


@pytest.mark.parametrize(
    ("pair", "moments", "span_s"),
    [
        (PUSH, ((2, BATCH), (3, DIED)), DRAIN_S),
        (BOTH_FAR, ((2, BATCH), (3, DIED)), DRAIN_S),
        (PUSH, ((2, LOCKED), (3, BATCH), (4, DIED)), 0.0),
        (PUSH, ((2, BATCH), (3, LOCKED), (4, DIED)), 0.0),
        (PUSH, ((2, BATCH), (3, DIED), (4, LOCKED)), 0.0),
        (PUSH, ((2, BATCH), (3, StopAsked(Paused()))), DRAIN_S),
        # The source half here had sent nothing.
        (PUSH, ((2, DIED),), 0.0),
        (PUSH, ((2, DIED), (3, BATCH)), DRAIN_S),
        (BOTH_FAR, ((2, DIED),), DRAIN_S),
        (PAIR, ((2, BATCH), (3, DIED)), 0.0),
        (PULL, ((2, BATCH), (3, DIED)), 0.0),
    ],
)
def test_slave_drains_if_a_far_half_without_a_lock_may_have_got_data(
    pair: Pair, moments: tuple[Moment, ...], span_s: float
) -> None:
    assert drained_s(*moments, pair=pair) == span_s


def test_slave_of_the_group_drains_whatever_the_config_names_by_now() -> None:
    life = play(*LAUNCHING, (2, BATCH), (3, DIED), pair=PUSH).life
    claim = claim_of(PUSH, KEYS)

    assert drain_s(claim, replace(life, pair=PAIR).state) == DRAIN_S
    assert drain_s(None, life.state) == 0.0


# --- the launch that waits ---------------------------------------------------------------------


def waits(tid: Tid | None = SLAVE_TID) -> PairLife:
    """Return a pair that waits for its slave to drain since 10; the slave has this TID."""
    ended = (*COPYING, (9, RestartAsked()), (10, GroupEmpty()))
    life = play(*ended, (10, GO), pair=PUSH).life
    return advance(life, (10, DRAINS), Defaults(slave_tid=tid)).life


def probed(life: PairLife, tid: Tid) -> PairLife:
    """Return the life after the slave has drained and a probe found this TID."""
    glances = advance(life, (20, ResourceFree()))
    assert glances.effects == (LeaveQueue(), Probe())
    return advance(glances.life, (21, GO), Defaults(slave_tid=tid)).life


@pytest.mark.parametrize("is_locked", [True, False])
def test_loss_is_a_failure_only_if_the_slave_must_drain(is_locked: bool) -> None:
    locked = ((2, LOCKED),) if is_locked else ()
    moments = (*LAUNCHING, *locked, (2, BATCH), (3, PROGRESS), (99, DIED), (100, GroupEmpty()))
    life = play(*moments, pair=PUSH).life

    assert isinstance(life.state, Launching if is_locked else WaitingForBackoff)
    assert life.memory.failures == (0 if is_locked else 1)


def test_launch_onto_a_slave_that_drains_waits_and_tells_why() -> None:
    life = waits()

    assert isinstance(life.state, WaitingForResource)
    assert life.state.resource is Resource.DRAIN
    assert life.state.trouble.because == "drain"
    assert "on backup" in life.state.trouble.hint
    assert "10 s" in life.state.trouble.hint


def test_launch_that_waits_for_a_drain_still_tells_why_the_last_one_failed() -> None:
    moments = (*LAUNCHING, (2, BATCH), (3, PROGRESS), (99, DIED), (100, GroupEmpty()), DUE)
    life = advance(play(*moments, (111, GO), pair=PUSH).life, (111, DRAINS)).life

    assert isinstance(life.state, WaitingForResource)
    assert "the last failure: half_died: the source or target half" in life.state.trouble.hint


def test_slave_that_rested_is_launched_onto_after_a_probe() -> None:
    glances = advance(waits(), (20, ResourceFree()))
    done = advance(glances.life, (21, GO))

    assert glances.effects == (LeaveQueue(), Probe())
    assert done.effects == (Launch(Gear.FOLLOWING),)
    assert done.life.memory.draining is None


@pytest.mark.parametrize("before", [Tid(8), Tid(10), None])
def test_slave_that_moved_meanwhile_is_waited_for_again(before: Tid | None) -> None:
    moved = probed(waits(before), Tid(9))
    probing = advance(moved, DUE)
    rested = advance(probing.life, (moved.state.since_at + 30, GO))

    assert isinstance(moved.state, WaitingForBackoff)
    assert moved.state.trouble.because == LossCause.SLAVE_UNSTEADY
    assert moved.state.retry_at - moved.state.since_at >= DRAIN_S
    assert rested.effects == (Launch(Gear.FOLLOWING),)


def test_stop_and_start_do_not_spare_the_probe_of_a_slave_that_moved() -> None:
    stopped = advance(waits(Tid(8)), (11, StopAsked(Paused()))).life

    assert stopped.memory.draining is not None


# --- the memory of a half without a lock -------------------------------------------------------


def test_half_without_a_lock_is_remembered_until_one_has_the_lock() -> None:
    lives = play(*LAUNCHING, (2, BATCH), pair=PUSH).life
    again = replace(play(*LAUNCHING, pair=PUSH).life, memory=replace(lives.memory))
    locked = advance(again, (5, LOCKED)).life

    assert lives.memory.is_far_unlocked
    assert again.memory.is_far_unlocked
    assert not locked.memory.is_far_unlocked
    assert not play(*LAUNCHING, (2, LOCKED), (3, BATCH), pair=PUSH).life.memory.is_far_unlocked
    assert not play(*LAUNCHING, (2, BATCH), pair=PULL).life.memory.is_far_unlocked


@pytest.mark.parametrize(
    ("life", "keys", "span_s"),
    [
        (new_life(PUSH, Memory(is_far_unlocked=True), 0), KEYS, DRAIN_S),
        (new_life(PUSH, Memory(), 0), KEYS, 0.0),
        (None, KEYS, DRAIN_S),
        (None, slave_keys((PAIR.slave,), "uuid"), 0.0),
    ],
)
def test_slave_of_an_orphan_drains_unless_its_half_had_the_lock(
    life: PairLife | None, keys: frozenset[str], span_s: float
) -> None:
    assert orphan_drain_s(life, keys) == span_s


def test_far_slave_that_moves_is_a_former_master_only_under_a_half_with_the_lock() -> None:
    moved = (9, SlaveMoved(Tid(3), Tid(9)))
    unlocked = play(*LAUNCHING, (2, BATCH), moved, pair=PUSH).life
    locked = play(*LAUNCHING, (2, LOCKED), (3, BATCH), moved, pair=PUSH).life

    assert isinstance(unlocked.state, Streaming)
    assert unlocked.memory.promotion is None
    assert locked.memory.promotion is not None


# --- the claims --------------------------------------------------------------------------------


def drained_slaves(until_at: float = 20.0) -> SlaveClaims:
    slaves = SlaveClaims()
    slaves.take(Claim("old", KEYS))
    slaves.release("old", drains_until_at=until_at)
    return slaves


def test_slave_that_drains_is_nobodys_and_is_not_taken() -> None:
    slaves = drained_slaves()

    assert slaves.holder(KEYS) is None
    busy = slaves.take(Claim("new", slave_keys((PUSH.slave,), None)))
    assert busy is not None
    assert busy.resource is Resource.DRAIN
    assert slaves.take(Claim("other", slave_keys((PULL.slave,), None))) is None


def test_slave_that_has_drained_is_offered_in_the_order_of_arrival() -> None:
    slaves = drained_slaves()
    for owner in ("one", "two"):
        slaves.take(Claim(owner, KEYS))

    assert slaves.drained_at() == 20.0
    slaves.end_drains(19.9)
    assert list(slaves.unblocked()) == []
    slaves.end_drains(20.0)
    assert list(slaves.unblocked()) == ["one", "two"]
    assert slaves.drained_at() is None


def test_owner_that_waits_for_a_holder_is_told_when_the_slave_drains_instead() -> None:
    slaves = SlaveClaims()
    slaves.take(Claim("old", KEYS))
    slaves.take(Claim("new", KEYS))
    slaves.release("old", drains_until_at=20.0)

    assert list(slaves.unblocked()) == ["new"]
    assert slaves.take(Claim("new", KEYS)) is not None
    assert list(slaves.unblocked()) == []
    slaves.leave_queue("new")
    assert slaves.drained_at() is None


def test_two_drains_of_a_slave_end_with_the_later_one() -> None:
    slaves = drained_slaves()
    slaves.drain(KEYS, 30.0)
    slaves.take(Claim("new", KEYS))
    slaves.end_drains(20.0)

    assert list(slaves.unblocked()) == []
    slaves.end_drains(30.0)
    assert list(slaves.unblocked()) == ["new"]
