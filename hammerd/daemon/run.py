"""Builds the daemon and runs it until it is told to stop; the only file that knows all the parts.

startup: config, directories, lock, sockets ── ready ── orphans, probes, streams
shutdown: every pair asked down at once ── groups empty or stop_timeout ── state saved
"""

import asyncio
import contextlib
import os
import pwd
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from hammerd.core.api.pair_report import Extras
from hammerd.core.config.model import Config
from hammerd.core.hammer.commands import environment
from hammerd.core.pair.config_diff import Reload
from hammerd.core.pair.events import Event, StopAsked
from hammerd.core.pair.flushes import shortest_interval_s
from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pair.states import Down, PairLife
from hammerd.core.pairs import Pair
from hammerd.core.replication.anomalies import Anomalies, Anomaly
from hammerd.core.replication.cascades import Cascades, cascade_lag
from hammerd.daemon.control.handlers import Handlers
from hammerd.daemon.control.run_dir_watch import RunDirWatch
from hammerd.daemon.control.server import ControlServer
from hammerd.daemon.foreign.adoption import Ours
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.foreign.path_identity import PathIdentities
from hammerd.daemon.foreign.watch import ForeignWatch, foreign_interval_s
from hammerd.daemon.history.recorder import group_id
from hammerd.daemon.last_saves import save_the_rest
from hammerd.daemon.logging.error_reports import LoopErrors, last_words
from hammerd.daemon.logging.files import check_log_files
from hammerd.daemon.logging_parts import Logging
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.probe.batch import BatchReader
from hammerd.daemon.probe.disk_space import LOOK_EVERY_S, DiskSpaceWatch
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.process import signals, spawn
from hammerd.daemon.process.commands import Commands
from hammerd.daemon.process.exit_watch import make_exit_watch
from hammerd.daemon.process.fd_limits import Reserve, make_room
from hammerd.daemon.process.signals import Reactions, catch_signals
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.store import ReadingStore, patience
from hammerd.daemon.service.directories import UMASK, make_log_dirs, records_dir
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.service.os_errors import os_errors_explained
from hammerd.daemon.state.spawn_records import SpawnRecords
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.stream.streams import Streams
from hammerd.daemon.supervisor.engine import Engine, EngineParts, Inbox
from hammerd.daemon.supervisor.flusher import FlushCommands, Flusher
from hammerd.daemon.supervisor.reload import Parts, Reloader, load_config
from hammerd.daemon.supervisor.sampler import Sampler, SamplerCallbacks
from hammerd.daemon.supervisor.slave_moves import SlaveMoves
from hammerd.daemon.supervisor.stream_observer import StreamObserver
from hammerd.daemon.threads.writer_thread import Job
from hammerd.daemon.timing.backoff import backoff_s
from hammerd.daemon.timing.clock import Clock
from hammerd.daemon.timing.scheduler import Scheduler

CHECKPOINT_S = 60.0
ORPHAN_GRACE_S = 5.0
CALLS_CLOSE_S = 2.0
SAMPLE_TIMEOUT_S = 20.0


def run(config_path: Path, on_ready: Callable[[], None] = lambda: None) -> int:
    """Run the daemon in this process; return its exit status: 0, or 1 if streams survive it.

    `on_ready` is called once: config valid, lock held, pid file written, sockets listening.

    Raises:
        ConfigError: the config has faults; nothing was started.
        AlreadyRunning: another hammerd holds the lock.
        HammerdError: a file or directory cannot be used.
    """
    config = load_config(config_path)
    make_room(len(config.pairs), str(config_path))
    spawn.reset_signals()
    os.umask(UMASK)
    with contextlib.ExitStack() as locks:
        signals.hold_signals()
        with os_errors_explained():
            make_log_dirs(config.daemon)
            files = locks.enter_context(LockFiles(config.daemon))
        check_log_files(config.daemon)
        return asyncio.run(_serve(config, config_path, files, on_ready))


