"""Records the events of the log and every sample of lag in history.db, in batches.

    log line ─┐                                              ┌── written
    sample  ──┴── backlog ── at most once a second: writer ──┴── failed: logged once, retried

The loop only collects rows; the writer thread writes them (database.py). Rows that cannot be
written stay in the backlog, which is bounded: the oldest rows are dropped, samples before events.
Streams never wait for the history.
"""

import asyncio
import contextlib
import grp
import json
import threading
from collections import deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from hammerd.core import paths
from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.history.database import HistoryFile, HistoryUnwritten, NoSqlite, Rows
from hammerd.daemon.history.retention import SteadyClock, forget_older, thin
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.threads.writer_thread import WriterThread, call_on_loop
from hammerd.daemon.timing.clock import Clock
from hammerd.daemon.timing.timers import Timer

WRITE_INTERVAL_S = 1.0
"""The least time between two writes: each waits for a disk several times."""

RETRY_S = 5.0
MOST_WAITING = 10_000
MOST_AT_ONCE = 1_000
"""The most rows of one transaction: far fewer than retention deletes at once."""

LONGEST_TEXT = 2_000

UNRECORDED = frozenset({"pair.status"})
"""Events of the log that only answer a request."""

_HEAD = frozenset({"event", "pair"})
_MOST_INTEGER = (1 << 63) - 1
_UNWRITTEN_HINT = "the mirrors go on; hammerd keeps what is to be written, and tries again"

AnyRow = TypeVar("AnyRow")


