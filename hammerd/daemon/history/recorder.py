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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from hammerd.core import paths
from hammerd.core.api.history_schema import MOST_INTEGER, EventRow, LagRow
from hammerd.core.config.model import DaemonConfig
from hammerd.core.rfc3339 import rfc3339
from hammerd.daemon.history.backlog import Backlog
from hammerd.daemon.history.database import HistoryFile, HistoryLocked, HistoryUnwritten, NoSqlite
from hammerd.daemon.history.eras import Correction, EraClock, EraStart
from hammerd.daemon.history.rows import Rows
from hammerd.daemon.history.upkeep import Upkeep
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.threads.writer_thread import WriterThread, call_on_loop
from hammerd.daemon.timing.clock import Clock
from hammerd.daemon.timing.timers import Timer

WRITE_INTERVAL_S = 1.0
"""The least time between two writes: each waits for a disk several times."""

LOCK_PATIENCE_S = 3.0
"""A lock that lasts longer is an error; rows wait meanwhile."""

RETRY_S = 5.0
LONGEST_TEXT = 2_000

DATED_WITHIN_S = 0.5
"""A sample is dated so long after it was made at most; what is safe then is no younger."""

UNRECORDED = frozenset({"pair.status"})
"""Events of the log that only answer a request."""

_HEAD = frozenset({"event", "pair"})
_UNWRITTEN_HINT = "the mirrors go on; hammerd keeps what is to be written, and tries again"

Result = TypeVar("Result")


class History:
    """The history of one daemon; `log` gets the errors of its file."""

    def __init__(self, settings: DaemonConfig, clock: Clock, writer: WriterThread) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = clock
        self._writer = writer
        self._file = HistoryFile(
            Path(settings.state_dir) / paths.HISTORY_FILE, group_id(settings.status_group)
        )
        self._file.on_corrected = partial(self._from_thread, self._log_corrections)
        self._backlog = Backlog()
        self._eras = EraClock(clock)
        self._upkeep = Upkeep(self._file, clock)
        self._keeps_up = False
        self._is_ending = False
        self._timer = Timer(self._loop, self._submit_write)
        self._written_at = -WRITE_INTERVAL_S
        self._last_because: str | None = None
        self._locked_at: float | None = None
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
        era, after_ms = self._eras.date()
        self._put(EventRow(after_ms, None if pair is None else str(pair), name, level, text), era)

    def record_lag(self, _level: str, event: Mapping[str, object]) -> None:
        """Record a line of the record of lag."""
        seconds, tids = event["lag_s"], event["lag_tids"]
        era, after_ms = self._eras.date()
        row = LagRow(
            after_ms,
            str(event["pair"]),
            str(event["verdict"]),
            # SQLite's integers have a sign, TIDs do not.
            max(-MOST_INTEGER, min(tids, MOST_INTEGER)) if isinstance(tids, int) else None,
            _number(seconds),
            _text(event["master_tid"]),
            _text(event["slave_tid"]),
            _age_s(event.get("safe_age_s")),
            _age_s(event.get("durable_age_s")),
        )
        self._put(row, era)

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
        """Queue the last write, before the loop ends; what is due beside it waits."""
        self._timer.stop()
        self._is_ending = True
        self._writer.submit(self._write)

    # --- on the loop -----------------------------------------------------------------------------

    def _put(self, row: EventRow | LagRow, era: EraStart) -> None:
        if self._is_off:
            return
        self._backlog.put(row, era)
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

    def _submit_upkeep(self) -> None:
        if not self._writer.submit(self._keep_up_further):
            self._keeps_up = False

    def _retry(self) -> None:
        self._timer.set(self._loop.time() + RETRY_S)

    def _retry_soon(self) -> None:
        if self._timer.at is None:
            self._timer.set(self._loop.time() + WRITE_INTERVAL_S)

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

    def _log_corrections(self, corrections: Sequence[Correction]) -> None:
        """Log how far what was recorded was moved; its first row has the time `since_time` now."""
        if self.log is None:
            return
        for each in corrections:
            self.log.warning(
                "history.clock_corrected",
                moved_s=round(each.by_ms / 1_000, 3),
                since_time=rfc3339(each.begin_ms / 1_000),
                hint="the wall clock was wrong; the times in the log stay as they were written",
            )

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
            self._backlog.put_back(rows)
            if isinstance(error, HistoryLocked) and self._is_lock_short():
                call_on_loop(self._loop, self._retry_soon)
                return False
            because, hint = error.message, error.hint or _UNWRITTEN_HINT
        else:
            self._locked_at = None
        if because != self._last_because or damage:
            # Only a change wakes the loop.
            call_on_loop(self._loop, partial(self._report, because, hint, damage))
        self._last_because = because
        return because is None

    def _is_lock_short(self) -> bool:
        """Return whether a lock is not worth a report yet: a query holds it while it reads."""
        now_at = self._clock.now().at
        if self._locked_at is None:
            self._locked_at = now_at
        return now_at - self._locked_at < LOCK_PATIENCE_S

    def _keep_up(self) -> None:
        """Do a part of what is due; the loop queues the rest.

        A thread that makes one short query after another takes the GIL back before the loop's
        thread gets it. So the loop has a turn between two parts, and other files are written.
        """
        if self._keeps_up or self._is_ending:
            return
        # An error that lasts is reported with the next rows.
        with contextlib.suppress(HistoryUnwritten):
            if self._upkeep.step(self.keep_s):
                self._keeps_up = True
                call_on_loop(self._loop, self._submit_upkeep)

    def _keep_up_further(self) -> None:
        self._keeps_up = False
        self._keep_up()

    def _from_thread(self, call: Callable[[Result], None], value: Result) -> None:
        call_on_loop(self._loop, partial(call, value))


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


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


def _age_s(value: object) -> float | None:
    age_s = _number(value)
    return None if age_s is None else age_s + DATED_WITHIN_S
