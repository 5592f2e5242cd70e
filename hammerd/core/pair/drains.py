"""Holds the rules for slaves on another host whose writer may outlive its group on this one.

    stream ends, its far half held the lock    the next guard ends that half: launch at once
    stream ends without the lock               the slave drains for remote_drain, then a probe must
                                               find the TID that it had when it began to drain; a
                                               loss counts as a failure

A connection that is cut ends nothing over there: sshd and its mirror-write live on, may be frozen,
and commit later. The lock is that of core/hosts/far_guard.py. Where the other host cannot be
probed, the last known TID counts as found again: only the time protects the slave then.
"""

from collections.abc import Iterable
from dataclasses import replace

from hammerd.core.pair.slave_claims import Claim, is_far
from hammerd.core.pair.states import (
    Draining,
    LossCause,
    Memory,
    PairLife,
    State,
    Stopping,
    Trouble,
)
from hammerd.core.pairs import Pair, Timing
from hammerd.core.tid import Tid


def may_write_on(pair: Pair, *, is_locked: bool) -> bool:
    """Return whether the target half of a living stream may outlive its group."""
    return not pair.slave.host.shares_processes and not is_locked


def claim_of(pair: Pair, keys: frozenset[str]) -> Claim:
    """Return the claim of a launch on a slave with these keys."""
    if pair.slave.host.shares_processes:
        return Claim(pair.name, keys)
    # A source half of this host prints its batch before it sends data; what one on another host
    # prints may be lost on the way.
    drains_unlived = not pair.master.host.shares_processes
    return Claim(pair.name, keys, pair.timing.remote_drain_s, drains_unlived)


def drain_s(claim: Claim | None, state: State) -> float:
    """Return for how long a slave drains once its group is empty, 0 for not at all.

    The claim knows the slave of that group: the config of the pair may name another one by now.
    """
    if claim is None or not isinstance(state, Stopping) or state.is_far_locked:
        return 0.0
    return claim.drain_s if state.has_lived or claim.drains_unlived else 0.0


def orphan_drain_s(life: PairLife | None, slave_keys: Iterable[str]) -> float:
    """Return for how long the slave of an orphan drains; `life` is that of its pair, if known."""
    if not is_far(slave_keys):
        return 0.0
    if life is None:
        return Timing().remote_drain_s
    return life.pair.timing.remote_drain_s if life.memory.is_far_unlocked else 0.0


def with_far_writer(memory: Memory, pair: Pair, *, is_locked: bool) -> Memory:
    """Remember whether the target half of a living stream holds the lock of its slave."""
    return replace(memory, is_far_unlocked=may_write_on(pair, is_locked=is_locked))


def with_draining(life: PairLife, slave_tid: Tid | None) -> PairLife:
    """Remember the TID of a slave that begins to drain, or that moved meanwhile."""
    return replace(life, memory=replace(life.memory, draining=Draining(slave_tid)))


def is_unsteady(life: PairLife, slave_tid: Tid | None) -> bool:
    """Return whether a slave moved while it drained."""
    draining = life.memory.draining
    return draining is not None and draining.tid != slave_tid


def drain_trouble(life: PairLife) -> Trouble:
    """Return the reason why a launch waits for a slave that drains, with the last failure."""
    pair, failed_by = life.pair, life.memory.failed_by
    before = ""
    if life.memory.failures and failed_by is not None:
        before = ": ".join(
            filter(None, (f"; the last failure: {failed_by.because}", failed_by.hint))
        )
    where = f"on {pair.slave.host.login}" if pair.slave.host.login else "on another host"
    return Trouble(
        "drain",
        f"no lock was seen of the last target half {where}: if it started, it may write on for a"
        f" while; remote_drain is {pair.timing.remote_drain_s:g} s{before}",
    )


def unsteady_trouble(pair: Pair) -> Trouble:
    """Return the failure of a launch that found its slave moving."""
    return Trouble(
        LossCause.SLAVE_UNSTEADY,
        f"the TID of slave {pair.slave} moved though no stream of this hammerd wrote: an earlier"
        ' target half, or another writer, lives over there; see "ps ax" for mirror-write',
    )
