"""What can be known of the pairs when no hammerd answers: from the files that the last one left.

    pid file   is it gone, or stuck?      state.json   pauses, latches, complaints
    streams/   do its streams run on?     clocks.json  last TIDs, until when all is safe

Nothing is written, locked or asked; whoever may not read a file is told so. Which files they are
the config tells; without it, or where its hammerd is another one, the pid file is all there is.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hammerd.cli.client.living import lives
from hammerd.cli.options.location import Location, read_file
from hammerd.cli.output.numbers import count
from hammerd.core import paths
from hammerd.core.errors import ConfigError, HammerdError
from hammerd.core.replication.lag import safe_time_of
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.core.replication.tid_clock import TidClock
from hammerd.core.tid import Tid

if TYPE_CHECKING:
    from hammerd.core.config.model import Config
    from hammerd.core.pairs import Pair
    from hammerd.core.replication.slave_tids import SlaveTids


@dataclass(frozen=True, slots=True)
class Remains:
    """What the last hammerd of a run_dir left there.

    `pid` is that of its pid file, None when there is none: it was stopped, or never ran.
    `is_pid_alive`: a process has that number; it may be another one. `streams` are the groups of
    its streams that are alive.
    """

    run_dir: str
    pid: int | None
    is_pid_alive: bool
    streams: int


@dataclass(frozen=True, slots=True)
class LeftPair:
    """What is known of a pair; times are wall times, None is not known."""

    pair: str
    master: str
    slave: str
    wanted: str
    paused_until_time: float | None = None
    is_diverged: bool = False
    complaints: tuple[str, ...] = ()
    anomalies: tuple[str, ...] = ()
    master_tid: Tid | None = None
    master_time: float | None = None
    slave_tid: Tid | None = None
    slave_time: float | None = None
    safe_time: float | None = None
    durable_time: float | None = None
    unsafe_because: str | None = None


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """All that is known without a hammerd at `now_time` (wall)."""

    now_time: float
    remains: Remains
    state_dir: str | None = None
    saved_time: float | None = None
    pairs: tuple[LeftPair, ...] = ()
    complaints: tuple[str, ...] = ()


_UNDATED = "its times are still to come: a wall clock was wrong, so nobody knows how old it is"
_REBOOTED = "this host may have been rebooted since: what no flush had followed may be lost"


def find(whereabouts: Location, named: tuple[str, ...] = ()) -> LeftBehind:
    """Return what the hammerd of a place left, about the named pairs or all.

    Raises:
        HammerdError: the place itself cannot be told.
    """
    run_dir = whereabouts.find_run_dir()
    now_time, remains = time.time(), _remains(run_dir)
    try:
        config = _config_of(whereabouts, run_dir)
    except ConfigError as error:
        return LeftBehind(now_time, remains, complaints=tuple(_faults(error)))
    except HammerdError as error:
        return LeftBehind(now_time, remains, complaints=(error.message,))
    if config is None:
        return LeftBehind(now_time, remains)
    pairs = [pair for pair in config.pairs if not named or pair.name in named]
    left = _read(config.daemon.state_dir, pairs, now_time, remains)
    known = {pair.name for pair in config.pairs}
    strange = tuple(f'no such pair: "{name}"' for name in named if name not in known)
    return replace(left, complaints=(*left.complaints, *strange))


def _config_of(whereabouts: Location, run_dir: str) -> "Config | None":
    from hammerd.core.config.reader import read_config

    path = whereabouts.config or paths.CONFIG
    try:
        content = read_file(path)
    except OSError:
        return None
    config = read_config(content, path)
    return config if config.daemon.run_dir == os.path.normpath(run_dir) else None


def _faults(error: ConfigError) -> Iterator[str]:
    """Yield that the config has faults and then each: what cures it `check` tells."""
    yield f'{error.source}: {count(len(error.faults), "fault")} ("hammerd check" tells the cures)'
    for fault in error.faults:
        yield f"  {replace(fault, hint='')}"


def _remains(run_dir: str) -> Remains:
    pid = None
    with (
        contextlib.suppress(OSError, ValueError),
        open(f"{run_dir}/{paths.PID_FILE}", "rb") as file,
    ):
        pid = int(file.read(32))
    return Remains(run_dir, pid, pid is not None and lives(pid), len(list(_streams(run_dir))))


def _streams(run_dir: str) -> Iterator[int]:
    """Yield the groups of streams that are on record and alive."""
    with contextlib.suppress(OSError):
        for name in os.listdir(f"{run_dir}/{paths.RECORDS_DIR}"):
            pgid = name.removesuffix(".json")
            if pgid != name and pgid.isdecimal() and lives(int(pgid)):
                yield int(pgid)


def _read(state_dir: str, pairs: "list[Pair]", now_time: float, remains: Remains) -> LeftBehind:
    # Who is answered by a hammerd loads none of this.
    from pathlib import Path

    from hammerd.daemon.state import pair_state_file, tid_clock_file

    state_path, clocks_path = (
        Path(state_dir, paths.STATE_FILE),
        Path(state_dir, paths.CLOCKS_FILE),
    )
    kept, clocks = pair_state_file.load(state_path), tid_clock_file.load(clocks_path)
    dated = tid_clock_file.carried(clocks.saved, SavedMoment(now_time, time.monotonic()), now_time)
    known = tid_clock_file.SavedClocks() if dated is None else dated
    found = []
    for pair in pairs:
        saved = kept.of(pair.name)
        is_paused = pair.enabled and saved.is_paused
        left = LeftPair(
            pair.name,
            str(pair.master),
            str(pair.slave),
            "paused" if is_paused else "up" if pair.enabled else "down",
            saved.paused_until_time if is_paused else None,
            saved.is_diverged,
            tuple(one.text for one in saved.unacknowledged.complaints),
            tuple(one.name for one in saved.unacknowledged.anomalies),
        )
        for saved_clocks, add in ((clocks.saved, _with_tids), (known, _with_times)):
            clock = saved_clocks.clocks.get(left.master, TidClock())
            left = add(left, clock, saved_clocks.slaves.get(left.slave))
        if left.slave in known.before_boot.keys() - known.slaves.keys():
            left = replace(left, unsafe_because=_REBOOTED)
        found.append(left)
    undated = f"{clocks_path}: {_UNDATED}" if dated is None else ""
    complaints = tuple(filter(None, (*kept.complaints, clocks.complaint, undated)))
    times = [at for path in (state_path, clocks_path) if (at := _written(path)) is not None]
    saved_time = max(times, default=None)
    return LeftBehind(now_time, remains, state_dir, saved_time, tuple(found), complaints)


def _with_tids(left: LeftPair, clock: TidClock, slave: "SlaveTids | None") -> LeftPair:
    """Add the TIDs that were read last, whatever they prove."""
    if clock.newest is not None:
        left = replace(left, master_tid=clock.newest.tid)
    return left if slave is None else replace(left, slave_tid=slave.reading.tid)


def _with_times(left: LeftPair, clock: TidClock, slave: "SlaveTids | None") -> LeftPair:
    """Add when they were read, and until when all is safe."""
    if clock.newest is not None:
        left = replace(left, master_time=clock.newest.at)
    if slave is None:
        return left
    read, durable_tid = slave.reading, slave.durable_tid
    left = replace(left, slave_time=read.at)
    # Of a slave that went another way than its master no moment of the master is safe.
    if left.is_diverged:
        return left
    return replace(
        left,
        safe_time=safe_time_of(clock, read, read.tid),
        durable_time=None if durable_tid is None else safe_time_of(clock, read, durable_tid),
    )


def _written(path: "os.PathLike[str]") -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None
