"""Reads, writes and locks the records of plans in state_dir/plans.

    PAIR.json   the record (core/plans/record.py): its pair is held while it stands
    PAIR.lock   locked by the command that carries the plan out, while it lives

The commands write records, the daemon reads them, and removes one when its pair is resumed. A
record that cannot be read holds its pair, too: that a plan is not known is no reason to stream.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hammerd.core import paths
from hammerd.core.errors import AlreadyRunning, BadOutput
from hammerd.core.plans.record import PlanRecord, format_record, parse_record
from hammerd.daemon.state import atomic_file

RECORD_SUFFIX, LOCK_SUFFIX = ".json", ".lock"
DIRECTORY_MODE = 0o700
LOCK_TRIES, LOCK_TRY_S = 5, 0.05


@dataclass(frozen=True, slots=True)
class Damaged:
    """A record that cannot be read, and why."""

    because: str


def read_records(state_dir: str) -> Mapping[str, PlanRecord | Damaged]:
    """Return all records, by the name of their pair.

    Raises:
        OSError: the directory exists and cannot be read.
    """
    directory = plans_dir(state_dir)
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return {}
    pairs = [name.removesuffix(RECORD_SUFFIX) for name in names if name.endswith(RECORD_SUFFIX)]
    found = {pair: read_record(state_dir, pair) for pair in pairs}
    return {pair: record for pair, record in found.items() if record is not None}


def read_record(state_dir: str, pair: str) -> PlanRecord | Damaged | None:
    """Return the record of a pair, None if it has none."""
    path = record_path(state_dir, pair)
    try:
        text = atomic_file.read(path)
        record = None if text is None else parse_record(text)
    except BadOutput as error:
        return Damaged(f"{path}: {error.message}")
    except (OSError, ValueError) as error:
        return Damaged(f"{path}: {error}")
    if record is not None and record.pair != pair:
        # What is written about it would go to the record of the other pair.
        return Damaged(f"{path}: it is the record of pair {record.pair}")
    return record


def write_record(state_dir: str, record: PlanRecord) -> None:
    """Write a record; block until it is on the disk.

    Raises:
        OSError: it cannot be written.
    """
    directory = plans_dir(state_dir)
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    # Its own name must be on the disk, too, or a power cut after a promotion loses the record.
    atomic_file.sync_directory(directory.parent)
    atomic_file.replace(record_path(state_dir, record.pair), (format_record(record),))


def remove_record(state_dir: str, pair: str) -> None:
    """Remove the record of a pair, if there is one.

    Raises:
        OSError: it cannot be removed.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record_path(state_dir, pair))


@contextlib.contextmanager
def locked(state_dir: str, pair: str) -> Iterator[None]:
    """Lock the plans of a pair within a `with` block.

    Raises:
        AlreadyRunning: another process carries out a plan of this pair.
        OSError: the lock file cannot be made.
    """
    plans_dir(state_dir).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    fd = os.open(_lock_path(state_dir, pair), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(fd)
    except BlockingIOError as error:
        os.close(fd)
        message = f"another command carries out a plan of pair {pair}"
        raise AlreadyRunning(message, "wait until it has ended") from error
    # The lock file stays: a process that waits for its removal could lock an unlinked file.
    try:
        yield
    finally:
        os.close(fd)


def _lock(fd: int) -> None:
    """Lock a file; a hammerd that looks whether it is locked holds it for a moment."""
    for _ in range(LOCK_TRIES):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(LOCK_TRY_S)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(state_dir: str, pair: str) -> bool:
    """Return whether a process carries out a plan of this pair now; False if that is unknown."""
    try:
        fd = os.open(_lock_path(state_dir, pair), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def plans_dir(state_dir: str) -> Path:
    """Return the directory of the records."""
    return Path(state_dir) / paths.PLANS_DIR


def record_path(state_dir: str, pair: str) -> Path:
    """Return the path of a pair's record."""
    return plans_dir(state_dir) / f"{pair}{RECORD_SUFFIX}"


def _lock_path(state_dir: str, pair: str) -> Path:
    return plans_dir(state_dir) / f"{pair}{LOCK_SUFFIX}"
