"""Replaces the config while the streams run: all of it, or nothing.

    config file ── read, checked ── diff ── pairs removed, changed, added ── logs, intervals
                        └── refused: the old one stays in force; reply, log and status show why

A pair whose stream would get the same arguments keeps its stream. A change of a key that is read
once, at the start (core/pair/config_diff.py), is reported and waits for the next start.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hammerd.core.api.protocol import STOPPING, Answer, Refusal, Reply
from hammerd.core.config.model import Config
from hammerd.core.config.reader import read_config
from hammerd.core.errors import ConfigError, Fault, HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.core.pair.config_diff import READ_ONCE, Reload, diff, events_for
from hammerd.core.pair.events import HoldAsked, StartAsked
from hammerd.core.pair.latches import fit_latches, with_latched_slave
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Down, DownCause, Paused, Up
from hammerd.core.pairs import Pair, endpoints_of, slaves_of
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.rotation.choice import with_turn
from hammerd.daemon.logging.files import LogFiles, check_log_files
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import LogStyle
from hammerd.daemon.process.fd_limits import raise_limit
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.service import config_file, program_file
from hammerd.daemon.state.saved_ends import SavedEnd, saved_end
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.supervisor.holds import Holds, Standing
from hammerd.daemon.supervisor.sampler import Sampler
from hammerd.daemon.threads.blocking_calls import BlockingCalls
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock

READ_TIMEOUT_S = 5.0
"""The limit for reading the config and opening the logs: shorter than a client's timeout."""

IN_FORCE_HINT = 'the running config stays in force; "hammerd check" tells when the file is sound'


@dataclass(frozen=True, slots=True)
class ReloadParts:
    """The parts of the daemon that a new config changes."""

    engine: Engine
    store: StateStore
    readings: ReadingStore
    anomaly_detector: AnomalyDetector
    sampler: Sampler
    writer: WriterThread
    log_files: LogFiles
    log_styles: tuple[LogStyle, LogStyle]
    journal: Journal
    clock: Clock
    holds: Holds


@dataclass(frozen=True, slots=True)
class NewConfig:
    """A new config, and the records of plans that stand when it was read."""

    config: Config
    plans: Mapping[str, Standing]


def load_config(path: Path) -> Config:
    """Read and check a config file.

    Raises:
        ConfigError: it has faults, cannot be read, or could be changed by others than root.
    """
    try:
        content = config_file.read(str(path))
    except OSError as error:
        fault = Fault("file", f"it cannot be read: {error.strerror}", hint="name one with -c FILE")
        raise ConfigError(str(path), (fault,)) from error
    config = read_config(content, str(path))
    if faults := program_file.command_faults(config.notify.commands):
        raise ConfigError(str(path), faults)
    return config


