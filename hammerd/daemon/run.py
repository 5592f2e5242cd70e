"""Runs the daemon from its start until it is told to stop.

startup: config, directories, lock, sockets ── ready ── orphans, probes, streams
shutdown: every pair asked down at once ── groups empty or stop_timeout ── state saved
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hammerd.core.config.model import Config
from hammerd.core.errors import HammerdError
from hammerd.core.pair.config_diff import Reload
from hammerd.core.pair.events import StopAsked
from hammerd.core.pair.flushes import shortest_interval_s
from hammerd.core.pair.states import Down
from hammerd.daemon.foreign.watch import foreign_interval_s
from hammerd.daemon.history.recorder import group_id
from hammerd.daemon.logging.error_reports import LoopErrors, logging_fatal_error
from hammerd.daemon.logging.files import check_log_files
from hammerd.daemon.logs import Logs
from hammerd.daemon.probe.disk_space import READ_EVERY_S
from hammerd.daemon.process import signals, spawn
from hammerd.daemon.process.fd_limits import Reserve, raise_limit
from hammerd.daemon.process.signals import Reactions, catch_signals
from hammerd.daemon.service.directories import UMASK, make_log_dirs
from hammerd.daemon.service.lock_files import LockFiles
from hammerd.daemon.service.os_errors import os_errors_explained
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.supervisor.reload import load_config
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.scheduler import Scheduler
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
        with os_errors_explained():
            make_log_dirs(config.daemon)
            files = locks.enter_context(LockFiles(config.daemon))
        check_log_files(config.daemon)
        return asyncio.run(_serve(config, config_path, files, on_ready))


async def _serve(
    config: Config, config_path: Path, files: LockFiles, on_ready: Callable[[], None]
) -> int:
    loop = asyncio.get_running_loop()
    with os_errors_explained():
        daemon = Daemon(loop, Wiring(loop, config, config_path, files))
        await daemon.start_up()
    if trouble := daemon.cannot_be_asked:
        sys.stderr.write(f"hammerd runs, but cannot be asked: {trouble}\n")
    with logging_fatal_error(config.daemon):
        on_ready()
        await daemon.until_told_to_stop()
        return await daemon.shut_down()


class Daemon:
    """Starts the parts of a daemon, does what recurs, and ends them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, parts: Wiring) -> None:
        self._loop = loop
        self._parts = parts
        self._log = parts.logs.journal.log
        self._scheduler = Scheduler(loop, self._tick_broke)
        self._is_sampling = asyncio.Lock()
        parts.reloader.on_applied = self._taken_over
        LoopErrors(loop, self._log, Reserve()).catch()

    @property
    def cannot_be_asked(self) -> HammerdError | None:
        """Why the sockets could not be bound, None when they are."""
        return self._parts.run_dir.trouble

    async def start_up(self) -> None:
        """Become ready, then start every pair that is wanted; waits for no pair and no disk."""
        parts = self._parts
        catch_signals(
            self._loop,
            Reactions(
                self._child_changed,
                parts.is_told_to_stop.set,
                self._reload,
                parts.logs.reopen,
                partial(parts.handlers.log_status, self._log),
            ),
        )
        parts.store.load(pair.name for pair in parts.config.pairs)
        await parts.run_dir.bind()
        self._log.info("daemon.started", pid=os.getpid(), config=str(parts.config_path))
        parts.orphans.end_all(parts.slave_moves.orphan_ended)
        for pair in parts.config.pairs:
            parts.reloader.add(pair)
        group = group_id(parts.config.daemon.status_group)
        parts.store.save_status_too(parts.handlers.snapshot, group)
        self._start_ticks()
        # Only now, so that whoever is answered is told of every pair.
        await parts.server.listen()

    async def until_told_to_stop(self) -> None:
        """Let the loop run until TERM or INT."""
        await self._parts.is_told_to_stop.wait()

    async def shut_down(self) -> int:
        """End every stream, save, close; return 1 when a group survives stop_timeout."""
        parts = self._parts
        self._log.info("daemon.stopping", streams=len(parts.streams.pairs()))
        self._scheduler.stop()
        # All in this turn of the loop: nothing is launched, asked or forgotten in between.
        parts.store.remember()
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
        save_the_rest(parts.store, parts.logs)
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
        self._scheduler.start(
            (
                *flushes,
                (self._sample, interval_s),
                (self._check_halves, interval_s),
                (parts.foreign.scan, foreign_interval_s(interval_s)),
                (self._checkpoint, CHECKPOINT_S),
                (parts.run_dir.look, CHECKPOINT_S),
                (self._read_disk_space, READ_EVERY_S),
            )
        )

    async def _flush(self) -> None:
        await self._parts.flusher.flush(self._parts.lives())

    async def _sample(self) -> None:
        parts = self._parts
        pairs = parts.enabled_pairs()
        async with self._is_sampling:
            parts.stream_observer.observe_idle(parts.lives())
            await parts.sampler.sample(pairs, SAMPLE_TIMEOUT_S)
            parts.store.sampled()

    async def _check_halves(self) -> None:
        self._parts.streams.check()

    async def _checkpoint(self) -> None:
        # What a sample reads is worth saving, and then the writer is woken once for both.
        async with self._is_sampling:
            self._parts.store.checkpoint()

    async def _read_disk_space(self) -> None:
        await self._parts.disk_space.read(pair.slave for pair in self._parts.enabled_pairs())

    def _tick_broke(self, error: Exception) -> None:
        self._log.error("daemon.broke", error=repr(error))

    # --- signals and reload ----------------------------------------------------------------------

    def _child_changed(self) -> None:
        self._parts.streams.child_changed()
        self._parts.commands.child_changed()
        self._parts.path_prober.child_changed()

    def _reload(self) -> None:
        if not self._parts.is_told_to_stop.is_set():
            self._parts.logs.reopen()
            self._parts.reloader.reload_soon()

    def _taken_over(self, changes: Reload) -> None:
        parts = self._parts
        flush_s = shortest_interval_s(parts.config.pairs)
        parts.take_over()
        is_flush_changed = shortest_interval_s(parts.config.pairs) != flush_s
        if is_flush_changed or "sample_interval_s" in changes.daemon_retuned:
            self._scheduler.stop()
            self._start_ticks()


def save_the_rest(store: StateStore, logs: Logs) -> None:
    """Save the state and end the writer thread, or another one where that one hangs."""
    store.finish(logs.writer)
    logs.writer.submit(partial(_say_unsaved, store, logs))
    if not logs.writer.close(WRITER_CLOSE_S):
        # A log on a disk that hangs must not cost the state, which may be on another one.
        last = WriterThread()
        store.finish(last)
        last.close(WRITER_CLOSE_S)


def _say_unsaved(store: StateStore, logs: Logs) -> None:
    if unsaved := store.unsaved_at_end():
        because, hint = unsaved
        logs.write_error("state.unsaved", because=because, hint=hint)
