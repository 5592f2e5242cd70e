"""Logs each transition and each sample of lag, once.

A transition's event is `pair.<state's word>`; word, level and cause are those of the state's row
in core/pair/state_table.py. It is logged when the row's identity changed: phases of a stream are
not transitions. A pair that stays down is told of once, and again after hours (down_pairs.py).
"""

import time
from collections.abc import Callable
from typing import assert_never

from hammerd.core.config.model import LogLevel
from hammerd.core.pair.events import Note, NoteName
from hammerd.core.pair.state_table import Row, row_of
from hammerd.core.pair.states import Memory, PairLife, Probing
from hammerd.core.pairs import Pair
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.rfc3339 import rfc3339
from hammerd.core.tid import Tid, format_tid
from hammerd.daemon.logging.down_pairs import DownPairs
from hammerd.daemon.logging.setup import Logger


class Journal:
    """The log of the daemon, and the record of lag."""

    def __init__(self, log: Logger, lag_log: Logger) -> None:
        self._log = log
        self._lag_log = lag_log
        self._logged: dict[str, tuple[object, ...]] = {}
        self._word_before_glance: dict[str, str] = {}
        self._down = DownPairs()

    @property
    def log(self) -> Logger:
        """The daemon's log, for events that are no transition of a pair."""
        return self._log

    def stepped(self, before: PairLife, life: PairLife, now_at: float) -> None:
        """Log a pair's step, if it was a transition."""
        state, name = life.state, life.pair.name
        if isinstance(state, Probing) and state.relaunch:
            # A glance lasts a millisecond: only the state after it is worth a line.
            self._word_before_glance[name] = row_of(before).word
            return
        from_state = self._word_before_glance.pop(name, row_of(before).word)
        row = row_of(life)
        level = self._down.take(name, row, life.memory, now_at)
        if self._logged.get(name) == row.identity:
            return
        self._logged[name] = row.identity
        fields = {
            "pair": name,
            "from_state": from_state,
            "because": row.trouble.because if row.trouble else row.because,
            **_carried(row, life.memory, now_at),
            "hint": (row.trouble.hint or None) if row.trouble else None,
        }
        self._writer_of(level)(f"pair.{row.word}", **fields)

    def _writer_of(self, level: LogLevel) -> Callable[..., object]:
        match level:
            case LogLevel.DEBUG:
                return self._log.debug
            case LogLevel.INFO:
                return self._log.info
            case LogLevel.WARNING:
                return self._log.warning
            case LogLevel.ERROR:
                return self._log.error
            case _:
                assert_never(level)

    def tell_of_down_pairs(self, now_at: float) -> None:
        """Log a line for each pair that is still down, every few hours."""
        for down in self._down.due(now_at):
            down_s = now_at - down.since_at
            self._log.warning(
                "pair.still_down",
                pair=down.pair,
                state=down.word,
                waiting_for=down.waiting_for,
                because=down.trouble.because,
                since_time=rfc3339(time.time() - down_s),
                down_s=round(down_s),
                failures=down.failures or None,
                refusals=down.refusals or None,
                hint=down.trouble.hint or None,
            )

    def noted(self, life: PairLife, note: Note) -> None:
        """Log a note: an event of a pair that leaves its state unchanged."""
        name = note.trouble.because if note.name is NoteName.DAMAGED else note.name
        self._writer_of(_level_of(note))(
            f"pair.{name}",
            pair=life.pair.name,
            because=note.trouble.because,
            plan=note.hold.plan if note.hold else None,
            stage=note.hold.stage.value if note.hold else None,
            text=note.text or None,
            hint=note.trouble.hint or None,
        )

    def sampled(
        self, pair: Pair, lag: Lag, master: Tid | None, slave: Tid | None, now_at: float
    ) -> None:
        """Add a line to the record of lag; it names a slave that takes turns with others.

        The ages are of the moments up to which everything is safe, or durable (core/replication).
        """
        is_known = lag.verdict is not LagVerdict.UNKNOWN
        self._lag_log.info(
            "lag.sampled",
            pair=pair.name,
            end=str(pair.slave) if pair.rotate.takes_turns else None,
            verdict=lag.verdict.value,
            lag_s=None if lag.seconds is None else round(lag.seconds, 3),
            lag_tids=lag.tids if is_known else None,
            master_tid=None if master is None else format_tid(master),
            slave_tid=None if slave is None else format_tid(slave),
            safe_age_s=_age_s(lag.safe_at, now_at),
            durable_age_s=_age_s(lag.durable_at, now_at),
        )

    def forget(self, pair: str) -> None:
        """Forget a pair that was removed."""
        self._logged.pop(pair, None)
        self._word_before_glance.pop(pair, None)
        self._down.forget(pair)


def _level_of(note: Note) -> LogLevel:
    match note.name:
        case NoteName.UNKILLABLE | NoteName.DAMAGED:
            return LogLevel.ERROR
        case NoteName.COMPLAINED | NoteName.HALF_STOPPED | NoteName.HALF_CONTINUED:
            return LogLevel.WARNING
        case NoteName.HELD:
            # A hint says that a person must act.
            return LogLevel.WARNING if note.trouble.hint else LogLevel.INFO
        case NoteName.RELEASED:
            return LogLevel.INFO
        case _:
            assert_never(note.name)


def _carried(row: Row, memory: Memory, now_at: float) -> dict[str, object]:
    if row.is_failed_attempt:
        retry_in_s = None if row.deadline_at is None else round(row.deadline_at - now_at, 1)
        words = " | ".join(memory.last_words) or None
        return {"failures": memory.failures, "retry_in_s": retry_in_s, "last_words": words}
    return {"gear": row.gear.value} if row.gear else {}


def _age_s(moment_at: float | None, now_at: float) -> float | None:
    return None if moment_at is None else round(now_at - moment_at, 3)