class Reloader:
    """Holds the config in force and replaces it."""

    def __init__(self, config: Config, path: Path, parts: ReloadParts) -> None:
        self.config = config
        self._path = path
        self._parts = parts
        self._failed_at: float | None = None
        self._failed_because: str | None = None
        self._blocking_calls = BlockingCalls()
        self._lock = asyncio.Lock()
        self._under_way: set[asyncio.Task[Reply]] = set()
        self.is_stopping: Callable[[], bool] = lambda: False
        self.on_applied: Callable[[Reload], None] = lambda _changes: None
        parts.engine.on_removed = self._removed
        parts.store.disks, parts.store.ends = self._disks, self._ends

    def reload_soon(self) -> None:
        """Start a reload without waiting for it; its result is logged."""
        task = asyncio.get_running_loop().create_task(self.reload())
        # Not held after its end: the loop reports an error of a task without a reference.
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def reload(self) -> Reply:
        """Replace the config by that of the file, or refuse it with the reason.

        The file and the logs are opened in a thread: they may be on a disk that hangs.
        """
        async with self._lock, self._parts.holds.lock:
            try:
                read = await self._blocking_calls.run(self._read, READ_TIMEOUT_S)
            except TimeoutError:
                what = f"{self._path} and the logs cannot be opened within {READ_TIMEOUT_S:g} s"
                return self._apply(HammerdError(what, "does the disk hang?"))
            except HammerdError as error:
                return self._apply(error)
            return STOPPING if self.is_stopping() else self._apply(read)

    def _apply(self, read: NewConfig | HammerdError) -> Reply:
        log = self._parts.journal.log
        try:
            if isinstance(read, HammerdError):
                raise read
            changes = self._apply_config(read)
        except HammerdError as error:
            self._failed_at, self._failed_because = self._parts.clock.now().at, error.message
            hint = error.hint or IN_FORCE_HINT
            log.error(  # noqa: TRY400 - a fault of the file needs no traceback
                "config.refused", config=str(self._path), because=error.message, hint=hint
            )
            return Refusal(error.message, hint, Exit.CONFIG)
        self._failed_at = self._failed_because = None
        report = {name: list(names) for name, names in self._report(changes).items()}
        fields = {name: " ".join(names) for name, names in report.items() if names}
        log.info("config.reloaded", **fields)
        return Answer(report)

    def describe(self) -> Mapping[str, object]:
        """Return the status fields of the last reload: None unless it was refused."""
        at = self._failed_at
        return {
            "reload_refused_time": None if at is None else self._parts.clock.rfc3339(at),
            "reload_refused_because": self._failed_because,
        }

    def add(self, pair: Pair) -> None:
        """Add a pair: stopped if it is disabled, else with its saved state."""
        store, anomaly_detector = self._parts.store, self._parts.anomaly_detector
        anomaly_detector.log.restore(pair.name, store.saved_anomalies(pair))
        anomaly_detector.add_disks(pair.slave, *store.saved_disks(pair.name))
        for endpoint in endpoints_of(pair):
            anomaly_detector.restore(endpoint, store.saved_end(pair.name, endpoint))
        engine, memory = self._parts.engine, fit_latches(store.saved_memory(pair.name), pair)
        pair = with_latched_slave(pair, memory)
        for slave in slaves_of(pair) if pair.rotate.takes_turns else ():
            # What was saved of a path may be of another disk than the one that is there now.
            self._parts.readings.slaves.forget_pfs(slave)
        if not pair.enabled:
            memory = replace(memory, wanted=Down(DownCause.DISABLED))
        engine.add(new_life(pair, memory, self._parts.clock.now().at))
        if memory.is_far_unlocked:
            engine.drain(pair)
        if (hold := self._parts.holds.hold_of(pair.name)) is not None:
            engine.post(pair.name, HoldAsked(hold))
        if isinstance(memory.wanted, Up):
            engine.post(pair.name, StartAsked(lifts_latch=False))

    # --- steps of a reload ---------------------------------------------------------------------

    def _read(self) -> NewConfig:
        new = load_config(self._path)
        check_log_files(self._with_read_once(new).daemon)
        return NewConfig(new, self._parts.holds.read())

    def _with_read_once(self, new: Config) -> Config:
        """Return a config whose keys that are read once have their values in force."""
        in_force = {name: getattr(self.config.daemon, name) for name in READ_ONCE}
        return replace(new, daemon=replace(new.daemon, **in_force))

    def _apply_config(self, read: NewConfig) -> Reload:
        new, holds = read.config, self._parts.holds
        raise_limit(len(new.pairs), str(self._path))
        config = self._with_read_once(new)
        changes = diff(self._in_turn(self.config), self._in_turn(new))
        holds.take(read.plans)
        self._apply_pairs(config)
        holds.settle()
        self._apply_logs(config)
        # Set last: if a step above raises, the next reload still finds the change.
        self.config = config
        self.on_applied(changes)
        return changes

    def _in_turn(self, config: Config) -> Config:
        """Return a config whose pairs name the slaves that have their turns."""
        lives = {pair.name: self._parts.engine.find(pair.name) for pair in config.pairs}
        pairs = (
            with_turn(pair, life.pair) if (life := lives[pair.name]) else pair
            for pair in config.pairs
        )
        return replace(config, pairs=tuple(pairs))

    def _apply_pairs(self, config: Config) -> None:
        engine, names = self._parts.engine, [pair.name for pair in config.pairs]
        # First, so that a pause of this turn of the loop is saved before its pair is stopped.
        self._parts.store.capture()
        for life in engine.lives():
            if life.pair.name not in names:
                # Also a pair that leaves already: the step of its StopAsked may have raised.
                engine.remove(life.pair.name)
        known = {life.pair.name for life in engine.lives()}
        for pair in config.pairs:
            if pair.name in known:
                self._change(pair)
            else:
                self.add(pair)
        engine.set_order(names)
        self._forget_endpoints()

    def _change(self, pair: Pair) -> None:
        engine = self._parts.engine
        life = engine.life(pair.name)
        pair = with_turn(pair, life.pair)
        events = events_for(life, pair, self._parts.store.saved_memory(pair.name))
        if (life.pair.master, life.pair.slave) != (pair.master, pair.slave):
            # A late answer about the old endpoints must not count for the new ones.
            self._parts.sampler.forget(pair.name)
        old = life.pair.slave
        if old.key != pair.slave.key and not old.host.shares_processes:
            # The lock of a far slave belongs to its path, and both paths may lead to one slave.
            engine.drain(life.pair)
        engine.change(pair)
        for event in events:
            engine.post(pair.name, event)

    def _disks(self) -> Mapping[str, tuple[str, ...]]:
        pairs = [life.pair for life in self._parts.engine.lives()]
        return {pair.name: self._parts.anomaly_detector.disks_of(pair.slave) for pair in pairs}

    def _ends(self) -> Mapping[str, tuple[SavedEnd, ...]]:
        last_status = self._parts.anomaly_detector.last_status
        found = {
            life.pair.name: {one: last_status(one) for one in endpoints_of(life.pair)}
            for life in self._parts.engine.lives()
        }
        return {
            name: tuple(saved_end(one, status) for one, status in known.items() if status)
            for name, known in found.items()
        }

    def _removed(self, pair: str) -> None:
        self._parts.sampler.forget(pair)
        self._parts.readings.forget(pair)
        self._parts.anomaly_detector.log.forget(pair)
        self._parts.journal.forget(pair)
        self._forget_endpoints()

    def _forget_endpoints(self) -> None:
        pairs = [life.pair for life in self._parts.engine.lives()]
        endpoints = {one for pair in pairs for one in endpoints_of(pair)}
        self._parts.readings.forget_all_but(endpoints)
        self._parts.anomaly_detector.forget_all_but(endpoints)
        self._parts.sampler.forget_all_but(endpoints)

    def _apply_logs(self, config: Config) -> None:
        settings, parts = config.daemon, self._parts
        style, lag_style = parts.log_styles
        style.format = lag_style.format = settings.log_format
        style.level = settings.log_level
        parts.writer.submit(partial(parts.log_files.take_over, settings))

    def _report(self, changes: Reload) -> dict[str, tuple[str, ...]]:
        """Return the names of pairs and keys by what the reload did to them.

        A paused pair counts as paused, not as started or restarted.
        """
        wanted_up = (*changes.start, *changes.restart)
        saved_memory = self._parts.store.saved_memory
        paused = tuple(name for name in wanted_up if isinstance(saved_memory(name).wanted, Paused))
        return {
            "started": tuple(name for name in changes.start if name not in paused),
            "stopped": changes.stop,
            "restarted": tuple(name for name in changes.restart if name not in paused),
            "paused": paused,
            "retuned": changes.retuned,
            "kept": changes.keep,
            "applied": tuple(name.removesuffix("_s") for name in changes.daemon_retuned),
            "for_next_start": changes.daemon_restart,
        }
