"""Controls the time of a machine: it advances only when every process is blocked.

With a real clock a replay would have to guess the time of a start-up. Here a sleep takes exactly
its seconds and no real time, so the waits of the simulator can be compared with the recorded ones
on a loaded machine as on an idle one (`SIM_VIRTUAL_CLOCK`, see runtime/clock.py).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from hammerd.daemon.process.process_table import process_ids

SETTLED_WITHIN_S = 60.0
SPINS_AFTER_CPU_S = 0.5
"""CPU time without a wait, at one virtual time, after which a process counts as spinning."""

SHORTEST_SLEEP_S = 0.05
"""The duration of a sleep of 0 s, so that a loop of such sleeps does not stop the time."""

FOR_EVER = 1e9

_STATUSES = {
    b"S": psutil.STATUS_SLEEPING,
    b"I": psutil.STATUS_IDLE,
    b"T": psutil.STATUS_STOPPED,
    b"Z": psutil.STATUS_ZOMBIE,
    b"X": psutil.STATUS_DEAD,
}
"""The letters of /proc; with any other one a process may run at once."""

_ASLEEP = (psutil.STATUS_SLEEPING, psutil.STATUS_IDLE)
_INACTIVE = (*_ASLEEP, psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


@dataclass(frozen=True, slots=True)
class Sleep:
    """The sleep of a process: its begin, duration and reason."""

    pid: int
    role: str
    began: float
    seconds: float
    reason: str

    @property
    def until(self) -> float:
        return self.began + max(self.seconds, SHORTEST_SLEEP_S)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process at one moment."""

    pid: int
    parent: int
    session: int
    status: str
    words: tuple[str, ...]
    switches: int


