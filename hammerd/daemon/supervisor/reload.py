"""Takes over a config while the streams run: all of it, or nothing.

    config file ── read, checked ── diff ── pairs leave, change, come ── logs, intervals
                        └── refused: the old one stays in force, and everybody is told why

A pair whose stream would be given the same words keeps its stream. What is read once, at the
start (core/pair/config_diff.py), waits for the next start and is named.
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
from hammerd.core.pair.events import StartAsked
from hammerd.core.pair.latches import for_ends
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Down, Paused, Up
from hammerd.core.pairs import Pair
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.daemon.logging.files import LogFiles, check_log_files
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import LogStyle
from hammerd.daemon.process.fd_limits import raise_limit
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.service import config_file
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.supervisor.sampler import Sampler
from hammerd.daemon.threads.blocking_calls import BlockingCalls
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock

READ_S = 5.0
"""How long a reload waits for the disk: less than who asks for it waits for the answer."""

KEPT_HINT = 'the running config stays in force; "hammerd check" tells when the file is sound'


@dataclass(frozen=True, slots=True)
class Parts:
    """What is told of a new config."""

    engine: Engine
    keeping: StateStore
    readings: ReadingStore
    anomaly_detector: AnomalyDetector
    sampler: Sampler
    writer: WriterThread
    log_files: LogFiles
    log_styles: tuple[LogStyle, LogStyle]
    journal: Journal
    clock: Clock


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
    return read_config(content, str(path))


class Reloader:
    """The config in force, and how it becomes another one."""

    def __init__(self, config: Config, path: Path, parts: Parts) -> None:
        self.config = config
        self._path = path
        self._parts = parts
        self._failed_at: float | None = None
        self._failed_because: str | None = None
        self._blocking_calls = BlockingCalls()
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Reply]] = set()
        self.is_stopping: Callable[[], bool] = lambda: False
        self.on_taken_over: Callable[[Reload], None] = lambda _changes: None
        parts.engine.on_removed = self._gone
        parts.keeping.disks = self._disks

    def reload_soon(self) -> None:
        """Reload for somebody who waits for no answer; the log tells how it went."""
        task = asyncio.get_running_loop().create_task(self.reload())
        # Let go once it ends: the loop tells of an error when nobody holds its task any more.
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def reload(self) -> Reply:
        """Take over what the config file holds now, or tell why that cannot be.

        The file and the logs may be on a disk that hangs: they are opened beside the loop.
        """
        async with self._turn:
            try:
                config = await self._blocking_calls.run(self._read, READ_S)
            except TimeoutError:
                what = f"{self._path} and the logs cannot be opened within {READ_S:g} s"
                return self._taken(HammerdError(what, "does the disk hang?"))
            except HammerdError as error:
                return self._taken(error)
            return STOPPING if self.is_stopping() else self._taken(config)

    def _taken(self, config: Config | HammerdError) -> Reply:
        log = self._parts.journal.log
        try:
            if isinstance(config, HammerdError):
                raise config
            changes = self._take_over(config)
        except HammerdError as error:
            self._failed_at, self._failed_because = self._parts.clock.now().at, error.message
            hint = error.hint or KEPT_HINT
            log.error(  # noqa: TRY400 - a fault of the file, whose traceback helps nobody
                "config.refused", config=str(self._path), because=error.message, hint=hint
            )
            return Refusal(error.message, hint, Exit.CONFIG)
        self._failed_at = self._failed_because = None
        told = {name: list(names) for name, names in self._told(changes).items()}
        said = {name: " ".join(names) for name, names in told.items() if names}
        log.info("config.reloaded", **said)
        return Answer(told)

    def describe(self) -> Mapping[str, object]:
        """Return what status says of the last reload: nothing, unless it was refused."""
        at = self._failed_at
        return {
            "reload_refused_time": None if at is None else self._parts.clock.rfc3339(at),
            "reload_refused_because": self._failed_because,
        }

    def take_up(self, pair: Pair) -> None:
        """Take a pair in, asleep when it is disabled and otherwise as it was kept."""
        keeping, anomaly_detector = self._parts.keeping, self._parts.anomaly_detector
        anomaly_detector.log.restore(pair.name, keeping.remembered_anomalies(pair))
        anomaly_detector.add_disks(pair.slave, *keeping.remembered_disks(pair.name))
        engine, memory = self._parts.engine, for_ends(keeping.remembered(pair.name), pair)
        if not pair.enabled:
            memory = replace(memory, wanted=Down())
        engine.add(new_life(pair, memory, self._parts.clock.now().at))
        if isinstance(memory.wanted, Up):
            engine.post(pair.name, StartAsked(lifts_latch=False))

    # --- parts of it ---------------------------------------------------------------------------

    def _read(self) -> Config:
        new = load_config(self._path)
        check_log_files(self._with_kept(new).daemon)
        return new

    def _with_kept(self, new: Config) -> Config:
        """Return a config with what is read once left as it is."""
        kept = {name: getattr(self.config.daemon, name) for name in READ_ONCE}
        return replace(new, daemon=replace(new.daemon, **kept))

    def _take_over(self, new: Config) -> Reload:
        raise_limit(len(new.pairs), str(self._path))
        config = self._with_kept(new)
        changes = diff(self.config, new)
        self._take_over_pairs(config)
        self._take_over_logs(config)
        # In force once it was taken over: what breaks half way is a change for the next reload.
        self.config = config
        self.on_taken_over(changes)
        return changes

    def _take_over_pairs(self, config: Config) -> None:
        engine, names = self._parts.engine, [pair.name for pair in config.pairs]
        # A pause of this very turn is answered for: that its pair goes down now is no part of it.
        self._parts.keeping.remember()
        for life in engine.lives():
            if life.pair.name not in names:
                # Also a pair that leaves already: the step of an earlier request may have raised.
                engine.remove(life.pair.name)
        there = {life.pair.name: life for life in engine.lives()}
        for pair in config.pairs:
            if pair.name in there:
                self._change(pair)
            else:
                self.take_up(pair)
        engine.set_order(names)
        self._forget_ends()

    def _change(self, pair: Pair) -> None:
        engine = self._parts.engine
        life, kept = engine.life(pair.name), self._parts.keeping.remembered(pair.name)
        events = events_for(life, pair, kept)
        if (life.pair.master, life.pair.slave) != (pair.master, pair.slave):
            # An answer about the ends of before must not be taken for one about these.
            self._parts.sampler.forget(pair.name)
        engine.change(pair)
        for event in events:
            engine.post(pair.name, event)

    def _disks(self) -> Mapping[str, tuple[str, ...]]:
        pairs = [life.pair for life in self._parts.engine.lives()]
        return {pair.name: self._parts.anomaly_detector.disks_of(pair.slave) for pair in pairs}

    def _gone(self, pair: str) -> None:
        self._parts.sampler.forget(pair)
        self._parts.readings.forget(pair)
        self._parts.anomaly_detector.log.forget(pair)
        self._parts.journal.forget(pair)
        self._forget_ends()

    def _forget_ends(self) -> None:
        pairs = [life.pair for life in self._parts.engine.lives()]
        ends = {end for pair in pairs for end in (pair.master, pair.slave)}
        self._parts.readings.forget_all_but(ends)
        self._parts.anomaly_detector.forget_all_but(ends)
        self._parts.sampler.forget_all_but(ends)

    def _take_over_logs(self, config: Config) -> None:
        settings, parts = config.daemon, self._parts
        style, lag_style = parts.log_styles
        style.format = lag_style.format = settings.log_format
        style.level = settings.log_level
        parts.writer.submit(partial(parts.log_files.take_over, settings))

    def _told(self, changes: Reload) -> dict[str, tuple[str, ...]]:
        """Return what became of whom; a pair that is paused is neither started nor restarted."""
        asked = (*changes.start, *changes.restart)
        remembered = self._parts.keeping.remembered
        paused = tuple(name for name in asked if isinstance(remembered(name).wanted, Paused))
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
