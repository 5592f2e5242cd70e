"""Runs the daemon from its start until TERM or INT.

startup: config, directories, lock, sockets ── ready ── orphans, probes, streams
shutdown: every pair stopped at once ── groups empty or stop_timeout ── state saved
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hammerd.core.config.model import Config
from hammerd.core.flush.flushes import shortest_interval_s
from hammerd.core.pair.config_diff import Reload
from hammerd.core.pair.events import StopAsked
from hammerd.core.pair.states import Down
from hammerd.core.verify.due import is_any_due
from hammerd.daemon.foreign.watch import foreign_interval_s
from hammerd.daemon.history.recorder import group_id
from hammerd.daemon.logging.error_reports import LoopErrors, logging_fatal_error
from hammerd.daemon.logging.files import check_log_files
from hammerd.daemon.logs import Logs
from hammerd.daemon.probe.disk_space import READ_EVERY_S
from hammerd.daemon.process import signals, spawn
from hammerd.daemon.process.fd_limits import Reserve, raise_limit
from hammerd.daemon.process.signals import Reaction, catch_signals
from hammerd.daemon.service.directories import UMASK, make_log_dirs
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.service.os_errors import explaining_os_errors
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.supervisor.reload import load_config
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.scheduler import Scheduler
from hammerd.daemon.verify.schedule import CHECK_S
from hammerd.daemon.wiring import SAMPLE_TIMEOUT_S, Wiring

CHECKPOINT_S = 60.0
CALLS_CLOSE_S = 2.0
WRITER_CLOSE_S = 2.0


def run(config_path: Path, on_ready: Callable[[], None] = lambda: None) -> int:
    """Run the daemon in this process; return its exit status: 0, or 1 if streams survive it.

    `on_ready` is called once: config valid, lock held, pid file written, sockets listening.

    Raises:
        ConfigError: the config has faults; nothing was started.
        AlreadyRunning: another hammerd holds the lock.
        HammerdError: a file or directory cannot be used.
    """
    config = load_config(config_path)
    raise_limit(len(config.pairs), str(config_path))
    spawn.reset_signals()
    os.umask(UMASK)
    with contextlib.ExitStack() as locks:
        signals.hold_signals()
        with explaining_os_errors():
            make_log_dirs(config.daemon)
            files = locks.enter_context(LockFiles(config.daemon))
        check_log_files(config.daemon)
        return asyncio.run(_serve(config, config_path, files, on_ready))


async def _serve(
    config: Config, config_path: Path, files: LockFiles, on_ready: Callable[[], None]
) -> int:
    loop = asyncio.get_running_loop()
    with explaining_os_errors():
        parts = Wiring(loop, config, config_path, files)
        daemon = Daemon(loop, parts)
        await daemon.start_up()
    if trouble := parts.run_dir.trouble:
        sys.stderr.write(f"hammerd runs, but cannot be asked: {trouble}\n")
    with logging_fatal_error(config.daemon):
        on_ready()
        await parts.stop_requested.wait()
        return await daemon.shut_down()


class Daemon:
    """Starts the parts of a daemon, calls the periodic ones, and ends all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, parts: Wiring) -> None:
        self._loop = loop
        self._parts = parts
        self._log = parts.logs.journal.log
        self._scheduler = Scheduler(loop, self._tick_failed)
        self._sampling_lock = asyncio.Lock()
        parts.reloader.on_applied = self._config_applied
        LoopErrors(loop, self._log, Reserve()).catch()

    async def start_up(self) -> None:
        """Become ready and start every wanted pair; wait for no pair and no disk."""
        parts = self._parts
        log_status = partial(parts.handlers.log_status, self._log)
        reactions: dict[str, Reaction] = {
            "CHLD": self._child_changed,
            "TERM": parts.stop_requested.set,
            "INT": parts.stop_requested.set,
            "HUP": self._reload,
            "USR1": parts.logs.reopen,
            "USR2": log_status,
            "INFO": log_status,
        }
        catch_signals(self._loop, reactions)
        parts.store.load(pair.name for pair in parts.config.pairs)
        parts.results.load()
        parts.alarms.load()
        await parts.run_dir.bind()
        self._log.info("daemon.started", pid=os.getpid(), config=str(parts.config_path))
        parts.orphans.end_all(parts.slave_moves.orphan_ended)
        parts.holds.load()
        for pair in parts.config.pairs:
            parts.reloader.add(pair)
        parts.holds.settle()
        group = group_id(parts.config.daemon.status_group)
        parts.store.save_status_too(parts.handlers.snapshot, group)
        self._start_ticks()
        # Last, so that each reply covers every pair.
        await parts.server.listen()

    async def shut_down(self) -> int:
        """End every stream, save, close; return 1 when a group survives stop_timeout."""
        parts = self._parts
        self._log.info("daemon.stopping", streams=len(parts.streams.pairs()))
        self._scheduler.stop()
        # All in this turn of the loop: no launch, request or removal comes in between.
        parts.store.capture()
        for life in parts.lives():
            parts.engine.post(life.pair.name, StopAsked(Down()))
        await parts.foreign.close()
        await parts.sampler.close()
        survivors = await self._survivors(parts.config.daemon.stop_timeout_s)
        for pair, pgid in survivors:
            hint = "the next start ends it"
            self._log.error("daemon.left_behind", pair=pair, pgid=pgid, hint=hint)
        await asyncio.gather(
            parts.commands.close(CALLS_CLOSE_S), parts.path_prober.close(CALLS_CLOSE_S)
        )
        await parts.server.close()
        self._log.info("daemon.stopped", survivors=len(survivors))
        parts.logs.history.finish()
        parts.alarms.finish(parts.logs.writer)
        save_at_end(parts.store, parts.logs)
        return 1 if survivors else 0

    async def _survivors(self, timeout_s: float) -> list[tuple[str, int | None]]:
        """Wait until all groups are empty; return pair and pgid of each that is not in time."""
        streams, orphans = self._parts.streams, self._parts.orphans
        pairs, records = await asyncio.gather(
            streams.wait_until_ended(timeout_s), orphans.wait_until_ended(timeout_s)
        )
        own = [(pair, streams.group_of(pair)) for pair in pairs]
        return [*own, *((record.pair, record.pgid) for record in records)]

    # --- at intervals ----------------------------------------------------------------------------

    def _start_ticks(self) -> None:
        parts = self._parts
        interval_s = parts.config.daemon.sample_interval_s
        flush_s = shortest_interval_s(parts.config.pairs)
        flushes = () if flush_s is None else ((self._flush, flush_s),)
        is_verifying = is_any_due(parts.config.pairs)
        checks = ((parts.verify_schedule.check, CHECK_S),) if is_verifying else ()
        self._scheduler.start(
            (
                *flushes,
                *checks,
                (self._sample, interval_s),
                (self._check_halves, interval_s),
                (parts.foreign.scan, foreign_interval_s(interval_s)),
                (self._checkpoint, CHECKPOINT_S),
                (parts.run_dir.scan, CHECKPOINT_S),
                (self._read_disk_space, READ_EVERY_S),
            )
        )

    async def _flush(self) -> None:
        await self._parts.flusher.flush(self._parts.lives())

    async def _sample(self) -> None:
        parts = self._parts
        pairs = parts.enabled_pairs()
        async with self._sampling_lock:
            parts.stream_observer.observe_idle(parts.lives())
            await parts.holds.check()
            await parts.sampler.sample(pairs, SAMPLE_TIMEOUT_S)
            parts.store.sampled()
            parts.alarms.look()

    async def _check_halves(self) -> None:
        self._parts.streams.check()

    async def _checkpoint(self) -> None:
        # After a sample under way: its readings are saved too, and the writer wakes once for both.
        async with self._sampling_lock:
            self._parts.store.checkpoint()
            self._parts.alarms.checkpoint()
        self._parts.logs.journal.tell_of_down_pairs(self._loop.time())

    async def _read_disk_space(self) -> None:
        lives = (life for life in self._parts.lives() if life.memory.hold is None)
        await self._parts.disk_space.read(life.pair.slave for life in lives if life.pair.enabled)

    def _tick_failed(self, error: Exception) -> None:
        self._log.error("daemon.broke", error=repr(error))

    # --- signals and reload ----------------------------------------------------------------------

    def _child_changed(self) -> None:
        self._parts.streams.child_changed()
        self._parts.commands.child_changed()
        self._parts.path_prober.child_changed()

    def _reload(self) -> None:
        if not self._parts.stop_requested.is_set():
            self._parts.logs.reopen()
            self._parts.reloader.reload_soon()

    def _config_applied(self, changes: Reload) -> None:
        parts = self._parts
        before = _ticks_wanted(parts.config)
        parts.follow_config()
        if _ticks_wanted(parts.config) != before or "sample_interval_s" in changes.daemon_retuned:
            self._scheduler.stop()
            self._start_ticks()


def _ticks_wanted(config: Config) -> tuple[float | None, bool]:
    """Return which of the actions that only some configs need are wanted."""
    return shortest_interval_s(config.pairs), is_any_due(config.pairs)


def save_at_end(store: StateStore, logs: Logs) -> None:
    """Save the state and end the writer thread; use a second thread if that one hangs."""
    store.finish(logs.writer)
    logs.writer.submit(partial(_log_unsaved, store, logs))
    if not logs.writer.close(WRITER_CLOSE_S):
        # The state may be on another disk than the log, whose disk seems to hang.
        last = WriterThread()
        store.finish(last)
        last.close(WRITER_CLOSE_S)


def _log_unsaved(store: StateStore, logs: Logs) -> None:
    if unsaved := store.unsaved_at_end():
        because, hint = unsaved
        logs.write_error("state.unsaved", because=because, hint=hint)
