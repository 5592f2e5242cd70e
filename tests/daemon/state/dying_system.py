"""Saves state files in processes that die, or fail, at each call to the system in turn.

    python -m tests.daemon.state.dying_system DIRECTORY CASE die|fail|tear

forks a child for each call of a save: the child dies before its n-th call (`die`), in the midst
of it if it is a write (`tear`), or is told there that the disk is full (`fail`). After each, what
the next daemon would load is printed, one JSON object a line, until a save came to its end.
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
DEAD, FAILED, BORNE = 42, 43, 44
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


class FrailOs:
    """The os module, but for the n-th call."""

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
    """Leave what an earlier daemon left."""
    for path in directory.iterdir():
        path.unlink()
    if case != "first":
        pair_state_file.save(directory / "state.json", OLD)
        tid_clock_file.save(directory / "clocks.json", OLD_CLOCKS)
        status_file.save(directory / "status.json", status(1), os.getegid())
    if case == "damaged":
        (directory / "state.json").write_text('{"version": 1, "pairs": {"ol')


def save(directory: Path, case: str) -> None:
    """Save as the writer thread does."""
    if case == "clocks":
        tid_clock_file.save(directory / "clocks.json", NEW_CLOCKS)
        return
    if case == "status":
        status_file.save(directory / "status.json", status(2), os.getegid())
        return
    if case == "damaged":
        atomic_file.set_aside(directory / "state.json")
    pair_state_file.save(directory / "state.json", NEW)


def run_frail(number: int, manner: str, act: Callable[[], None]) -> int:
    """Run something in a child whose n-th call is its last; return how the child ended."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    frail = FrailOs(number, manner)
    atomic_file.os = frail  # type: ignore[assignment, attr-defined]
    try:
        act()
    except OSError:
        os._exit(FAILED)
    os._exit(BORNE if frail.left <= 0 else 0)


def outcomes(directory: Path, case: str, manner: str) -> Iterator[dict[str, object]]:
    """Yield what is loaded after each death, and last what is after a whole save."""
    for number in count(1):
        set_up(directory, case)
        end = run_frail(number, manner, lambda: save(directory, case))
        loaded, clocks = (
            pair_state_file.load(directory / "state.json"),
            tid_clock_file.load(directory / "clocks.json"),
        )
        yield {
            "end": end,
            "pairs": {name: asdict(pair) for name, pair in loaded.pairs.items()},
            "complaints": loaded.complaints,
            "samples": [len(clock.samples) for clock in clocks.saved.clocks.values()],
            "clocks_complaint": clocks.complaint,
            "status_pid": status_pid(directory / "status.json"),
            "bad_is_kept": case != "damaged" or is_evidence_there(directory),
        }
        save(directory, case)
        assert pair_state_file.load(directory / "state.json").complaints == ()
        if end == 0:
            return


def status_pid(path: Path) -> object:
    """Return whose status is there, None for nobody's; a torn one breaks the test."""
    return json.loads(path.read_text())["hammerd"]["pid"] if path.exists() else None


def is_evidence_there(directory: Path) -> bool:
    """Tell whether the damaged text is still somewhere, unless nothing was written over it."""
    texts = [path.read_text() for path in directory.iterdir()]
    return any(text.endswith('{"ol') for text in texts)


if __name__ == "__main__":
    for outcome in outcomes(Path(sys.argv[1]), sys.argv[2], sys.argv[3]):
        sys.stdout.write(json.dumps(outcome) + "\n")
