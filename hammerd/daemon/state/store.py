"""Loads the files of state_dir at the start, and saves them at changes and at intervals.

    state.json    pauses, latches, unacknowledged, at each change              (pair_state_file.py)
    clocks.json   tid clocks and last TIDs, each minute and when a pair moves (tid_clock_file.py)
    status.json   the last status, whenever one of the others is saved        (status_file.py)

Rules count in monotonic seconds, the files in wall time; this module converts between them. The
wall clock may have been wrong when a pause was saved, or may be wrong now: the time left of the
pause is saved as well, and the shorter one counts, so that no pause lasts longer than requested.
A pair that does not run, because it is disabled or not in the config, keeps its saved entry.
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
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair.latches import latch_cause
from hammerd.core.pair.states import CountedComplaint, Down, Memory, Paused, Trouble, Up
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_log import Anomaly
from hammerd.core.replication.saved_moments import SavedMoment, is_same_boot
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.process.process_table import boot_time
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state import (
    atomic_file,
    pair_state_file,
    saved_ends,
    saved_rotations,
    status_file,
    tid_clock_file,
    unacknowledged,
)
from hammerd.daemon.state.pair_state_file import NOTHING_SAVED, SavedPair
from hammerd.daemon.state.save_queue import SaveQueue
from hammerd.daemon.state.saved_ends import SavedEnd
from hammerd.daemon.state.saved_latches import promotion_of, saved_promotion
from hammerd.daemon.state.saved_rotations import Rotating
from hammerd.daemon.state.status_file import SavedStatus
from hammerd.daemon.state.tid_clock_file import SavedClocks
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock, Instant

SAVED_S = 2.0
"""The longest wait of an answer for the disk: less than a client's wait for the answer."""

SOON_S = 2.0
"""The delay from a transition to the save of the clocks: a flapping pair causes one save."""