async def _serve(
    config: Config, config_path: Path, files: LockFiles, on_ready: Callable[[], None]
) -> int:
    with os_errors_explained():
        daemon = Daemon(asyncio.get_running_loop(), config, config_path, files)
        await daemon.start_up()
    if trouble := daemon.run_dir.trouble:
        sys.stderr.write(f"hammerd runs, but cannot be asked: {trouble}\n")
    with last_words(config.daemon):
        on_ready()
        await daemon.until_told_to_stop()
        return await daemon.shut_down()


class Daemon:
    """All parts of a running hammerd, wired together."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        config: Config,
        config_path: Path,
        files: LockFiles,
    ) -> None:
        self._loop = loop
        self._config = config
        self._config_path = config_path
        self._clock = Clock(loop.time)
        self._started_at = loop.time()
        self._is_told_to_stop = asyncio.Event()
        self._logging = Logging(loop, config.daemon, self._clock)
        self._writer, self._history = self._logging.writer, self._logging.history
        self._journal = self._logging.journal
        LoopErrors(loop, self._journal.log, Reserve()).catch()
        self._ticks = Scheduler(loop, self._tick_broke)
        self._is_sampling = asyncio.Lock()
        self._build_streams()
        self._build_readers()
        self.run_dir = RunDirWatch(files, self._server, config.daemon, self._journal.log)
        self.run_dir.on_made = (self._records.write_again, self._keeping.changed)

    def _build_streams(self) -> None:
        """Make what keeps state and what owns processes."""
        loop, settings = self._loop, self._config.daemon
        self._readings, self._slaves, self._inbox = ReadingStore(), SlaveClaims(), Inbox()
        state_dir, log = Path(settings.state_dir), self._journal.log
        self._keeping = StateStore(state_dir, self._readings, self._clock, self._writer, log)
        self._calls = Commands(loop)
        submit = partial(self._writer.submit, kind=Job.FIRST)
        failed = self._logging.from_thread("spawn_record.failed", "because")
        self._records = SpawnRecords(records_dir(settings), failed, submit)
        self._watch = make_exit_watch(loop)
        self._streams = Streams(loop, self._heard, self._watch, self._records)
        self._orphans = Orphans(self._slaves, self._records, self._journal, ORPHAN_GRACE_S)

    def _build_readers(self) -> None:
        """Make what reads ends and decides, and connect it."""
        loop, settings = self._loop, self._config.daemon
        home = pwd.getpwuid(os.getuid()).pw_dir
        calls = PfsStatusCommands(self._calls, settings.hammer, home)
        self._looks = looks = PathProber(loop, environment(home))
        reader = ProbeQueue(BatchReader(calls, looks, self._clock))
        self._anomalies, self._rooms = Anomalies(), DiskSpaceWatch(looks, self._journal)
        self._moves = SlaveMoves(self._lives, self._inbox.post, self._anomalies)
        feed = ReadingIngest(self._readings, self._anomalies, self._journal)
        ours = Ours(
            self._streams.groups,
            self._streams.group_of,
            self._lives,
            self._inbox.post,
            settings.hammer,
        )
        commands = FlushCommands(self._calls, calls, settings.hammer, home)
        self._flusher = Flusher(
            commands, reader.flush_place, self._readings, self._clock, self._journal.log
        )
        written = PathIdentities(self._calls, calls, looks)
        self._foreign = ForeignWatch(ours, self._orphans, reader, feed, written)
        claims = Claims(self._slaves, reader, feed, ours)
        told = SamplerCallbacks(self._inbox.post, self._since_at, self._foreign.find, claims)
        self._sampler = Sampler(reader, self._readings, feed, self._journal, told)
        self._stream_observer = StreamObserver(
            self._life, self._foreign, self._readings, self._anomalies, self._clock
        )
        world = EngineParts(
            self._inbox,
            self._streams,
            self._sampler,
            self._readings,
            self._slaves,
            self._journal,
            self._extras,
            settings.hammer,
            home,
        )
        self._engine = Engine(loop, world, backoff_s)
        self._stream_observer.on_failed = self._engine.observer_failed
        self._stream_observer.unsaid_at = self._streams.unsaid_at
        save = self._keeping.saved
        self._answers = Handlers(self._engine, self._clock, self._describe, save)
        self._server = ControlServer(Path(settings.run_dir), self._answers.answer)
        parts = Parts(
            self._engine,
            self._keeping,
            self._readings,
            self._anomalies,
            self._sampler,
            self._writer,
            self._logging.files,
            self._logging.styles,
            self._journal,
            self._clock,
        )
        self._reloading = Reloader(self._config, self._config_path, parts)
        self._tie(feed)
        self._take_over()

    def _tie(self, feed: ReadingIngest) -> None:
        """Tell the parts whom to tell of what changes."""
        feed.on_anomaly = self._keeping.changed
        self._stream_observer.on_rolled_back = feed.rolled_back
        self._moves.listen(feed, self._engine)
        self._engine.on_memory_changed = self._keeping.changed
        self._engine.on_state_changed = self._keeping.moved
        self._keeping.memories = self._engine.memories
        self._keeping.anomalies = self._anomalies_of_all
        self._answers.on_acknowledged = self._acknowledged
        self._answers.on_reload = self._reloading.reload
        self._reloading.on_taken_over = self._taken_over
        self._reloading.is_stopping = self._is_told_to_stop.is_set

    # --- the story -------------------------------------------------------------------------

    async def start_up(self) -> None:
        """Become ready, then start every pair that is wanted; waits for no pair and no disk."""
        catch_signals(
            self._loop,
            Reactions(
                self._child_changed,
                self._is_told_to_stop.set,
                self._reload,
                self._logging.reopen,
                partial(self._answers.log_status, self._journal.log),
            ),
        )
        self._keeping.load(pair.name for pair in self._config.pairs)
        await self.run_dir.bind()
        self._journal.log.info("daemon.started", pid=os.getpid(), config=str(self._config_path))
        self._orphans.end_all(self._moves.orphan_gone)
        for pair in self._config.pairs:
            self._reloading.take_up(pair)
        group = group_id(self._config.daemon.status_group)
        self._keeping.keep_status(self._answers.snapshot, group)
        self._start_ticks()
        # Only now, so that whoever is answered is told of every pair.
        await self._server.listen()

    async def until_told_to_stop(self) -> None:
        """Let the loop run until TERM or INT."""
        await self._is_told_to_stop.wait()

    async def shut_down(self) -> int:
        """End every stream, save, close; return 1 when a group survives stop_timeout."""
        log = self._journal.log
        log.info("daemon.stopping", streams=len(self._streams.pairs()))
        self._ticks.stop()
        # All in this turn of the loop: nothing is launched, asked or forgotten in between.
        self._keeping.remember()
        for life in self._engine.lives():
            self._engine.post(life.pair.name, StopAsked(Down()))
        await self._foreign.close()
        await self._sampler.close()
        timeout_s = self._config.daemon.stop_timeout_s
        both = self._streams.all_ended(timeout_s), self._orphans.all_ended(timeout_s)
        streams, orphans = await asyncio.gather(*both)
        survivors = [(pair, self._streams.group_of(pair)) for pair in streams]
        survivors += [(record.pair, record.pgid) for record in orphans]
        for pair, pgid in survivors:
            log.error("daemon.left_behind", pair=pair, pgid=pgid, hint="the next start ends it")
        await asyncio.gather(self._calls.close(CALLS_CLOSE_S), self._looks.close(CALLS_CLOSE_S))
        await self._server.close()
        log.info("daemon.stopped", survivors=len(survivors))
        self._history.finish()
        save_the_rest(self._keeping, self._logging)
        return 1 if survivors else 0

    # --- parts of it -----------------------------------------------------------------------------

    def _start_ticks(self) -> None:
        interval_s = self._config.daemon.sample_interval_s
        flush_s = shortest_interval_s(self._config.pairs)
        flushes = () if flush_s is None else ((self._flush, flush_s),)
        self._ticks.start(
            (
                *flushes,
                (self._sample, interval_s),
                (self._look_at_halves, interval_s),
                (self._foreign.look, foreign_interval_s(interval_s)),
                (self._checkpoint, CHECKPOINT_S),
                (self.run_dir.look, CHECKPOINT_S),
                (self._look_at_rooms, LOOK_EVERY_S),
            )
        )

    def _reload(self) -> None:
        if not self._is_told_to_stop.is_set():
            self._logging.reopen()
            self._reloading.reload_soon()

    async def _flush(self) -> None:
        await self._flusher.flush(self._engine.lives())

    def _taken_over(self, changes: Reload) -> None:
        flush_s = shortest_interval_s(self._config.pairs)
        self._take_over()
        is_flush_changed = shortest_interval_s(self._config.pairs) != flush_s
        if is_flush_changed or "sample_interval_s" in changes.daemon_retuned:
            self._ticks.stop()
            self._start_ticks()

    def _take_over(self) -> None:
        """Let what is made of the whole config follow it."""
        self._config = self._reloading.config
        self._cascades = Cascades(self._config.pairs)
        self._history.keep_s = self._config.daemon.history_keep_s
        interval_s = self._config.daemon.sample_interval_s
        self._readings.trusted_for = patience(interval_s, SAMPLE_TIMEOUT_S)

    def _heard(self, pair: str, event: Event) -> None:
        self._stream_observer.heard(pair, event)
        self._inbox.post(pair, event)

    def _lives(self) -> Iterable[PairLife]:
        return self._engine.lives()

    def _life(self, pair: str) -> PairLife:
        return self._engine.life(pair)

    def _since_at(self, pair: str) -> float | None:
        return self._engine.since_at(pair)

    async def _sample(self) -> None:
        pairs = [life.pair for life in self._engine.lives() if life.pair.enabled]
        async with self._is_sampling:
            self._stream_observer.still_resting(self._engine.lives())
            await self._sampler.sample(pairs, SAMPLE_TIMEOUT_S)
            self._keeping.sampled()

    async def _look_at_halves(self) -> None:
        self._streams.look()

    async def _checkpoint(self) -> None:
        # What a sample reads is worth saving, and then the writer is woken once for both.
        async with self._is_sampling:
            self._keeping.checkpoint()

    def _tick_broke(self, error: Exception) -> None:
        self._journal.log.error("daemon.broke", error=repr(error))

    def _describe(self) -> Mapping[str, object]:
        return {
            "state": "stopping" if self._is_told_to_stop.is_set() else "running",
            "started_time": self._clock.rfc3339(self._started_at),
            "config": str(self._config_path),
            **self._logging.describe(self._engine.unwritten),
            **self._keeping.describe(),
            **self.run_dir.describe(),
            **self._reloading.describe(),
            **self._history.describe(),
        }

    # --- signals --------------------------------------------------------------------------------

    def _child_changed(self) -> None:
        self._streams.child_changed()
        self._calls.child_changed()
        self._looks.child_changed()

    def _acknowledged(self, name: str) -> None:
        pair = self._engine.life(name).pair
        self._anomalies.acknowledge(pair)
        self._readings.slaves.acknowledged(pair.slave)
        self._keeping.changed()

    def _anomalies_of_all(self) -> Mapping[str, tuple[Anomaly, ...]]:
        pairs = [life.pair for life in self._engine.lives()]
        return {pair.name: self._anomalies.events_of(pair) for pair in pairs}

    def _extras(self, pair: Pair) -> Extras:
        now_at, way = self._loop.time(), self._cascades.way_to_origin(pair)
        return Extras(
            self._anomalies.events_of(pair),
            cascade_lag(way, lambda one: self._readings.lag(one, now_at)),
            self._rooms.of(pair.slave),
            self._rooms.is_short(pair.slave),
            self._readings.is_read_only(pair.slave),
            self._flusher.of(pair),
        )

    async def _look_at_rooms(self) -> None:
        pairs = [life.pair for life in self._engine.lives() if life.pair.enabled]
        await self._rooms.look(pair.slave for pair in pairs)
