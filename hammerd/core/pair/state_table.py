"""Holds one row per state: its word, health, deadline, and all else that is derived from it.

Status, log, health and timers read the row and match no states themselves. A new state needs its
row here: row_of() closes the union, so the type checker demands it. core/pair/machine.py has the
transitions of each state.
"""

import math
from dataclasses import dataclass
from typing import assert_never

from hammerd.core.config.model import LogLevel
from hammerd.core.hammer.messages import ParkCause
from hammerd.core.holds import hold_fault
from hammerd.core.pair import states
from hammerd.core.pair.latches import is_parked_latched
from hammerd.core.pair.probe_verdict import is_away
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import LossCause, Memory, PairLife, Then, Trouble
from hammerd.core.pairs import Gear, Pair, needs_login

AT_ONCE, NEVER = -math.inf, math.inf

SILENT_LAUNCH_S = 5.0
"""The time for which a launched stream may be silent: hammer prints at once, and a name, a key
exchange and a shell take a second or two. A login that takes longer most often hangs."""

READ_IOCTL_BYTES = 512 << 10
"""The bytes that a source half reads and sends before it prints progress (docs/hammer.md 4.5)."""

DISABLED = Trouble("disabled", "enabled = false stands in the config")

LINK_LOST = Trouble(
    LossCause.LINK_LOST,
    "both halves ended and named no cause: was one killed, or is memory short (dmesg)? Is the link"
    " to another host sound?",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The properties of a pair that follow from its state.

    `word`: the state's name in log, status, manual and CLI. `trouble`: the fault of the pair, None
    without one; then `because` is the reason for the state. `level`: the level of its log line;
    a line is logged when `identity` changes. `warning_at`, `critical_at`: from then on the state
    as such is a warning, or critical. `deadline_at`: when DeadlinePassed is due, None for never.
    `shows_retry`: status shows the deadline. `is_failed_attempt`: the log quotes the last words.
    `is_under_way`: a stream onto the slave runs or will. `is_another_try`: no stream has proven
    yet that the cause of the last failure is removed. `has_other_writer`: another owner writes to
    the slave.
    """

    word: str
    trouble: Trouble | None
    level: LogLevel
    identity: tuple[object, ...]
    warning_at: float
    deadline_at: float | None
    critical_at: float = NEVER
    is_under_way: bool = True
    waiting_for: str | None = None
    because: str | None = None
    gear: Gear | None = None
    shows_retry: bool = False
    is_failed_attempt: bool = False
    is_another_try: bool = False
    has_other_writer: bool = False


def deadline(life: PairLife) -> float | None:
    """Return when DeadlinePassed is due (monotonic), None for never."""
    return row_of(life).deadline_at


def row_of(life: PairLife) -> Row:  # noqa: C901 - a flat table of cases
    """Return the row of the state that a pair is in."""
    match life.state:
        case states.Stopped():
            return _stopped(life, life.state)
        case states.Probing():
            return _probing(life, life.state)
        case states.Launching():
            return _launching(life, life.state)
        case states.Streaming():
            return _streaming(life, life.state)
        case states.Stopping():
            return _stopping(life, life.state)
        case states.WaitingForBackoff():
            return _backoff(life.state)
        case states.WaitingForMount():
            return _mount(life, life.state)
        case states.WaitingForResource():
            return _resource(life, life.state)
        case states.Parked():
            return _parked(life, life.state)
        case _:
            assert_never(life.state)


def _is_another_try(memory: Memory) -> bool:
    """Return whether no stream has proven yet that the cause of the last failure is removed."""
    is_unmounted = memory.unmounted_since_at is not None
    return memory.failures > 0 or memory.refusals > 0 or is_unmounted


def _critical_at(life: PairLife) -> float:
    """Return when another try is critical: as the wait between two tries is."""
    if life.memory.refusals:
        return AT_ONCE
    unmounted_at = life.memory.unmounted_since_at
    return NEVER if unmounted_at is None else unmounted_at + life.pair.timing.mount_grace_s


def _stopped(life: PairLife, state: states.Stopped) -> Row:
    hold, wanted = life.memory.hold, life.memory.wanted
    held = _hold_trouble(life)
    trouble = held or (None if life.pair.enabled else DISABLED)
    is_forgotten = isinstance(wanted, states.Up) and hold is None
    return Row(
        word="stopped",
        trouble=trouble,
        because=_wish(life.memory),
        level=LogLevel.WARNING if trouble else LogLevel.INFO,
        identity=(states.Stopped, state.since_at),
        warning_at=AT_ONCE if is_forgotten or held else NEVER,
        deadline_at=state.resume_at,
        is_under_way=False,
    )


def _hold_trouble(life: PairLife) -> Trouble | None:
    hold = life.memory.hold
    fault = hold_fault(hold, life.pair) if hold else None
    return Trouble(*fault) if fault else None


def _probing(life: PairLife, state: states.Probing) -> Row:
    return Row(
        word="probing",
        trouble=None,
        level=_level_of_try(life.memory),
        identity=(states.Probing, state.since_at),
        warning_at=AT_ONCE if _is_another_try(life.memory) else NEVER,
        critical_at=_critical_at(life),
        deadline_at=state.deadline_at,
        is_another_try=_is_another_try(life.memory),
    )


def _launching(life: PairLife, state: states.Launching) -> Row:
    return Row(
        word="launching",
        trouble=None,
        level=_level_of_try(life.memory),
        identity=(states.Launching, state.since_at),
        warning_at=AT_ONCE if _is_another_try(life.memory) else state.since_at + SILENT_LAUNCH_S,
        critical_at=_critical_at(life),
        deadline_at=state.deadline_at,
        gear=state.gear,
        is_another_try=_is_another_try(life.memory),
    )


def _streaming(life: PairLife, state: states.Streaming) -> Row:
    return Row(
        word="streaming",
        trouble=state.stopped_half,
        level=LogLevel.WARNING if state.stopped_half else LogLevel.INFO,
        identity=(states.Streaming, state.launched_at),
        warning_at=AT_ONCE if state.stopped_half else NEVER,
        deadline_at=_stalled_at(life.pair, state),
        gear=state.gear,
    )


def _stopping(life: PairLife, state: states.Stopping) -> Row:
    trouble = None
    if state.is_unkillable:
        trouble = states.UNKILLABLE
    elif isinstance(state.then, states.ThenProbe) and not _is_turn(state.then):
        trouble = state.then.trouble
    return Row(
        word="stopping",
        trouble=trouble,
        because=_because_of(state.then, life.memory),
        level=LogLevel.WARNING if trouble else _level_of_end(life.memory, state),
        identity=(states.Stopping, state.since_at),
        warning_at=AT_ONCE if _is_another_try(life.memory) else NEVER,
        critical_at=AT_ONCE if state.is_unkillable else _critical_at(life),
        deadline_at=state.deadline_at,
        is_another_try=_is_another_try(life.memory),
    )


def _level_of_try(memory: Memory) -> LogLevel:
    return LogLevel.DEBUG if _is_another_try(memory) else LogLevel.INFO


def _level_of_end(memory: Memory, state: states.Stopping) -> LogLevel:
    """Return the level of the end of a stream: that of one which lived and was lost warns."""
    match state.then:
        case states.ThenBackoff() | states.ThenLaunch(trouble=states.Trouble()):
            return LogLevel.WARNING if state.has_lived else _level_of_try(memory)
        case states.ThenMount() | states.ThenPark():
            return LogLevel.INFO if state.has_lived else _level_of_try(memory)
        case states.ThenLaunch() | states.ThenProbe() | states.ThenStopped():
            return LogLevel.INFO
        case _:
            assert_never(state.then)


def _backoff(state: states.WaitingForBackoff) -> Row:
    is_unexplained = state.trouble == Trouble(LossCause.LINK_LOST)
    return Row(
        word="waiting",
        waiting_for="backoff",
        trouble=LINK_LOST if is_unexplained else state.trouble,
        level=LogLevel.WARNING,
        identity=(states.WaitingForBackoff, state.trouble.because, state.since_at),
        warning_at=AT_ONCE,
        deadline_at=state.retry_at,
        shows_retry=True,
        is_failed_attempt=True,
    )


def _mount(life: PairLife, state: states.WaitingForMount) -> Row:
    # A disk that is away is no fault if others take turns with it: the age of all slaves counts.
    is_turn = is_away(life.pair, state.trouble.because)
    return Row(
        word="waiting",
        waiting_for="mount",
        trouble=state.trouble,
        level=LogLevel.INFO if is_turn else LogLevel.WARNING,
        identity=(states.WaitingForMount, state.trouble.because, state.since_at),
        warning_at=NEVER if is_turn else AT_ONCE,
        critical_at=NEVER if is_turn else state.since_at + life.pair.timing.mount_grace_s,
        deadline_at=state.probe_at,
        shows_retry=True,
    )


def _resource(life: PairLife, state: states.WaitingForResource) -> Row:
    is_held = _is_held(state.resource)
    is_trouble = is_held or life.memory.failures > 0
    return Row(
        word="waiting",
        waiting_for=state.resource.value,
        trouble=state.trouble,
        level=LogLevel.WARNING if is_trouble else LogLevel.INFO,
        identity=(states.WaitingForResource, state.trouble.because, state.since_at),
        warning_at=AT_ONCE if is_trouble else NEVER,
        deadline_at=None,
        has_other_writer=is_held,
    )


def _parked(life: PairLife, state: states.Parked) -> Row:
    return Row(
        word="parked",
        trouble=Trouble(state.cause, state.hint),
        level=LogLevel.ERROR,
        identity=(states.Parked, state.cause),
        warning_at=AT_ONCE,
        critical_at=AT_ONCE,
        deadline_at=None if is_parked_latched(life) else state.probe_at,
        shows_retry=True,
        is_under_way=False,
        has_other_writer=state.cause is ParkCause.FOREIGN_STREAM,
    )


def _is_held(resource: Resource) -> bool:
    """Return whether another owner is known to write to the slave."""
    match resource:
        case Resource.SLAVE:
            return True
        case Resource.DRAIN:
            return False
        case _:
            assert_never(resource)


# --- the deadline of a stream ------------------------------------------------------------------


def _stalled_at(pair: Pair, state: states.Streaming) -> float | None:
    if isinstance(state.phase, states.InPrescan):
        return state.progress_at + pair.timing.prescan_timeout_s
    if isinstance(state.phase, states.Copying) and needs_login(pair):
        # A slice is under way, or a login printed so; the lag may be unknown for ever.
        return max(state.progress_at, state.behind_since_at or 0.0) + _stall_timeout_s(pair)
    if state.behind_since_at is None:
        return None
    return max(state.progress_at, state.behind_since_at) + _stall_timeout_s(pair)


def _stall_timeout_s(pair: Pair) -> float:
    options = pair.options
    transfer_s = 4 * READ_IOCTL_BYTES / options.bandwidth_bytes if options.bandwidth_bytes else 0.0
    # Without -B a healthy stream takes up to three delays between writes (docs/hammer.md 5.6).
    longest_delay_s = max(options.delay_s, options.following_delay_s)
    return max(pair.timing.stall_timeout_s, transfer_s, 4.0 * longest_delay_s)


# --- the reason why a group ends ---------------------------------------------------------------


def _is_turn(then: states.ThenProbe) -> bool:
    """Return whether a stream ends since it is the turn of another slave: that is no fault."""
    return then.trouble is not None and then.trouble.because == states.MisdirectedCause.SLAVE_TURN


def _because_of(then: Then, memory: Memory) -> str:
    match then:
        case states.ThenLaunch(trouble=trouble):
            return trouble.because if trouble else "gear_change"
        case states.ThenBackoff(trouble) | states.ThenMount(trouble):
            return trouble.because
        case states.ThenPark(cause=cause):
            return cause
        case states.ThenProbe() if _is_turn(then):
            return states.MisdirectedCause.SLAVE_TURN
        case states.ThenProbe():
            return "restart"
        case states.ThenStopped():
            return _wish(memory)
        case _:
            assert_never(then)


def _wish(memory: Memory) -> str:
    if memory.hold is not None:
        return memory.hold.owner
    match memory.wanted:
        case states.Paused():
            return "pause"
        case states.Down(because):
            return because
        case states.Up():
            return "asked"
        case _:
            assert_never(memory.wanted)
