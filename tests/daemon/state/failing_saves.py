"""Saves state files in processes that die, or fail, at each system call in turn.

    python -m tests.daemon.state.failing_saves DIRECTORY CASE die|fail|tear

forks a child for each call of a save: the child dies before its n-th call (`die`), in the middle
of a write (`tear`), or the call fails as on a full disk (`fail`). After each child it prints the
state that the next daemon would load, one JSON object a line, until a save completes.
"""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path

from hammerd.core.api.status_json import Snapshot
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.core.replication.tid_clock import TidClock, TidSample
from hammerd.core.tid import Tid
from hammerd.daemon.state import atomic_file, pair_state_file, status_file, tid_clock_file
from hammerd.daemon.state.pair_state_file import SavedPair
from hammerd.daemon.state.status_file import SavedStatus
from hammerd.daemon.state.tid_clock_file import SavedClocks
from hammerd.daemon.state.unacknowledged import SavedAnomaly, SavedComplaint, Unacknowledged

CALLS = frozenset({"open", "write", "fsync", "close", "replace", "rename", "unlink", "link"})
DEAD, FAILED, SURVIVED = 42, 43, 44
COMPLAINT = SavedComplaint("slave_full", "make room", "No space", 3, 1.8e9, 1.9e9)
ANOMALY = SavedAnomaly("end.role_changed", "/s", "slave", "master", 1.9e9)
OLD = {"old": SavedPair(True, None, True, Unacknowledged((COMPLAINT,)))}
NEW = {
    "new": SavedPair(True, 2e9, False, Unacknowledged((), (ANOMALY,))),
    "old": SavedPair(False, None, True),
}
OLD_CLOCKS = SavedClocks({"/m": TidClock((TidSample(Tid(1), 1.0),))})
NEW_CLOCKS = SavedClocks({"/m": TidClock((TidSample(Tid(1), 1.0), TidSample(Tid(2), 2.0)))})


def status(number: int) -> SavedStatus:
    """Return the status of a daemon of this pid."""
    return SavedStatus(Snapshot({"pid": number}, (), 0.0), {}, SavedMoment(0.0), 0.0)


class FailingOs:
    """The os module, with an n-th call that dies or fails."""

    def __init__(self, number: int, manner: str) -> None:
        self.left = number
        self._manner = manner
        self.done: list[str] = []

    def __getattr__(self, name: str) -> object:
        found = getattr(os, name)
        return self._counted(name, found) if name in CALLS else found

    def _counted(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **keys: object) -> object:
            self.left -= 1
            self.done.append(name)
            if self.left != 0:
                return call(*args, **keys)
            if self._manner == "tear" and name == "write":
                fd, data = args
                os.write(fd, bytes(data)[: len(data) // 2])  # type: ignore[arg-type, call-overload]
            if self._manner != "fail":
                os._exit(DEAD)
            if name == "close":
                call(*args, **keys)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return counted


def set_up(directory: Path, case: str) -> None:
    """Write the files of an earlier daemon."""
    for path in directory.iterdir():
        path.unlink()
    if case != "first":
        pair_state_file.save(directory / "state.json", OLD)
        tid_clock_file.save(directory / "clocks.json", OLD_CLOCKS)
        status_file.save(directory / "status.json", status(1), os.getegid())
    if case == "damaged":
        (directory / "state.json").write_text('{"version": 1, "pairs": {"ol')


def save(directory: Path, case: str) -> None:
    """Save the new files, as the writer thread does."""
    if case == "clocks":
        tid_clock_file.save(directory / "clocks.json", NEW_CLOCKS)
        return
    if case == "status":
        status_file.save(directory / "status.json", status(2), os.getegid())
        return
    if case == "damaged":
        atomic_file.set_aside(directory / "state.json")
    pair_state_file.save(directory / "state.json", NEW)


def run_failing(number: int, manner: str, act: Callable[[], None]) -> int:
    """Run `act` in a child whose n-th call dies or fails; return its exit status."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    failing = FailingOs(number, manner)
    atomic_file.os = failing  # type: ignore[assignment, attr-defined]
    try:
        act()
    except OSError:
        os._exit(FAILED)
    os._exit(SURVIVED if failing.left <= 0 else 0)


def outcomes(directory: Path, case: str, manner: str) -> Iterator[dict[str, object]]:
    """Yield the loaded state after each child, the last one after a complete save."""
    for number in count(1):
        set_up(directory, case)
        status_code = run_failing(number, manner, lambda: save(directory, case))
        loaded, clocks = (
            pair_state_file.load(directory / "state.json"),
            tid_clock_file.load(directory / "clocks.json"),
        )
        yield {
            "status": status_code,
            "pairs": {name: asdict(pair) for name, pair in loaded.pairs.items()},
            "complaints": loaded.errors,
            "samples": [len(clock.samples) for clock in clocks.saved.clocks.values()],
            "clocks_complaint": clocks.error,
            "status_pid": status_pid(directory / "status.json"),
            "has_bad": case != "damaged" or has_evidence(directory),
        }
        save(directory, case)
        assert pair_state_file.load(directory / "state.json").errors == ()
        if status_code == 0:
            return


def status_pid(path: Path) -> object:
    """Return the pid in status.json, None if it is missing; a partial file fails the test."""
    return json.loads(path.read_text())["hammerd"]["pid"] if path.exists() else None


def has_evidence(directory: Path) -> bool:
    """Return whether the damaged text is still in one of the files."""
    texts = [path.read_text() for path in directory.iterdir()]
    return any(text.endswith('{"ol') for text in texts)


if __name__ == "__main__":
    for outcome in outcomes(Path(sys.argv[1]), sys.argv[2], sys.argv[3]):
        sys.stdout.write(json.dumps(outcome) + "\n")
