"""Conducts the time of a machine: it moves on only when every process of it is at rest.

A replay that waits on a real clock must guess how much of it a start-up took. Here a sleep costs
nothing and takes exactly what it says, so that what the simulator waits for can be compared with
what was recorded on a loaded machine and on an idle one alike (`SIM_CONDUCTOR`, see clock.py).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from hammerd.daemon.process.process_table import ids

SETTLED_WITHIN_S = 60.0
SPINS_AFTER_CPU_S = 1.0
"""CPU time at one conducted moment, without a wait, after which a process spins for ever."""

SHORTEST_SLEEP_S = 0.05
"""What a sleep of nothing costs: who sleeps so in a loop would stop the time."""

FOR_EVER = 1e9

_ASLEEP = (psutil.STATUS_SLEEPING, psutil.STATUS_IDLE)
_AT_REST = (*_ASLEEP, psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Who sleeps until when, for how long, and why."""

    pid: int
    role: str
    began: float
    seconds: float
    reason: str

    @property
    def until(self) -> float:
        return self.began + max(self.seconds, SHORTEST_SLEEP_S)


@dataclass(frozen=True, slots=True)
class Member:
    """A process as it was seen."""

    pid: int
    parent: int
    session: int
    status: str
    words: tuple[str, ...]
    switches: int


class Conductor:
    """The clock of all processes in some sessions.

    `drain` takes what they said and tells whether there was anything; `observe` is called at
    every rest.
    """

    def __init__(
        self, place: Path, drain: Callable[[], bool], observe: Callable[[], None]
    ) -> None:
        self.place = place
        self.now = 0.0
        self.sleeps: list[Sleep] = []
        self.sleeping: dict[int, Sleep] = {}
        self.sessions: set[int] = set()
        self.members: tuple[Member, ...] = ()
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
        """Wait until nothing happens any more until time moves on."""
        began = time.monotonic()
        before: dict[int, tuple[float, int]] = {}
        while True:
            self._take_requests()
            self._drain()
            if self._is_quiet() and not self._take_requests() and not self._drain():
                self._observe()
                return
            waited = time.monotonic() - began
            assert waited < SETTLED_WITHIN_S, f"{self.members} never came to rest"
            if waited > SPINS_AFTER_CPU_S:
                self._find_spinning(before)
            time.sleep(0.0005)

    def advance(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let time move on, sleeper by sleeper, to a moment or to the first one that stops it.

        Up to FOR_EVER it moves only as long as somebody sleeps.
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
        with contextlib.suppress(OSError):  # it was killed a moment ago
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

    def _is_quiet(self) -> bool:
        """Tell whether all were asleep at one moment.

        Who sleeps at both looks and did not switch between them slept all the while; so there is
        a moment between the looks at which all slept, and nobody was left to wake another.
        """
        first = self._look()
        if first is None or any(not self._rests(member) for member in first):
            return False
        if not all(one.pid in self._spinning or _blocks(one.pid) for one in _sleeping(first)):
            return False
        second = self._look()
        if second is None or not _are_same(first, second, self._spinning):
            return False
        self.members = second
        return True

    def _rests(self, member: Member) -> bool:
        return member.status in _AT_REST or member.pid in self._spinning

    def _look(self) -> tuple[Member, ...] | None:
        pids = [pid for pid in ids() if _session(pid) in self.sessions]
        try:
            return tuple(_member(pid) for pid in pids)
        except psutil.NoSuchProcess:
            return None

    def _find_spinning(self, before: dict[int, tuple[float, int]]) -> None:
        """Find who works on and on without ever waiting for anything."""
        for pid in ids():
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
    """Sort children, the oldest first: numbers below the parent's came after the highest one."""
    return sorted(pids, key=lambda pid: (pid < parent, pid))


def _sleeping(members: tuple[Member, ...]) -> list[Member]:
    return [member for member in members if member.status in _ASLEEP]


def _blocks(pid: int) -> bool:
    """Tell whether a process that seems asleep is: one that only lost the CPU may seem so, too."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text() != "running\n"
    except OSError:
        return True


def _are_same(first: tuple[Member, ...], second: tuple[Member, ...], spinning: set[int]) -> bool:
    if len(first) != len(second):
        return False
    pairs = zip(first, second, strict=True)
    return all(one == other or one.pid == other.pid in spinning for one, other in pairs)


def _is_alive(member: Member) -> bool:
    return member.status not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _member(pid: int) -> Member:
    process = psutil.Process(pid)
    with process.oneshot():
        try:
            words = tuple(process.cmdline())
        except psutil.ZombieProcess:
            words = ()
        return Member(
            pid,
            process.ppid(),
            _session(pid),
            process.status(),
            words,
            process.num_ctx_switches().voluntary,
        )
