"""Collects the last state of the pairs from files, for when no daemon answers.

    pid file      does the process still exist?
    streams/      how many of its streams still run?
    status.json   all else (saved_status.py)

It writes and locks nothing; a file that cannot be read becomes a complaint. The config names the
files; without it, or if its run_dir is another one, only the pid file and streams/ are read.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from hammerd.cli.client.lock_holder import group_exists, process_exists
from hammerd.cli.offline.saved_status import (
    LastPair,
    LastStatus,
    read_saved_status,
    without_wanted,
)
from hammerd.cli.options.location import Location, read_file
from hammerd.cli.output.numbers import show_count
from hammerd.core import paths
from hammerd.core.characters import escape_invisible
from hammerd.core.errors import ConfigError, HammerdError
from hammerd.core.rfc3339 import rfc3339

if TYPE_CHECKING:
    from hammerd.core.config.model import Config


@dataclass(frozen=True, slots=True)
class LastDaemon:
    """The last daemon of a run_dir, and complaints about files that cannot be read.

    `pid` comes from its pid file, None without one: it was stopped, or never ran.
    `pid_is_alive`: a process has that number; it may be another program. `streams` counts its
    process groups that still exist. `saved_time`: the time of status.json.
    """

    state: str
    run_dir: str
    pid: int | None
    pid_is_alive: bool | None
    streams: int
    state_dir: str | None = None
    saved_time: str | None = None
    state_complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LastState:
    """The object that `status --json` prints when no daemon answers."""

    hammerd: LastDaemon
    measured_time: str
    health: str = "critical"
    pairs: tuple[LastPair, ...] = ()


def find_last_state(location: Location, named: tuple[str, ...] = ()) -> LastState:
    """Return the last state of the pairs that words choose, of all without words.

    Raises:
        HammerdError: the run_dir cannot be found.
    """
    run_dir = location.find_run_dir()
    now_time, daemon = time.time(), _daemon(run_dir)
    last = LastStatus()
    try:
        config = _config_of(location, run_dir)
        if config is not None:
            state_dir = config.daemon.state_dir
            saved_time = _modification_time(os.path.join(state_dir, paths.STATUS_FILE))
            daemon = replace(daemon, state_dir=state_dir, saved_time=saved_time)
            last = _last_status(config, named, now_time)
    except ConfigError as error:
        last = LastStatus(complaints=tuple(_faults(error)))
    except HammerdError as error:
        last = LastStatus(complaints=(error.message,))
    daemon = replace(daemon, state_complaints=last.complaints)
    return LastState(daemon, rfc3339(now_time), pairs=last.pairs)


def _config_of(location: Location, run_dir: str) -> "Config | None":
    from hammerd.core.config.reader import read_config

    path = location.config or paths.CONFIG
    try:
        content = read_file(path)
    except OSError:
        return None
    config = read_config(content, path)
    return config if config.daemon.run_dir == os.path.normpath(run_dir) else None


def _faults(error: ConfigError) -> Iterator[str]:
    """Yield a line that counts the faults of the config, then a line for each, without hints."""
    faults = show_count(len(error.faults), "fault")
    yield f'{error.source}: {faults} ("hammerd check" tells the cures)'
    for fault in error.faults:
        yield f"  {replace(fault, hint='')}"


def _daemon(run_dir: str) -> LastDaemon:
    pid = None
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"{run_dir}/{paths.PID_FILE}", "rb") as file,
    ):
        pid = int(file.read(32))
    is_alive = None if pid is None else process_exists(pid)
    return LastDaemon("absent", run_dir, pid, is_alive, len(list(_streams(run_dir))))


def _streams(run_dir: str) -> Iterator[int]:
    """Yield the process groups of recorded streams that still exist."""
    with contextlib.suppress(OSError):
        for name in os.listdir(f"{run_dir}/{paths.RECORDS_DIR}"):
            pgid = name.removesuffix(".json")
            if pgid != name and pgid.isdecimal() and group_exists(int(pgid)):
                yield int(pgid)


def _last_status(config: "Config", named: tuple[str, ...], now_time: float) -> LastStatus:
    from hammerd.core.api.pair_patterns import choose
    from hammerd.core.api.protocol import refuse_unchosen
    from hammerd.core.pairs import slaves_of

    known = {
        pair.name: LastPair(
            pair.name,
            str(pair.master),
            str(pair.slave),
            "up" if pair.enabled else "down",
            rotate=tuple(map(str, slaves_of(pair))) if pair.rotate.takes_turns else (),
        )
        for pair in config.pairs
    }
    choice = choose(named, known)
    pairs = tuple(map(known.__getitem__, choice.pairs))
    last = _read(config.daemon.state_dir, pairs, now_time)
    last = replace(last, pairs=tuple(map(partial(_with_hold, config), last.pairs)))
    unknown = refuse_unchosen(choice.unknown, known)
    return replace(last, complaints=(*last.complaints, *([unknown.error] if unknown else ())))


def _with_hold(config: "Config", pair: LastPair) -> LastPair:
    """Return a pair with the plan whose record stands: the next hammerd does not stream it."""
    from hammerd.daemon.state.plan_records import Damaged, read_record

    record = read_record(config.daemon.state_dir, pair.pair)
    if record is None:
        return pair
    if isinstance(record, Damaged):
        return replace(pair, held_by="a plan whose record cannot be read")
    return replace(pair, held_by=f"{record.plan}, {record.stage}")


def _read(state_dir: str, pairs: tuple[LastPair, ...], now_time: float) -> LastStatus:
    path = os.path.join(state_dir, paths.STATUS_FILE)
    try:
        if (last := read_saved_status(path, pairs, now_time)) is not None:
            return last
        older = (paths.STATE_FILE, paths.CLOCKS_FILE)
        if not any(os.path.lexists(os.path.join(state_dir, name)) for name in older):
            # No daemon ever ran here, so no pair was paused.
            return LastStatus(pairs)
        because = "it is missing; was the last hammerd of an older release?"
    except OSError as error:
        because = f"{error.strerror}"
    except ValueError as error:
        because = escape_invisible(str(error))
    return LastStatus(tuple(map(without_wanted, pairs)), (f"{path}: {because}",))


def _modification_time(path: str) -> str | None:
    try:
        return rfc3339(os.stat(path).st_mtime)
    except OSError:
        return None
