"""Builds all parts of a daemon and connects them.

Parts are built lowest first. A lower part calls a higher one only through a function that
`_connect` sets.
"""

import asyncio
import os
import pwd
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path

from hammerd.core.alarms.findings import DAEMON
from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.config.model import Config
from hammerd.core.hammer.commands import environment
from hammerd.core.hosts.far_guard import owner_word
from hammerd.core.pair.drains import orphan_drain_s
from hammerd.core.pair.events import Event
from hammerd.core.pair.latches import active_latch
from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.anomaly_log import Anomaly
from hammerd.core.replication.cascades import Cascades, cascade_lag
from hammerd.daemon.control.handlers import Handlers, SlowRequests
from hammerd.daemon.control.run_dir_watch import RunDirWatch
from hammerd.daemon.control.server import ControlServer
from hammerd.daemon.foreign.adoption import OwnStreams
from hammerd.daemon.foreign.claims import Claims
from hammerd.daemon.foreign.orphans import Orphans
from hammerd.daemon.foreign.path_identity import PathIdentities
from hammerd.daemon.foreign.watch import ForeignWatch
from hammerd.daemon.logs import Logs
from hammerd.daemon.notify.alarms import Alarms, Reports
from hammerd.daemon.notify.notifier import Notifier
from hammerd.daemon.notify.program import Program
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.probe.batch import BatchReader
from hammerd.daemon.probe.disk_space import DiskSpaceWatch
from hammerd.daemon.probe.far_commands import FarCommands
from hammerd.daemon.probe.far_probes import FarProbes
from hammerd.daemon.probe.pfs_status import PfsStatusCommands
from hammerd.daemon.probe.queue import ProbeQueue
from hammerd.daemon.process.commands import Commands
from hammerd.daemon.process.exit_watch import make_exit_watch
from hammerd.daemon.process.rsh_program import hammerd_words, rsh_program
from hammerd.daemon.readings.ingest import ReadingIngest
from hammerd.daemon.readings.rotations import Rotations
from hammerd.daemon.readings.store import ReadingStore, max_ages
from hammerd.daemon.service.directories import records_dir
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.state.spawn_records import SpawnRecord, SpawnRecords
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.stream.streams import Streams
from hammerd.daemon.supervisor.engine import Engine, EngineParts, Inbox
from hammerd.daemon.supervisor.far_halves import FarHalves
from hammerd.daemon.supervisor.flusher import FlushCommands, Flusher
from hammerd.daemon.supervisor.held_ends import HeldEnds
from hammerd.daemon.supervisor.holds import Holds, Surroundings
from hammerd.daemon.supervisor.reload import Reloader, ReloadParts
from hammerd.daemon.supervisor.sampler import Probes, Sampler, SamplerCallbacks
from hammerd.daemon.supervisor.slave_moves import SlaveMoves
from hammerd.daemon.supervisor.stream_observer import StreamObserver
from hammerd.daemon.supervisor.turns import Turns
from hammerd.daemon.threads.writer_thread import Priority
from hammerd.daemon.timing.backoff import backoff_s
from hammerd.daemon.timing.clock import Clock
from hammerd.daemon.verify.results import Results
from hammerd.daemon.verify.schedule import VerifyProgram, VerifySchedule

ORPHAN_GRACE_S = 5.0
SAMPLE_TIMEOUT_S = 20.0