class VirtualClock:
    """The clock of all processes in some sessions.

    `drain` reads their output and returns whether there was any; `observe` is called whenever
    all are blocked.
    """

    def __init__(
        self, place: Path, drain: Callable[[], bool], observe: Callable[[], None]
    ) -> None:
        self.place = place
        self.now = 0.0
        self.sleeps: list[Sleep] = []
        self.sleeping: dict[int, Sleep] = {}
        self.sessions: set[int] = set()
        self.members: tuple[ProcessState, ...] = ()
        self._spinning: set[int] = set()
        self._drain = drain
        self._observe = observe
        place.mkdir()
        os.mkfifo(place / "requests")
        self._requests = os.open(place / "requests", os.O_RDWR | os.O_NONBLOCK)
        self._set(0.0)

    def close(self) -> None:
        os.close(self._requests)

    def settle(self) -> None:
        """Wait until every process is blocked and all output is read."""
        began = time.monotonic()
        before: dict[int, tuple[float, int]] = {}
        while True:
            self._take_requests()
            self._drain()
            if self._all_blocked() and not self._take_requests() and not self._drain():
                self._observe()
                return
            waited = time.monotonic() - began
            assert waited < SETTLED_WITHIN_S, f"{self.members} never blocked"
            if waited > SPINS_AFTER_CPU_S:
                self._find_spinning(before)
            time.sleep(0.0005)

    def advance(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Advance time to `until`, waking sleepers in order, or until `stop` returns true.

        With FOR_EVER it advances only while a process sleeps.
        """
        self.settle()
        while not stop():
            sleep = min(self._sleepers(), key=lambda one: one.until, default=None)
            if sleep is None or sleep.until > until:
                if until < FOR_EVER:
                    self._set(max(self.now, until))
                return
            self._set(max(self.now, sleep.until))
            self._wake(sleep)
            self.settle()

    def is_spinning(self, pid: int) -> bool:
        return pid in self._spinning

    def _sleepers(self) -> list[Sleep]:
        living = {member.pid for member in self.members if _is_alive(member)}
        self.sleeping = {pid: one for pid, one in self.sleeping.items() if pid in living}
        return list(self.sleeping.values())

    def _set(self, now: float) -> None:
        self.now = now
        fresh = self.place / "now~"
        fresh.write_text(f"{now:.6f}")
        fresh.rename(self.place / "now")

    def _wake(self, sleep: Sleep) -> None:
        del self.sleeping[sleep.pid]
        with contextlib.suppress(OSError):  # it has been killed
            fd = os.open(self.place / str(sleep.pid), os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, b"!")
            os.close(fd)

    def _take_requests(self) -> bool:
        try:
            lines = os.read(self._requests, 65536).decode().splitlines()
        except BlockingIOError:
            return False
        for line in lines:
            pid, role, seconds, reason = line.split(" ", 3)
            sleep = Sleep(int(pid), role, self.now, float(seconds), reason)
            self.sleeping[sleep.pid] = sleep
            self.sleeps.append(sleep)
        return True

    def _all_blocked(self) -> bool:
        """Return whether all processes were blocked at the same moment.

        A process that is asleep in both scans and had no context switch in between slept all the
        time; so between the scans all slept, and none was left to wake another.
        """
        if any(self._is_active(member.pid) for member in self.members):
            return False
        first = self._scan()
        if first is None:
            return False
        if not all(one.pid in self._spinning or _blocks(one.pid) for one in _sleeping(first)):
            return False
        second = self._scan()
        if second is None or not _are_same(first, second, self._spinning):
            return False
        self.members = second
        return True

    def _is_active(self, pid: int) -> bool:
        """Return whether a known process runs: then the table of all need not be scanned."""
        try:
            return _session(pid) in self.sessions and not self._is_inactive(pid, _stat(pid).status)
        except OSError:
            return False

    def _is_inactive(self, pid: int, status: str) -> bool:
        return status in _INACTIVE or pid in self._spinning

    def _scan(self) -> tuple[ProcessState, ...] | None:
        """Return all processes, None as soon as one is active or has gone."""
        members = []
        for pid in process_ids():
            if _session(pid) not in self.sessions:
                continue
            try:
                member = _member(pid)
            except OSError:
                return None
            if not self._is_inactive(pid, member.status):
                return None
            members.append(member)
        return tuple(members)

    def _find_spinning(self, before: dict[int, tuple[float, int]]) -> None:
        """Find the processes that use the CPU without ever waiting."""
        for pid in process_ids():
            if _session(pid) in self.sessions:
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(pid)
                    times, switches = process.cpu_times(), process.num_ctx_switches().voluntary
                    used = times.user + times.system
                    cpu_s, switched = before.setdefault(pid, (used, switches))
                    if switched != switches:
                        before[pid] = used, switches
                    elif used - cpu_s > SPINS_AFTER_CPU_S:
                        self._spinning.add(pid)


def by_age(pids: Iterable[int], parent: int) -> list[int]:
    """Sort children by age: pids below the parent's were given after a wrap-around."""
    return sorted(pids, key=lambda pid: (pid < parent, pid))


def _sleeping(members: tuple[ProcessState, ...]) -> list[ProcessState]:
    return [member for member in members if member.status in _ASLEEP]


def _blocks(pid: int) -> bool:
    """Return whether a sleeping process is blocked in a call, not just without a CPU."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text() != "running\n"
    except OSError:
        return True


def _are_same(
    first: tuple[ProcessState, ...], second: tuple[ProcessState, ...], spinning: set[int]
) -> bool:
    if len(first) != len(second):
        return False
    pairs = zip(first, second, strict=True)
    return all(one == other or one.pid == other.pid in spinning for one, other in pairs)


def _is_alive(member: ProcessState) -> bool:
    return member.status not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


class _Stat(NamedTuple):
    status: str
    parent: int
    session: int


def _stat(pid: int) -> _Stat:
    """Return what one read tells of a process; OSError if it has gone.

    psutil would read five files, and replays look at processes some 100,000 times.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The name may contain blanks and parentheses.
        status, parent, _, session = file.read().rpartition(b")")[2].split(maxsplit=4)[:4]
    return _Stat(_STATUSES.get(status, psutil.STATUS_RUNNING), int(parent), int(session))


def _member(pid: int) -> ProcessState:
    stat = _stat(pid)
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = tuple(map(os.fsdecode, file.read().split(b"\0")[:-1]))
    with open(f"/proc/{pid}/status", "rb") as file:
        switches = int(
            file.read().partition(b"\nvoluntary_ctxt_switches:")[2].split(maxsplit=1)[0]
        )
    return ProcessState(pid, stat.parent, stat.session, stat.status, words, switches)
