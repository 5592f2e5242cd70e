"""One look at the process table: who is in which group, and who is alive there.

getpgid() of every pid is one cheap system call each; only members of the groups asked for are
looked at more closely. A zombie is no member: it holds nothing any more.
"""

import contextlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a group; its pid and its start (`started_time`, wall clock) name it."""

    pid: int
    ppid: int
    started_time: float
    is_zombie: bool
    is_stopped: bool = False


def members_of(pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
    """Return the members of each group, zombies included, the oldest first."""
    found: dict[int, list[Member]] = {pgid: [] for pgid in pgids}
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            pgid = os.getpgid(pid)
            if pgid in found and (member := look_at(pid)) is not None:
                found[pgid].append(member)
    return {
        pgid: tuple(sorted(group, key=lambda one: (one.started_time, one.pid)))
        for pgid, group in found.items()
    }


def look_at(pid: int) -> Member | None:
    """Return what a pid is now, None when it is nothing."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            status = process.status()
            return Member(
                pid,
                process.ppid(),
                process.create_time(),
                status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD),
                status == psutil.STATUS_STOPPED,
            )
    except psutil.Error:
        return None


def cpu_seconds(pid: int) -> float:
    """Return how much CPU a process has used, 0 when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def living(members: Collection[Member]) -> tuple[Member, ...]:
    """Return those of a group that are not zombies."""
    return tuple(member for member in members if not member.is_zombie)