class Wiring:
    """All parts of a hammerd, connected; none has started."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        config: Config,
        config_path: Path,
        files: LockFiles,
    ) -> None:
        self._loop = loop
        self.config = config
        self.config_path = config_path
        self.started_at = loop.time()
        self.stop_requested = asyncio.Event()
        self.clock = Clock(loop.time)
        self.logs = Logs(loop, config.daemon, self.clock)
        self._build_streams()
        self._build_readers()
        self._build_supervisor()
        self._build_verifications()
        self._build_control(files)
        self._connect()
        self.follow_config()

    def _build_streams(self) -> None:
        """Build the parts that hold state and those that own processes."""
        loop, settings, log = self._loop, self.config.daemon, self.logs.journal.log
        self.readings, self.slaves, self.inbox = ReadingStore(), SlaveClaims(), Inbox()
        state_dir, writer = Path(settings.state_dir), self.logs.writer
        self.rotations = Rotations(self.readings, self.clock, log)
        self.store = StateStore(state_dir, self.readings, self.clock, writer, log)
        self.commands = Commands(loop)
        submit = partial(writer.submit, priority=Priority.FIRST)
        failed = self.logs.from_thread("spawn_record.failed", "because")
        self.records = SpawnRecords(records_dir(settings), failed, submit)
        # Held here so that it lives as long as the daemon.
        self._exit_watch = make_exit_watch(loop)
        self.streams = Streams(loop, self._stream_event, self._exit_watch, self.records)
        self.orphans = Orphans(self.slaves, self.records, self.logs.journal, ORPHAN_GRACE_S)

    def _build_readers(self) -> None:
        """Build the parts that read endpoints and find foreign processes."""
        hammer, home, journal = self.config.daemon.hammer, _home(), self.logs.journal
        self.path_prober = PathProber(self._loop, environment(home))
        self._pfs_status = PfsStatusCommands(self.commands, hammer, home)
        batches = BatchReader(self._pfs_status, self.path_prober, self.clock)
        self._probes = ProbeQueue(batches)
        far, log = FarCommands(self.commands, hammer, home), journal.log
        self._far = FarProbes(far, self.clock, batches.calls, backoff_s, log)
        self.anomaly_detector = AnomalyDetector()
        self.disk_space = DiskSpaceWatch(self.path_prober, journal)
        self._ingest = ReadingIngest(self.readings, self.anomaly_detector, journal)
        self._ingest.on_master_went_back = self.rotations.record_fork
        self.rotations.on_rolled_back = self._ingest.log_rollback
        streams = self.streams
        self._own_streams = OwnStreams(
            streams.groups, streams.group_of, self.lives, self.inbox.post, hammer
        )
        identities = PathIdentities(self.commands, self._pfs_status, self.path_prober)
        own, paths = self._own_streams, self._probes.paths
        self.foreign = ForeignWatch(own, self.orphans, paths, self._ingest, identities)

    def _build_supervisor(self) -> None:
        """Build the engine and the parts that post events to it or follow them."""
        hammer, home, journal = self.config.daemon.hammer, _home(), self.logs.journal
        flush_commands = FlushCommands(self.commands, self._pfs_status, hammer, home)
        flush_path = self._probes.paths.flush_path
        self.flusher = Flusher(flush_commands, flush_path, self.readings, self.clock, journal.log)
        claims = self._claims = Claims(
            self.slaves, self._probes.paths, self._ingest, self._own_streams
        )
        self.turns = Turns(self.rotations, self.readings)
        callbacks = SamplerCallbacks(
            self.inbox.post, self._since_at, self.foreign.find, claims, self.turns
        )
        probes = Probes(self._probes, self._far)
        self.sampler = Sampler(probes, self.readings, self._ingest, journal, callbacks)
        self.stream_observer = StreamObserver(
            self._life, self.foreign, self.readings, self.anomaly_detector, self.clock
        )
        owner = owner_word(os.uname().nodename, self.config.daemon.state_dir)
        far_halves = FarHalves(home, rsh_program(), owner)
        self.stream_observer.on_guard_refused = far_halves.guard_refused
        self.slave_moves = SlaveMoves(
            self.lives, self.inbox.post, self.anomaly_detector, self.foreign.unless_written
        )
        self._held_ends = HeldEnds(self.lives, self._claims.keys, self.slaves)
        parts = EngineParts(
            self.inbox,
            self.streams,
            self.sampler,
            self.readings,
            self.slaves,
            journal,
            self._extras,
            hammer,
            far_halves.environment,
        )
        self.engine = Engine(self._loop, parts, backoff_s)
        around = Surroundings(
            self.slaves, self._is_touched, self.sampler.forget, self.anomaly_detector.explain
        )
        state_dir = self.config.daemon.state_dir
        self.holds = Holds(state_dir, self.engine, self._held_ends, around, self.clock)
        reload_parts = ReloadParts(
            self.engine,
            self.store,
            self.readings,
            self.anomaly_detector,
            self.sampler,
            self.logs.writer,
            self.logs.files,
            self.logs.styles,
            journal,
            self.clock,
            self.holds,
        )
        self.reloader = Reloader(self.config, self.config_path, reload_parts)

    def _build_verifications(self) -> None:
        """Build the parts that run verifications and commands of notifications."""
        settings, log = self.config.daemon, self.logs.journal.log
        self.results = Results(Path(settings.state_dir), self.logs.writer, log)
        self.results.unique_uuid_of = self._ingest.unique_uuid
        env = environment(_home())
        program = VerifyProgram(hammerd_words(), str(self.config_path), env)
        self.verify_schedule = VerifySchedule(
            self.commands, program, self.results, self.clock, log
        )
        notifier = Notifier(self._loop, Program(self.commands, env), log)
        writer = self.logs.writer
        self.alarms = Alarms(Path(settings.state_dir), notifier, self.clock, writer, log)

    def _build_control(self, files: LockFiles) -> None:
        """Build the sockets and the handlers of requests."""
        settings, log = self.config.daemon, self.logs.journal.log
        slow = SlowRequests(
            self.store.wait_saved,
            self.reloader.reload,
            self.holds,
            self._read_result,
            self.alarms.test,
        )
        self.handlers = Handlers(self.engine, self.clock, self._describe, slow)
        self.server = ControlServer(Path(settings.run_dir), self.handlers.answer)
        self.run_dir = RunDirWatch(files, self.server, settings, log)

    def _connect(self) -> None:
        """Set the callbacks from lower to higher parts."""
        self.stream_observer.on_failed = self.engine.observer_failed
        self.stream_observer.unwritten_at = self.streams.unwritten_at
        self.stream_observer.on_rolled_back = self._ingest.log_rollback
        self._ingest.on_anomaly = self.store.changed
        self._ingest.all_pairs = lambda: [life.pair for life in self.lives()]
        self.turns.life_of, self.turns.take_turn = self.engine.find, self.engine.take_turn
        self.slave_moves.connect(self._ingest, self.engine)
        self.orphans.drain_s = self._orphan_drain_s
        self.engine.on_memory_changed = self.store.changed
        self.engine.on_state_changed = self._state_changed
        self.rotations.on_moved = self.store.state_changed
        self.rotations.on_away = self._slave_is_away
        self.store.rotating, self.store.on_rotating_loaded = (
            self.rotations.saved,
            self.rotations.load,
        )
        self.verify_schedule.lives = self.lives
        self.store.memories = self.engine.memories
        self.store.anomalies = self._anomalies_of_all
        self.handlers.on_acknowledged = self._acknowledged
        self.handlers.on_all_acknowledged = partial(self.alarms.acknowledge, DAEMON)
        self.alarms.reports = Reports(self._reports, self._describe)
        ends = self._held_ends
        for part in (
            self._pfs_status,
            self._far,
            self.flusher,
            self.sampler,
            self.verify_schedule,
        ):
            part.holder_of = ends.holder_of
        self.sampler.held_pairs, self._probes.also_read = ends.pairs, ends.local
        self._claims.claim_for_plans = ends.claim
        self.reloader.is_stopping = self.stop_requested.is_set
        self.run_dir.on_made = (self.records.write_again, self.store.changed)

    def follow_config(self) -> None:
        """Update the parts that depend on the whole config from the reloader's config."""
        self.config = self.reloader.config
        self._cascades = Cascades(self.config.pairs)
        self.rotations.follow_config(self.config.pairs)
        self.alarms.follow_config(self.config.notify)
        self.logs.history.keep_s = self.config.daemon.history_keep_s
        interval_s = self.config.daemon.sample_interval_s
        self.readings.max_ages = max_ages(interval_s, SAMPLE_TIMEOUT_S)

    def lives(self) -> Iterable[PairLife]:
        """Return the life of every pair."""
        return self.engine.lives()

    def enabled_pairs(self) -> list[Pair]:
        """Return the pairs that are not disabled."""
        return [life.pair for life in self.engine.lives() if life.pair.enabled]

    # --- callbacks -------------------------------------------------------------------------------

    def _stream_event(self, pair: str, event: Event) -> None:
        self.stream_observer.observe(pair, event)
        self.inbox.post(pair, event)

    def _life(self, pair: str) -> PairLife:
        return self.engine.life(pair)

    def _since_at(self, pair: str) -> float | None:
        return self.engine.since_at(pair)

    def _is_touched(self, ends: Collection[Endpoint]) -> bool:
        names = {name.path for one in ends for name in self._probes.paths.names(one)}
        return (
            self._pfs_status.is_reading(names)
            or self.flusher.is_flushing(ends)
            or self.verify_schedule.is_reading(ends)
        )

    def _reports(self) -> Iterable[PairReport]:
        return (self.engine.report(life.pair.name) for life in self.lives())

    def _orphan_drain_s(self, record: SpawnRecord) -> float:
        lives = {life.pair.name: life for life in self.lives()}
        return orphan_drain_s(lives.get(record.pair), record.slave_keys)

    def _describe(self) -> Mapping[str, object]:
        return {
            "state": "stopping" if self.stop_requested.is_set() else "running",
            "started_time": self.clock.rfc3339(self.started_at),
            "config": str(self.config_path),
            **self.logs.describe(self.engine.unwritten),
            **self.store.describe(),
            **self.run_dir.describe(),
            **self.reloader.describe(),
            **self.logs.history.describe(),
            **self.alarms.describe(),
        }

    def _was_promoted(self, pair: Pair) -> bool:
        latch = active_latch(self.engine.life(pair.name))
        return latch is not None and not latch.keeps_safe

    def _slave_is_away(self, slave: Endpoint) -> None:
        # Another host may write to a disk while it is away.
        self.anomaly_detector.add_earlier_writer(slave, self._loop.time())

    def _acknowledged(self, name: str) -> None:
        pair = self.engine.life(name).pair
        self.anomaly_detector.log.acknowledge(pair)
        self.rotations.acknowledge(pair)
        self.results.acknowledge(name)
        self.alarms.acknowledge(name)
        self.store.changed()

    async def _read_result(self, name: str) -> None:
        await self.results.read(name)
        self.store.changed()

    def _state_changed(self) -> None:
        self.store.state_changed()
        self.verify_schedule.consider()

    def _anomalies_of_all(self) -> Mapping[str, tuple[Anomaly, ...]]:
        pairs = [life.pair for life in self.engine.lives()]
        return {pair.name: self.anomaly_detector.log.anomalies_of(pair) for pair in pairs}

    def _extras(self, pair: Pair) -> Extras:
        now_at, path = self._loop.time(), self._cascades.pairs_from_origin(pair)
        return Extras(
            self.anomaly_detector.log.anomalies_of(pair),
            cascade_lag(path, lambda hop: self.readings.lag(hop, now_at)),
            self.disk_space.of(pair.slave),
            self.disk_space.is_short(pair.slave),
            self.readings.is_read_only(pair.slave),
            self.flusher.of(pair),
            self._far.why_unread(pair),
            slaves=self.rotations.of(pair, was_promoted=self._was_promoted(pair)),
            verified=self.results.of(pair),
        )


def _home() -> str:
    return pwd.getpwuid(os.getuid()).pw_dir
