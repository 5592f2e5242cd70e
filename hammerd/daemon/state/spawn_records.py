"""Records the process group of each stream in a small file, for the next start after a kill.

The files are in run_dir and written without fsync: after a power cut there are no orphans. The
next hammerd ends the groups that still run before it launches a stream onto their slaves. The
writer thread writes the files, because run_dir may be on a disk that hangs; a group that started
just before a kill and has no record yet is found by its command line.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from hammerd.daemon.state import atomic_file
from hammerd.daemon.state.saved_values import is_time


@dataclass(frozen=True, slots=True)
class KnownProcess:
    """A process, identified by its pid and its start (wall clock)."""

    pid: int
    started_time: float


@dataclass(frozen=True, slots=True)
class SpawnRecord:
    """A group of ours: its id, pair, command line, claimed slave and members."""

    pgid: int
    pair: str
    argv: tuple[str, ...]
    slave_keys: tuple[str, ...]
    members: tuple[KnownProcess, ...]


Submit = Callable[[Callable[[], None]], object]
"""Calls functions in order, on a thread that may block."""


def call_directly(write: Callable[[], None]) -> None:
    """Call a function on this thread."""
    write()


class SpawnRecords:
    """The records of this run and those of an earlier one.

    `on_failure` is called on the thread of `submit`.
    """

    def __init__(
        self, directory: Path, on_failure: Callable[[str], None], submit: Submit = call_directly
    ) -> None:
        self._directory = directory
        self._on_failure = on_failure
        self._submit = submit
        self._lock = threading.Lock()
        self._pending: dict[int, SpawnRecord | None] = {}
        self._living: dict[int, SpawnRecord] = {}
        # If the directory cannot be made, each record reports its own error.
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)

    def write(self, record: SpawnRecord) -> None:
        """Write or replace the record of a group.

        An error is reported and stops no stream: the next hammerd finds the orphan by its command
        line as well.
        """
        self._living[record.pgid] = record
        self._put(record.pgid, record)

    def write_again(self) -> None:
        """Write the records of all running groups again, after their directory was made again."""
        for pgid, record in self._living.items():
            self._put(pgid, record)

    def remove(self, pgid: int) -> None:
        """Delete the record of an empty group."""
        self._living.pop(pgid, None)
        self._put(pgid, None)

    def _put(self, pgid: int, record: SpawnRecord | None) -> None:
        # At most one job for each group: a disk that hangs must not fill the memory.
        with self._lock:
            is_new = pgid not in self._pending
            self._pending[pgid] = record
        if is_new:
            self._submit(partial(self._save, pgid))

    def _save(self, pgid: int) -> None:
        with self._lock:
            record = self._pending.pop(pgid)
        path = self._path(pgid)
        try:
            if record is None:
                path.unlink(missing_ok=True)
            else:
                atomic_file.replace_soon(path, json.dumps(asdict(record)))
        except OSError as error:
            if record is not None:
                self._on_failure(f"{path}: {error.strerror}")

    def earlier_records(self) -> Iterator[SpawnRecord]:
        """Yield the records of an earlier run; report and set aside damaged files.

        An orphan whose record is damaged is found by its command line.
        """
        for path in sorted(self._directory.glob("*.json")):
            try:
                if (text := atomic_file.read(path)) is not None:
                    yield _record(json.loads(text), path)
            except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
                with contextlib.suppress(OSError):
                    atomic_file.set_aside(path)
                    path.unlink()
                self._on_failure(f"{path}: it cannot be read: {error}")

    def _path(self, pgid: int) -> Path:
        return self._directory / f"{pgid}.json"


def read_records(directory: Path) -> Iterator[SpawnRecord]:
    """Yield the records of a directory; change nothing, and leave out what cannot be read."""
    for path in sorted(directory.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            if (text := atomic_file.read(path)) is not None:
                yield _record(json.loads(text), path)


def _record(data: dict[str, object], path: Path) -> SpawnRecord:
    members, argv, keys = data["members"], data["argv"], data["slave_keys"]
    if not (isinstance(members, list) and isinstance(argv, list) and isinstance(keys, list)):
        raise TypeError("lists expected")
    pgid = _pid(data["pgid"])
    if path.stem != str(pgid):
        raise ValueError(f"it is about group {pgid}")
    return SpawnRecord(
        pgid,
        str(data["pair"]),
        tuple(str(word) for word in argv),
        tuple(str(key) for key in keys),
        tuple(KnownProcess(_pid(each["pid"]), _time(each["started_time"])) for each in members),
    )


def _pid(value: object) -> int:
    # 0 and 1 would mean our own group and the whole system to killpg().
    if not isinstance(value, int) or not 1 < value < 1 << 31:
        raise ValueError("a number is no pid")
    return value


def _time(value: object) -> float:
    if not is_time(value):
        raise ValueError("a number is no time")
    return float(value)
