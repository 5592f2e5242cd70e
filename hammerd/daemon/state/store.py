"""What outlives the daemon: taken up at the start, written down at changes and at intervals.

    state.json    pauses, latches, what nobody acknowledged, at each change   (pair_state_file.py)
    clocks.json   tid clocks and last TIDs, each minute and when a pair moves (tid_clock_file.py)
    status.json   the last status, whenever one of the others is saved        (status_file.py)

Rules count in monotonic seconds, the files in wall time; this is where one becomes the other. The
wall clock may have been wrong when a pause was saved, or may be so now: what was left of the pause
is saved as well, and the shorter of both counts, so that none lasts longer than it was asked for.
A pair that we do not run, because it is disabled or gone from the config, keeps what was saved.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import assert_never

from hammerd.core import paths
from hammerd.core.api.status_json import Snapshot
from hammerd.core.pair.latches import latch_cause
from hammerd.core.pair.states import CountedComplaint, Down, Memory, Paused, Up
from hammerd.core.pairs import Pair
from hammerd.core.replication.anomaly_log import Anomaly
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.process.process_table import boot_time
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state import (
    atomic_file,
    pair_state_file,
    status_file,
    tid_clock_file,
    unacknowledged,
)
from hammerd.daemon.state.pair_state_file import NOTHING_SAVED, SavedPair
from hammerd.daemon.state.save_queue import SaveQueue
from hammerd.daemon.state.saved_latches import promotion_of, saved_promotion
from hammerd.daemon.state.status_file import SavedStatus
from hammerd.daemon.state.tid_clock_file import SavedClocks
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock, Instant

SAVED_S = 2.0
"""How long an answer waits for the disk: less than a client waits for the answer."""

SOON_S = 2.0
"""How long a pair may move on before the clocks are saved: flapping pairs cost one save."""

Memories = Callable[[], Mapping[str, Memory]]
DisksOfAll = Callable[[], Mapping[str, tuple[str, ...]]]
AnomaliesOfAll = Callable[[], Mapping[str, tuple[Anomaly, ...]]]
TakeSnapshot = Callable[[], Snapshot]
Reported = tuple[tuple[CountedComplaint, ...], tuple[Anomaly, ...]]
"""What is told of a pair until it is acknowledged."""


class StateStore:
    """The files of one daemon's state directory."""

    def __init__(
        self,
        directory: Path,
        readings: ReadingStore,
        clock: Clock,
        writer: WriterThread,
        log: Logger,
    ) -> None:
        self._state_path = directory / paths.STATE_FILE
        self._clocks_path = directory / paths.CLOCKS_FILE
        self._readings = readings
        self._clock = clock
        self._log = log
        self._kept: dict[str, SavedPair] = {}
        self._paused_until_at: dict[str, float] = {}
        self._to_set_aside: set[Path] = set()
        self._state = SaveQueue(paths.STATE_FILE, self._take_state, writer, log)
        self._clocks = SaveQueue(paths.CLOCKS_FILE, self._take_clocks, writer, log)
        self._status_path = directory / paths.STATUS_FILE
        self._status = SaveQueue(paths.STATUS_FILE, self._take_status, writer, log)
        self._snapshot: TakeSnapshot | None = None
        self._status_group: int | None = None
        self._told_when_saved: Mapping[str, Reported] = {}
        self._boot_time = boot_time()
        self._slaves_when_saved: frozenset[str] = frozenset()
        self._soon: asyncio.TimerHandle | None = None
        self.memories: Memories = dict
        self.anomalies: AnomaliesOfAll = dict
        self.disks: DisksOfAll = dict
        self.complaints: tuple[str, ...] = ()

    def load(self, pairs: Iterable[str] = ()) -> None:
        """Take up what an earlier daemon left of these pairs and of others that it knew.

        What could not be read of it is said.
        """
        loaded, clocks = (
            pair_state_file.load(self._state_path),
            tid_clock_file.load(self._clocks_path),
        )
        self._kept = {name: loaded.of(name) for name in (*loaded.pairs, *pairs)}
        now = self._clock.now()
        for name, saved in self._kept.items():
            if saved.paused_until_time is not None:
                until_at = self._clock.monotonic_at(saved.paused_until_time)
                longest_s = math.inf if saved.paused_for_s is None else saved.paused_for_s
                self._paused_until_at[name] = min(until_at, now.at + longest_s)
        if loaded.complaints:
            self._to_set_aside.add(self._state_path)
        if clocks.complaint:
            self._to_set_aside.add(self._clocks_path)
        self.complaints = tuple(filter(None, (*loaded.complaints, clocks.complaint)))
        for complaint in self.complaints:
            hint = "what was there is kept as NAME.bad; look at what is paused"
            if loaded.others.is_paused:
                hint += ': all that was read of no file is, until "hammerd resume PAIR"'
            self._log.error("state.unreadable", because=complaint, hint=hint)
        self._load_readings(clocks.saved)
        # So that a directory that cannot be written to is told of now, not at the first pause.
        self._state.ask()

    def remembered(self, pair: str) -> Memory:
        """Return what an earlier daemon left of a pair that is to be up unless it was paused."""
        saved = self._kept.get(pair, NOTHING_SAVED)
        to_monotonic = self._clock.monotonic_at
        memory = Memory(
            is_diverged=saved.is_diverged,
            promotion=promotion_of(saved.promotion, to_monotonic),
            latched_endpoints=saved.latched_ends,
            complaints=unacknowledged.complaints_of(saved.unacknowledged, to_monotonic),
        )
        if not saved.is_paused:
            return memory
        return replace(memory, wanted=Paused(self._paused_until_at.get(pair)))

    def remembered_anomalies(self, pair: Pair) -> tuple[Anomaly, ...]:
        """Return what an earlier daemon told of a pair's ends and nobody acknowledged."""
        left = self._kept.get(pair.name, NOTHING_SAVED).unacknowledged
        return unacknowledged.anomalies_of(left, pair, self._clock.monotonic_at)

    def remembered_disks(self, pair: str) -> tuple[str, ...]:
        """Return which slaves took turns at a pair's path under an earlier daemon."""
        return self._kept.get(pair, NOTHING_SAVED).disks

    def save_status_too(self, snapshot: TakeSnapshot, group: int | None) -> None:
        """Save the status too, from now on; root and this group may read it.

        Called when every pair has been added: an earlier save would leave pairs out of the file.
        """
        self._snapshot, self._status_group = snapshot, group
        self._ask_status()

    # --- saving --------------------------------------------------------------------------------

    def changed(self) -> None:
        """Save what is kept of the pairs, once for all that changes in one turn of the loop."""
        self._state.ask()
        self._ask_status()

    def checkpoint(self) -> None:
        """Save the clocks, what could not be saved before, and counts that have risen."""
        self._ask_clocks()
        self._state.retry()
        # A complaint may come a thousand times a second: not each of them is worth a save.
        if self._told_now() != self._told_when_saved or self._is_any_paused_for_a_time():
            self._state.ask()

    def sampled(self) -> None:
        """Save the clocks after the first reading of a slave: a kill may come within a minute."""
        if self._readings.slaves.saved().keys() - self._slaves_when_saved:
            self._ask_clocks()

    def moved(self) -> None:
        """Save the clocks soon after a pair came into another state, at most so often."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON_S, self._save_soon)

    async def saved(self, timeout_s: float = SAVED_S) -> str | None:
        """Wait until the changes so far were saved; return why they were not, if so."""
        try:
            both = asyncio.gather(self._state.done(), self._status.done())
            await asyncio.wait_for(both, timeout_s)
        except TimeoutError:
            return f"the disk takes longer than {timeout_s:g} s"
        return self._state.unsaved_because

    def remember(self) -> None:
        """Take down what is wanted now; what a stop asks of the pairs later is no part of it."""
        self._kept = self._pairs_now()

    def finish(self, writer: WriterThread) -> None:
        """Queue the last saves."""
        if self._soon is not None:
            self._soon.cancel()
        self._state.finish(writer)
        self._clocks.finish(writer)
        if self._snapshot is not None:
            self._status.finish(writer)

    def unsaved_at_end(self) -> tuple[str, str] | None:
        """Return why a last save failed and what that costs, for the writer thread to say.

        None when none failed.
        """
        if because := self._state.ended_because or self._clocks.ended_because:
            hint = "what was paused since the last save is not paused after the next start"
            return because, hint
        if because := self._status.ended_because:
            return because, 'until the next start "hammerd status" tells what was true before'
        return None

    def describe(self) -> Mapping[str, object]:
        """Return what status says of the state's files."""
        since_at = self._state.unsaved_since_at
        return {
            "state_unsaved_since_time": None
            if since_at is None
            else self._clock.rfc3339(since_at),
            "state_unsaved_because": self._state.unsaved_because,
            "clocks_unsaved_because": self._clocks.unsaved_because,
            "status_unsaved_because": self._status.unsaved_because,
            "state_complaints": list(self.complaints),
        }

    # --- parts of it -----------------------------------------------------------------------------

    def _load_readings(self, saved: SavedClocks) -> None:
        now = self._clock.now()
        kept = tid_clock_file.carried(saved, self._moment(now), now.at)
        if kept is None:
            because = "they are of a time that is still to come: a wall clock was wrong"
            self._log.warning("state.clocks_left_out", file=paths.CLOCKS_FILE, because=because)
            return
        self._readings.load(kept.clocks, kept.slaves, kept.before_boot, is_dated=kept.is_dated)

    def _save_soon(self) -> None:
        self._soon = None
        self._ask_clocks()

    def _ask_clocks(self) -> None:
        self._clocks.ask()
        self._ask_status()

    def _ask_status(self) -> None:
        if self._snapshot is not None:
            self._status.ask()

    def _take_state(self) -> Callable[[], None]:
        self._kept, self._told_when_saved = self._pairs_now(), self._told_now()
        return partial(
            self._save, self._state_path, partial(pair_state_file.save, pairs=self._kept)
        )

    def _take_clocks(self) -> Callable[[], None]:
        clocks, slaves = self._readings.saved()
        self._slaves_when_saved = frozenset(slaves)
        now = self._clock.now()
        # The thread that writes makes wall times of them: there are many.
        saved = SavedClocks(clocks, slaves, self._moment(now), now.time - now.at)
        return partial(self._save, self._clocks_path, partial(tid_clock_file.save, saved=saved))

    def _take_status(self) -> Callable[[], None]:
        assert self._snapshot is not None
        now = self._clock.now()
        saved = SavedStatus(
            self._snapshot(), self._pairs_now(), self._moment(now), now.time - now.at
        )
        return partial(status_file.save, self._status_path, saved, self._status_group)

    def _moment(self, now: Instant) -> SavedMoment:
        return SavedMoment(now.time, now.at, self._boot_time)

    def _save(self, path: Path, write: Callable[[Path], None]) -> None:
        """Save a file, on the writer thread; what could not be read of it is set aside before."""
        if path in self._to_set_aside:
            atomic_file.set_aside(path)
            self._to_set_aside.discard(path)
        write(path)

    def _told_now(self) -> dict[str, Reported]:
        """Return what is told of those pairs of which something is."""
        anomalies = self.anomalies()
        told = {
            name: (memory.complaints, anomalies.get(name, ()))
            for name, memory in self.memories().items()
        }
        return {name: one for name, one in told.items() if any(one)}

    def _pairs_now(self) -> dict[str, SavedPair]:
        told, memories = self._told_now(), self.memories().items()
        nothing: Reported = ((), ())
        now = {
            name: self._saved_pair(name, memory, told.get(name, nothing))
            for name, memory in memories
        }
        kept = {
            name: self._as_paused(name, saved) if saved.is_paused else saved
            for name, saved in self._kept.items()
        }
        return {name: pair for name, pair in {**kept, **now}.items() if pair != NOTHING_SAVED}

    def _saved_pair(self, name: str, memory: Memory, told: Reported) -> SavedPair:
        left = unacknowledged.saved(*told, self._clock.wall_time)
        saved = SavedPair(
            is_diverged=memory.is_diverged,
            unacknowledged=left,
            disks=self.disks().get(name, ()),
            promotion=saved_promotion(memory, self._clock.wall_time),
            latched_ends=memory.latched_endpoints if latch_cause(memory) else None,
        )
        match memory.wanted:
            case Paused(until_at):
                self._keep_until(name, until_at)
                return self._as_paused(name, saved)
            case Down():
                is_paused = self._kept.get(name, NOTHING_SAVED).is_paused
                return self._as_paused(name, saved) if is_paused else saved
            case Up():
                self._keep_until(name, None)
                return saved
            case _:
                assert_never(memory.wanted)

    def _keep_until(self, name: str, until_at: float | None) -> None:
        if until_at is None:
            self._paused_until_at.pop(name, None)
        else:
            self._paused_until_at[name] = until_at

    def _as_paused(self, name: str, saved: SavedPair) -> SavedPair:
        """Return a pair as paused, until when both clocks are to say it is over."""
        until_at = self._paused_until_at.get(name)
        if until_at is None:
            return replace(saved, is_paused=True)
        return replace(
            saved,
            is_paused=True,
            paused_until_time=self._clock.wall_time(until_at),
            paused_for_s=max(0.0, until_at - self._clock.now().at),
        )

    def _is_any_paused_for_a_time(self) -> bool:
        """Tell whether a pause ends by itself: what is left of it is saved each minute."""
        wanted = (memory.wanted for memory in self.memories().values())
        return any(isinstance(one, Paused) and one.until_at is not None for one in wanted)