class Backlog:
    """Rows that are not written yet; any thread may use it."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._events: deque[EventRow] = deque()
        self._samples: deque[LagRow] = deque()
        self.lost = 0
        """The number of rows that were dropped."""

    def put(self, row: EventRow | LagRow) -> None:
        """Add a row."""
        with self._lock:
            if isinstance(row, EventRow):
                self._events.append(row)
            else:
                self._samples.append(row)
            self._shorten()

    def take(self, most: int = MOST_AT_ONCE) -> Rows | None:
        """Remove and return the oldest rows, events before samples; None when there are none."""
        with self._lock:
            events = _taken(self._events, most)
            samples = _taken(self._samples, most - len(events))
        return Rows(events, samples) if events or samples else None

    def clear(self) -> None:
        """Remove all rows, without counting them as lost."""
        with self._lock:
            self._events.clear()
            self._samples.clear()

    def put_back(self, rows: Rows) -> None:
        """Insert rows that were taken, before the rows that came since."""
        with self._lock:
            self._events.extendleft(reversed(rows.events))
            self._samples.extendleft(reversed(rows.samples))
            self._shorten()

    def _shorten(self) -> None:
        while len(self._events) + len(self._samples) > self._most:
            (self._samples or self._events).popleft()
            self.lost += 1


class History:
    """The history of one daemon; `log` gets the errors of its file."""

    def __init__(self, settings: DaemonConfig, clock: Clock, writer: WriterThread) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._writer = writer
        self._file = HistoryFile(
            Path(settings.state_dir) / paths.HISTORY_FILE, group_id(settings.status_group)
        )
        self._backlog = Backlog()
        self._steady = SteadyClock()
        self._timer = Timer(self._loop, self._submit_write)
        self._written_at = -WRITE_INTERVAL_S
        self._last_because: str | None = None
        self._is_off = False
        self._unwritten_since_at: float | None = None
        self._unwritten_because: str | None = None
        self._complaints: tuple[str, ...] = ()
        self.keep_s = settings.history_keep_s
        self.log: Logger | None = None

    def record_event(self, level: str, event: Mapping[str, object]) -> None:
        """Record an event of the log."""
        name = str(event["event"])
        if level == "debug" or name in UNRECORDED:
            return
        pair = event.get("pair")
        fields = {key: _shortened(event[key]) for key in event if key not in _HEAD}
        known = {key: value for key, value in fields.items() if value is not None}
        text = json.dumps(known, default=str)
        self._put(EventRow(self._now_ms(), None if pair is None else str(pair), name, level, text))

    def record_lag(self, _level: str, event: Mapping[str, object]) -> None:
        """Record a line of the record of lag."""
        seconds, tids = event["lag_s"], event["lag_tids"]
        self._put(
            LagRow(
                self._now_ms(),
                str(event["pair"]),
                str(event["verdict"]),
                # SQLite's integers have a sign, TIDs do not.
                max(-_MOST_INTEGER, min(tids, _MOST_INTEGER)) if isinstance(tids, int) else None,
                seconds if isinstance(seconds, int | float) else None,
                _text(event["master_tid"]),
                _text(event["slave_tid"]),
            )
        )

    def describe(self) -> Mapping[str, object]:
        """Return the part of a status about the history."""
        since_at = self._unwritten_since_at
        return {
            "history_path": str(self._file.path),
            "history_unwritten_since_time": (
                None if since_at is None else self._clock.rfc3339(since_at)
            ),
            "history_unwritten_because": self._unwritten_because,
            "history_rows_lost": self._backlog.lost,
            "history_complaints": list(self._complaints),
        }

    def finish(self) -> None:
        """Queue the last write, before the loop ends."""
        self._timer.stop()
        self._writer.submit(self._write)

    # --- on the loop -----------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return round(self._clock.now().time * 1_000)

    def _put(self, row: EventRow | LagRow) -> None:
        if self._is_off:
            return
        self._backlog.put(row)
        if self._timer.at is None:
            # The timer runs in a later turn of the loop, and takes all rows of this one.
            self._timer.set(self._written_at + WRITE_INTERVAL_S)

    def _submit_write(self) -> None:
        self._written_at = self._loop.time()
        if self._is_off:
            return
        is_queued = self._writer.submit(self._write)
        if not is_queued or self._unwritten_because is not None:
            self._retry()

    def _retry(self) -> None:
        self._timer.set(self._loop.time() + RETRY_S)

    def _report(self, because: str | None, hint: str, damage: str | None) -> None:
        """Log an error that is new, or has ended."""
        log, before = self.log, self._unwritten_because
        self._unwritten_because = because
        if log is None:
            return
        if damage is not None:
            complaint = f"{self._file.path}: {damage}"
            self._complaints = (complaint,)
            aside = f"what was there is kept as {self._file.path.name}.bad; a new one has begun"
            log.error("history.damaged", because=complaint, hint=aside)
        if because is None:
            self._unwritten_since_at = None
            if before is not None:
                log.info("history.written_again", rows_lost=self._backlog.lost)
            return
        if before is None:
            self._unwritten_since_at = self._loop.time()
            log.error("history.unwritten", because=because, hint=hint)
        if self._timer.at is None:
            self._retry()

    def _turn_off(self, because: str, hint: str) -> None:
        self._is_off = True
        self._backlog.clear()
        self._unwritten_because = because
        if self.log is not None:
            self.log.warning("history.off", because=because, hint=hint)

    # --- on the writer thread --------------------------------------------------------------------

    def _write(self) -> None:
        while rows := self._backlog.take():
            if not self._write_rows(rows):
                return
        self._keep_up()

    def _write_rows(self, rows: Rows) -> bool:
        """Write some rows; return False if they stay in the backlog, or there is no history."""
        because, hint, damage = None, "", None
        try:
            damage = self._file.write(rows)
        except NoSqlite as error:
            call_on_loop(self._loop, partial(self._turn_off, error.message, error.hint))
            return False
        except HistoryUnwritten as error:
            because, hint = error.message, error.hint or _UNWRITTEN_HINT
            self._backlog.put_back(rows)
        if because != self._last_because or damage:
            # Only a change wakes the loop.
            call_on_loop(self._loop, partial(self._report, because, hint, damage))
        self._last_because = because
        return because is None

    def _keep_up(self) -> None:
        now = self._clock.now()
        if self._steady.has_hour_passed(now):
            now_ms = round(now.time * 1_000)
            # An error that lasts is reported with the next rows.
            with contextlib.suppress(HistoryUnwritten):
                self._file.change(partial(thin, now_ms=now_ms))
                before_ms = now_ms - round(self.keep_s * 1_000)
                self._file.change(partial(forget_older, before_ms=before_ms))


def _taken(rows: deque[AnyRow], most: int) -> tuple[AnyRow, ...]:
    return tuple(rows.popleft() for _ in range(min(most, len(rows))))


def group_id(name: str) -> int | None:
    """Return the id of a group, None where the system has no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _shortened(value: object) -> object:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
