"""Dates rows, keeps the eras of the history, and corrects where they begin.

A row is dated by the monotonic clock within its era. When the wall clock was stepped, a new era
begins with the next row, and the transaction that adds this row corrects the eras before it: no
row is ever rewritten, and a kill at any moment leaves the times of before or those of after.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerd.core.history.eras import Era, corrected_begins
from hammerd.core.replication.saved_moments import SavedMoment, is_same_boot
from hammerd.daemon.process.process_table import boot_time
from hammerd.daemon.timing.clock import Clock

if TYPE_CHECKING:
    import sqlite3

STEP_S = 1.0
"""A smaller difference between both clocks is no step."""

LATE_START_MS = 3_600_000
"""A hammerd that starts so long after the boot was not started by the boot."""

LONGEST_RESTART_MS = 600_000

MOST_ERAS = 500
"""The latest eras, which are corrected together: each start, step and sleep begins one."""


_SANE = " AND ".join(
    (
        *(f"typeof({name}) = 'integer'" for name in ("begin_ms", "boot", "wall_ms", "mono_ms")),
        "typeof(last_ms) IN ('integer', 'null') AND typeof(boot_s) IN ('real', 'null')",
        "boot < 1e15",
    )
)
"""The condition for an undamaged era; SQLite itself accepts any value in any column."""


@dataclass(frozen=True, slots=True)
class EraStart:
    """The times of the clocks when an era of this daemon began; `number` counts from 1."""

    number: int
    wall_ms: int
    mono_ms: int
    boot_s: float | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """Eras that were moved by `by_ms`, in milliseconds; the first begins at `begin_ms` now."""

    by_ms: int
    begin_ms: int


class EraClock:
    """Dates rows within eras."""

    def __init__(
        self, clock: Clock, read_boot_time: Callable[[], float | None] = boot_time
    ) -> None:
        self._clock = clock
        self._read_boot_time = read_boot_time
        self._era: EraStart | None = None

    def date(self) -> tuple[EraStart, int]:
        """Return the present era, and the milliseconds since it began."""
        era, now = self._era, self._clock.now()
        if era is not None and abs(_step_ms(era, now.time, now.at)) > STEP_S * 1_000:
            # Read again: this process may have been stopped between the readings of both clocks.
            now = self._clock.now()
            if abs(_step_ms(era, now.time, now.at)) > STEP_S * 1_000:
                era = None
        if era is None:
            number = self._era.number + 1 if self._era else 1
            boot_s = self._read_boot_time()
            era = EraStart(number, round(now.time * 1_000), round(now.at * 1_000), boot_s)
            self._era = era
        return era, max(0, round(now.at * 1_000) - era.mono_ms)


def _step_ms(era: EraStart, time: float, at: float) -> float:
    return (time * 1_000 - era.wall_ms) - (at * 1_000 - era.mono_ms)


def era_id(connection: "sqlite3.Connection", start: EraStart) -> tuple[int, Sequence[Correction]]:
    """Return the id of an era, and what was corrected if it is new.

    Raises:
        sqlite3.Error: the file cannot be read or written.
    """
    query = "SELECT id FROM eras WHERE wall_ms = ? AND mono_ms = ?"
    if found := connection.execute(query, (start.wall_ms, start.mono_ms)).fetchone():
        return found[0], ()
    _note_ends(connection)
    boot = _boot_of(connection, start)
    added = connection.execute(
        "INSERT INTO eras (begin_ms, boot, boot_s, wall_ms, mono_ms) VALUES (?, ?, ?, ?, ?)",
        (start.wall_ms, boot, start.boot_s, start.wall_ms, start.mono_ms),
    ).lastrowid
    return added or 0, correct_eras(connection)


def correct_eras(connection: "sqlite3.Connection") -> Sequence[Correction]:
    """Move the begins of eras to where they were, by all that is known now.

    Return one correction for each amount of a step; clocks differ by milliseconds at any time.

    Raises:
        sqlite3.Error: the file cannot be read or written.
    """
    rows = connection.execute(
        f"SELECT id, begin_ms, boot, wall_ms, mono_ms, last_ms FROM eras WHERE {_SANE} "
        "ORDER BY id DESC LIMIT ?",
        (MOST_ERAS,),
    ).fetchall()[::-1]
    eras = [
        Era(boot, wall_ms, mono_ms, _end_of(connection, number, last_ms), is_fixed=boot == 0)
        for number, _, boot, wall_ms, mono_ms, last_ms in rows
    ]
    moved: dict[int, Correction] = {}
    for (number, before_ms, *_), begin_ms in zip(rows, corrected_begins(eras), strict=True):
        if (by_ms := begin_ms - before_ms) != 0:
            connection.execute("UPDATE eras SET begin_ms = ? WHERE id = ?", (begin_ms, number))
        if abs(by_ms) >= STEP_S * 1_000:
            moved.setdefault(round(by_ms / 1_000), Correction(by_ms, begin_ms))
    return tuple(moved.values())


def _boot_of(connection: "sqlite3.Connection", start: EraStart) -> int:
    last = connection.execute(
        f"SELECT boot, boot_s, wall_ms, mono_ms, last_ms FROM eras WHERE {_SANE} "
        "AND last_ms IS NOT NULL ORDER BY id DESC LIMIT 1"
    ).fetchone()
    boot, boot_s, wall_ms, mono_ms, last_ms = last or (0, None, 0, 0, 0)
    if boot == 0:
        return 1
    before = SavedMoment((wall_ms + last_ms) / 1_000, (mono_ms + last_ms) / 1_000, boot_s)
    now = SavedMoment(start.wall_ms / 1_000, start.mono_ms / 1_000, start.boot_s)
    is_restart = _is_restart(mono_ms + last_ms, start.mono_ms)
    is_same = start.number > 1 or is_restart or is_same_boot(before, now)
    return int(boot) if is_same else int(boot) + 1


def _is_restart(before_ms: int, now_ms: int) -> bool:
    """Return whether the monotonic clock alone shows that only hammerd was restarted.

    With the wall clock the time of the boot is set as well, so that it looks like another one.
    """
    return before_ms > LATE_START_MS and 0 <= now_ms - before_ms < LONGEST_RESTART_MS


def _note_ends(connection: "sqlite3.Connection") -> None:
    for (number,) in connection.execute(
        "SELECT id FROM eras WHERE boot > 0 AND last_ms IS NULL"
    ).fetchall():
        last_ms = _end_of(connection, number, None)
        connection.execute("UPDATE eras SET last_ms = ? WHERE id = ?", (last_ms, number))


def _end_of(connection: "sqlite3.Connection", era: int, last_ms: int | None) -> int:
    """Return the time of the last row of an era, after its begin."""
    if last_ms is not None:
        return last_ms
    queries = (
        "SELECT max(after_ms) FROM event_rows WHERE era = ?",
        "SELECT max(after_ms) FROM lag_recent WHERE era = ?",
        "SELECT max((SELECT max(after_ms) FROM lag_rows WHERE pair = p.id AND era = ?)) "
        "FROM pairs p",
    )
    found = [connection.execute(query, (era,)).fetchone()[0] for query in queries]
    # In a damaged row it may be a text.
    return max((time for time in found if isinstance(time, int)), default=0)