Memories = Callable[[], Mapping[str, Memory]]
EndsOfAll = Callable[[], Mapping[str, tuple[SavedEnd, ...]]]
DisksOfAll = Callable[[], Mapping[str, tuple[str, ...]]]
AnomaliesOfAll = Callable[[], Mapping[str, tuple[Anomaly, ...]]]
TakeSnapshot = Callable[[], Snapshot]
Reported = tuple[tuple[CountedComplaint, ...], tuple[Anomaly, ...]]
"""The complaints and anomalies of a pair that are reported until they are acknowledged."""


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
        self._saved_pairs: dict[str, SavedPair] = {}
        self._paused_until_at: dict[str, float] = {}
        self._to_set_aside: set[Path] = set()
        self._state = SaveQueue(paths.STATE_FILE, self._take_state, writer, log)
        self._clocks = SaveQueue(paths.CLOCKS_FILE, self._take_clocks, writer, log)
        self._status_path = directory / paths.STATUS_FILE
        self._status = SaveQueue(paths.STATUS_FILE, self._take_status, writer, log)
        self._snapshot: TakeSnapshot | None = None
        self._status_group: int | None = None
        self._reported_when_saved: Mapping[str, Reported] = {}
        self._boot_time = boot_time()
        self._slaves_when_saved: frozenset[str] = frozenset()
        self._soon: asyncio.TimerHandle | None = None
        self.memories: Memories = dict
        self.anomalies: AnomaliesOfAll = dict
        self.disks: DisksOfAll = dict
        self.ends: EndsOfAll = dict
        self.rotating: Callable[[], Rotating] = dict
        self.on_rotating_loaded: Callable[[Rotating], None] = lambda _slaves: None
        self.load_errors: tuple[str, ...] = ()

    def load(self, pairs: Iterable[str] = ()) -> None:
        """Load the files of an earlier daemon, with entries of these pairs and of all others.

        Errors in them are logged.
        """
        loaded, clocks = (
            pair_state_file.load(self._state_path),
            tid_clock_file.load(self._clocks_path),
        )
        self._saved_pairs = {name: loaded.of(name) for name in (*loaded.pairs, *pairs)}
        now = self._clock.now()
        for name, saved in self._saved_pairs.items():
            if saved.paused_until_time is not None:
                until_at = self._clock.monotonic_at(saved.paused_until_time)
                longest_s = math.inf if saved.paused_for_s is None else saved.paused_for_s
                self._paused_until_at[name] = min(until_at, now.at + longest_s)
        if loaded.errors:
            self._to_set_aside.add(self._state_path)
        if clocks.error:
            self._to_set_aside.add(self._clocks_path)
        self.load_errors = tuple(filter(None, (*loaded.errors, clocks.error)))
        for error in self.load_errors:
            hint = "what was there is kept as NAME.bad; look at what is paused"
            if loaded.default.is_paused:
                hint += ': all that was read of no file is, until "hammerd resume PAIR"'
            self._log.error("state.unreadable", because=error, hint=hint)
        self._load_readings(clocks.saved)
        # A directory that cannot be written is reported now, and not at the first pause.
        self._state.request()

    def saved_memory(self, pair: str) -> Memory:
        """Return the saved memory of a pair, which is wanted up unless it was paused."""
        saved = self._saved_pairs.get(pair, NOTHING_SAVED)
        to_monotonic = self._clock.monotonic_at
        memory = Memory(
            is_diverged=saved.is_diverged,
            promotion=promotion_of(saved.promotion, to_monotonic),
            latched_endpoints=saved.latched_ends,
            complaints=unacknowledged.complaints_of(saved.unacknowledged, to_monotonic),
            is_far_unlocked=saved.is_far_unlocked,
        )
        if saved.failed_because is not None:
            memory = replace(memory, failures=1, failed_by=Trouble(saved.failed_because))
        if not saved.is_paused:
            return memory
        return replace(memory, wanted=Paused(self._paused_until_at.get(pair)))

    def saved_anomalies(self, pair: Pair) -> tuple[Anomaly, ...]:
        """Return the saved, unacknowledged anomalies of a pair's endpoints."""
        saved = self._saved_pairs.get(pair.name, NOTHING_SAVED).unacknowledged
        return unacknowledged.anomalies_of(saved, pair, self._clock.monotonic_at)

    def saved_end(self, pair: str, endpoint: Endpoint) -> PfsStatus | None:
        """Return the role and the uuids that an endpoint of a pair had last; None if unknown."""
        saved = self._saved_pairs.get(pair, NOTHING_SAVED).ends
        return saved_ends.status_of(saved, endpoint)

    def saved_disks(self, pair: str) -> tuple[str, ...]:
        """Return the saved unique-uuids of the slaves that take turns at a pair's path."""
        return self._saved_pairs.get(pair, NOTHING_SAVED).disks

    def save_status_too(self, snapshot: TakeSnapshot, group: int | None) -> None:
        """Save the status too, from now on; root and this group may read it.

        Called when every pair has been added: an earlier save would leave pairs out of the file.
        """
        self._snapshot, self._status_group = snapshot, group
        self._request_status()

    # --- saving --------------------------------------------------------------------------------

    def changed(self) -> None:
        """Save the pairs, once for all changes of one turn of the loop."""
        self._state.request()
        self._request_status()

    def checkpoint(self) -> None:
        """Save the clocks; save the pairs after a failed save, a new count or in a timed pause."""
        self._request_clocks()
        self._state.retry()
        # A complaint may come a thousand times a second: one save a minute is enough.
        if self._reported_now() != self._reported_when_saved or self._is_any_paused_for_a_time():
            self._state.request()

    def sampled(self) -> None:
        """Save the clocks after the first reading of a slave: a kill may come within a minute."""
        if self._readings.slaves.saved().keys() - self._slaves_when_saved:
            self._request_clocks()

    def state_changed(self) -> None:
        """Save the clocks SOON_S after a pair's transition, once for all in that time."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(SOON_S, self._save_soon)

    async def wait_saved(self, timeout_s: float = SAVED_S) -> str | None:
        """Wait until the changes so far are saved; return the error if they are not, else None."""
        try:
            both = asyncio.gather(self._state.wait(), self._status.wait())
            await asyncio.wait_for(both, timeout_s)
        except TimeoutError:
            return f"the disk takes longer than {timeout_s:g} s"
        return self._state.unsaved_because

    def capture(self) -> None:
        """Store the wanted state of each pair now, before a stop of the daemon sets it to down."""
        self._saved_pairs = self._pairs_now()

    def finish(self, writer: WriterThread) -> None:
        """Queue the last saves."""
        if self._soon is not None:
            self._soon.cancel()
        self._state.finish(writer)
        self._clocks.finish(writer)
        if self._snapshot is not None:
            self._status.finish(writer)

    def unsaved_at_end(self) -> tuple[str, str] | None:
        """Return the error of a last save and its consequence, None if all succeeded."""
        if because := self._state.ended_because or self._clocks.ended_because:
            hint = "what was paused since the last save is not paused after the next start"
            return because, hint
        if because := self._status.ended_because:
            return because, 'until the next start "hammerd status" tells what was true before'
        return None

    def describe(self) -> Mapping[str, object]:
        """Return the part of a status about the state files."""
        since_at = self._state.unsaved_since_at
        return {
            "state_unsaved_since_time": None
            if since_at is None
            else self._clock.rfc3339(since_at),
            "state_unsaved_because": self._state.unsaved_because,
            "clocks_unsaved_because": self._clocks.unsaved_because,
            "status_unsaved_because": self._status.unsaved_because,
            "state_complaints": list(self.load_errors),
        }

    def _load_readings(self, saved: SavedClocks) -> None:
        now = self._clock.now()
        is_one_boot = saved.moment is not None and is_same_boot(saved.moment, self._moment(now))
        self.on_rotating_loaded(
            saved_rotations.rebase(saved.rotating, now.time, now.at, is_same_boot=is_one_boot)
        )
        rebased = tid_clock_file.rebase(saved, self._moment(now), now.at)
        if rebased is None:
            because = "they are of a time that is still to come: a wall clock was wrong"
            self._log.warning("state.clocks_left_out", file=paths.CLOCKS_FILE, because=because)
            return
        self._readings.load(
            rebased.clocks, rebased.slaves, rebased.before_boot, is_dated=rebased.is_dated
        )

    def _save_soon(self) -> None:
        self._soon = None
        self._request_clocks()

    def _request_clocks(self) -> None:
        self._clocks.request()
        self._request_status()

    def _request_status(self) -> None:
        if self._snapshot is not None:
            self._status.request()

    def _take_state(self) -> Callable[[], None]:
        self._saved_pairs, self._reported_when_saved = self._pairs_now(), self._reported_now()
        return partial(
            self._save, self._state_path, partial(pair_state_file.save, pairs=self._saved_pairs)
        )

    def _take_clocks(self) -> Callable[[], None]:
        clocks, slaves = self._readings.saved()
        self._slaves_when_saved = frozenset(slaves)
        now = self._clock.now()
        # The writer thread computes the wall times: there are many.
        moment, to_wall_s, rotating = self._moment(now), now.time - now.at, self.rotating()
        saved = SavedClocks(clocks, slaves, moment, to_wall_s, rotating=rotating)
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
        """Save a file, on the writer thread; set a damaged one aside before."""
        if path in self._to_set_aside:
            atomic_file.set_aside(path)
            self._to_set_aside.discard(path)
        write(path)

    def _reported_now(self) -> dict[str, Reported]:
        """Return the complaints and anomalies of each pair that has any."""
        anomalies = self.anomalies()
        reported = {
            name: (memory.complaints, anomalies.get(name, ()))
            for name, memory in self.memories().items()
        }
        return {name: each for name, each in reported.items() if any(each)}

    def _pairs_now(self) -> dict[str, SavedPair]:
        reported, memories = self._reported_now(), self.memories().items()
        nothing: Reported = ((), ())
        disks, ends = self.disks(), self.ends()
        now = {
            name: replace(
                self._saved_pair(name, memory, reported.get(name, nothing)),
                disks=disks.get(name, ()),
                ends=ends.get(name, ()),
            )
            for name, memory in memories
        }
        earlier = {
            # The ends of a pair that is gone are dropped, so that the file does not grow for ever.
            name: replace(self._as_paused(name, saved) if saved.is_paused else saved, ends=())
            for name, saved in self._saved_pairs.items()
        }
        return {name: pair for name, pair in {**earlier, **now}.items() if pair != NOTHING_SAVED}

    def _saved_pair(self, name: str, memory: Memory, reported: Reported) -> SavedPair:
        saved = SavedPair(
            is_diverged=memory.is_diverged,
            unacknowledged=unacknowledged.saved(*reported, self._clock.wall_time),
            promotion=saved_promotion(memory, self._clock.wall_time),
            latched_ends=memory.latched_endpoints if latch_cause(memory) else None,
            is_far_unlocked=memory.is_far_unlocked,
            failed_because=memory.failed_by.because
            if memory.failures and memory.failed_by
            else None,
        )
        match memory.wanted:
            case Paused(until_at):
                self._set_paused_until(name, until_at)
                return self._as_paused(name, saved)
            case Down():
                is_paused = self._saved_pairs.get(name, NOTHING_SAVED).is_paused
                return self._as_paused(name, saved) if is_paused else saved
            case Up():
                self._set_paused_until(name, None)
                return saved
            case _:
                assert_never(memory.wanted)

    def _set_paused_until(self, name: str, until_at: float | None) -> None:
        if until_at is None:
            self._paused_until_at.pop(name, None)
        else:
            self._paused_until_at[name] = until_at

    def _as_paused(self, name: str, saved: SavedPair) -> SavedPair:
        """Return a pair's entry as paused, with the end of the pause on both clocks."""
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
        """Return whether a pause ends by itself: its time left is saved each minute."""
        wanted = (memory.wanted for memory in self.memories().values())
        return any(isinstance(each, Paused) and each.until_at is not None for each in wanted)
