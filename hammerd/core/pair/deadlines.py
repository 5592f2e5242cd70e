"""When a pair's state must be looked at again, and which gear its next stream gets."""

from typing import assert_never

from hammerd.core.pair.events import Context
from hammerd.core.pair.latches import is_held
from hammerd.core.pair.states import (
    InPrescan,
    Launching,
    PairLife,
    Parked,
    Probing,
    Stopped,
    Stopping,
    Streaming,
    WaitingForBackoff,
    WaitingForMount,
    WaitingForSlave,
)
from hammerd.core.pairs import Gear, GearChoice, Pair
from hammerd.core.replication.lag import LagVerdict
from hammerd.core.tid import NEVER_MIRRORED

GLANCE_S = 1.0
LONGEST_LOOK_S = 3600.0
MOUNT_LOOK_S = 10.0
PARKED_LOOK_S = 60.0
UNKILLABLE_LOOK_S = 5.0

MOST_DOUBLINGS = 10
"""How often a span is doubled at most: a pair may be refused for years, a float has an end."""

READ_IOCTL_BYTES = 512 << 10
"""How much a source half reads and sends before it prints progress (docs/hammer.md 4.5)."""


def deadline(life: PairLife) -> float | None:
    """Return when DeadlinePassed is due (monotonic), None for never."""
    match life.state:
        case Stopped(resume_at=resume_at):
            return resume_at
        case Probing(deadline_at=at) | Launching(deadline_at=at) | Stopping(deadline_at=at):
            return at
        case Streaming():
            return _stalled_at(life.pair, life.state)
        case WaitingForBackoff(retry_at=at) | WaitingForMount(look_at=at):
            return at
        case WaitingForSlave():
            return None
        case Parked() if is_held(life):
            return None
        case Parked(look_at=at):
            return at
        case _:
            assert_never(life.state)


def _stalled_at(pair: Pair, state: Streaming) -> float | None:
    if isinstance(state.phase, InPrescan):
        return state.progress_at + pair.timing.prescan_timeout_s
    if state.behind_since_at is None:
        return None
    return max(state.progress_at, state.behind_since_at) + _stall_timeout_s(pair)


def _stall_timeout_s(pair: Pair) -> float:
    options = pair.options
    transfer_s = 4 * READ_IOCTL_BYTES / options.bandwidth_bytes if options.bandwidth_bytes else 0.0
    # Without -B a healthy stream takes up to three delays from write to write
    # (docs/hammer.md 5.6).
    longest_delay_s = max(options.delay_s, options.following_delay_s)
    return max(pair.timing.stall_timeout_s, transfer_s, 4.0 * longest_delay_s)


def choose_gear(pair: Pair, ctx: Context) -> Gear:
    """Choose bulk for a slave that never mirrored or is further behind than `bulk_after`.

    Without -B a large transfer has restart points, with -B a write is on the slave within one
    delay (docs/hammer.md 5.6). An unknown lag counts as further behind.
    """
    if pair.options.gear is GearChoice.BULK:
        return Gear.BULK
    if ctx.slave_tid is not None and ctx.slave_tid <= NEVER_MIRRORED:
        return Gear.BULK
    if ctx.lag.verdict is LagVerdict.IN_SYNC:
        return Gear.FOLLOWING
    seconds = ctx.lag.seconds
    if seconds is None or seconds > pair.options.bulk_after_s:
        return Gear.BULK
    return Gear.FOLLOWING
