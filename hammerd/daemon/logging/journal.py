"""Writes each transition and each sample down, once.

Event names are made from the types of states, `pair.<state's word>`, so that they cannot drift
from what status and the manual say. A transition is logged when the state's kind or cause
changed; phases of a stream are not transitions.
"""

from collections.abc import Callable
from typing import assert_never

from hammerd.core.api.status_json import trouble_of
from hammerd.core.pair.events import Note, NoteName
from hammerd.core.pair.states import (
    STATE_WORDS,
    Down,
    Launching,
    PairLife,
    Parked,
    Paused,
    Probing,
    State,
    Stopped,
    Stopping,
    Streaming,
    ThenBackoff,
    ThenLaunch,
    ThenMount,
    ThenPark,
    ThenProbe,
    Up,
    WaitingForBackoff,
    Wanted,
)
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.tid import Tid, format_tid
from hammerd.daemon.logging.setup import Logger


class Journal:
    """The log of the daemon, and the record of lag."""

    def __init__(self, log: Logger, lag_log: Logger) -> None:
        self._log = log
        self._lag_log = lag_log
        self._said: dict[str, tuple[object, ...]] = {}
        self._before_glance: dict[str, State] = {}

    @property
    def log(self) -> Logger:
        """The daemon's own log, for what no pair did."""
        return self._log

    def stepped(self, before: State, life: PairLife, now_at: float) -> None:
        """Log a pair's transition, if the step was one."""
        state, name = life.state, life.pair.name
        if isinstance(state, Probing) and state.relaunch:
            # A glance lasts a millisecond: what comes after it is the news.
            self._before_glance[name] = before
            return
        before = self._before_glance.pop(name, before)
        said = _identity(state)
        if self._said.get(name) == said:
            return
        self._said[name] = said
        trouble = trouble_of(life)
        fields = {
            "pair": name,
            "from_state": STATE_WORDS[type(before)],
            "because": trouble.because if trouble else _ending_because(life),
            **_carried(life, now_at),
            "hint": (trouble.hint or None) if trouble else None,
        }
        self._writer_for(life)(f"pair.{STATE_WORDS[type(state)]}", **fields)

    def _writer_for(self, life: PairLife) -> Callable[..., object]:
        """Return how grave a transition is.

        What a pair does again and again, until it comes to life, is told by the line in which it
        waits: that holds the cause, how often, and the last words.
        """
        if isinstance(life.state, Parked):
            return self._log.error
        if trouble_of(life):
            return self._log.warning
        return self._log.debug if _is_retry(life) else self._log.info

    def noted(self, life: PairLife, note: Note) -> None:
        """Log what is worth a line though the state stays the same."""
        is_grave = note.name in (NoteName.UNKILLABLE, NoteName.DAMAGED)
        write = self._log.error if is_grave else self._log.warning
        name = note.trouble.because if note.name is NoteName.DAMAGED else note.name
        write(
            f"pair.{name}",
            pair=life.pair.name,
            because=note.trouble.because,
            text=note.text or None,
            hint=note.trouble.hint or None,
        )

    def sampled(self, pair: str, lag: Lag, master: Tid | None, slave: Tid | None) -> None:
        """Add a line to the record of lag."""
        is_known = lag.verdict is not LagVerdict.UNKNOWN
        self._lag_log.info(
            "lag.sampled",
            pair=pair,
            verdict=lag.verdict.value,
            lag_s=None if lag.seconds is None else round(lag.seconds, 3),
            lag_tids=lag.tids if is_known else None,
            master_tid=None if master is None else format_tid(master),
            slave_tid=None if slave is None else format_tid(slave),
        )

    def forget(self, pair: str) -> None:
        """Forget a pair that is gone."""
        self._said.pop(pair, None)
        self._before_glance.pop(pair, None)


def _is_retry(life: PairLife) -> bool:
    match life.state:
        case Probing() | Launching() | Stopping(then=ThenBackoff()):
            return life.memory.failures > 0
        case _:
            return False


def _identity(state: State) -> tuple[object, ...]:
    match state:
        case Parked(cause=cause):
            return (Parked, cause)
        case Streaming(launched_at=launched_at):
            return (Streaming, launched_at)
        case Stopping(since_at=since_at):
            return (Stopping, since_at)
        case _:
            trouble = getattr(state, "trouble", None)
            return (type(state), trouble.because if trouble else None, state.since_at)


def _wish(wanted: Wanted) -> str:
    match wanted:
        case Paused():
            return "pause"
        case Down():
            return "shutdown"
        case Up():
            return "asked"
        case _:
            assert_never(wanted)


def _carried(life: PairLife, now_at: float) -> dict[str, object]:
    match life.state:
        case WaitingForBackoff(retry_at=retry_at):
            words = " | ".join(life.memory.last_words) or None
            retry_in_s = round(retry_at - now_at, 1)
            failures = life.memory.failures
            return {"failures": failures, "retry_in_s": retry_in_s, "last_words": words}
        case Launching(gear=gear) | Streaming(gear=gear):
            return {"gear": gear.value}
        case _:
            return {}


def _ending_because(life: PairLife) -> str | None:
    match life.state:
        case Stopping(then=ThenLaunch(trouble=trouble)):
            return trouble.because if trouble else "gear_change"
        case Stopping(then=ThenBackoff(trouble) | ThenMount(trouble)):
            return trouble.because
        case Stopping(then=ThenPark(cause, _)):
            return cause
        case Stopping(then=ThenProbe()):
            return "restart"
        case Stopping() | Stopped():
            return _wish(life.memory.wanted)
        case _:
            return None
