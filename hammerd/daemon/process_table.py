"""One look at the process table: who is in which group, and who is alive there.

getpgid() of every pid is one cheap system call each; only members of the groups asked for are
looked at more closely. A zombie is no member: it holds nothing any more. What cannot be looked at
(no fd is free, no permission) is not gone: a live group must never be called empty.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import psutil

SAME_START_S = 2.0
"""How far two readings of one start may differ: psutil adds it to a boot time that moves."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a group; its pid and its start (`started_time`, wall clock) name it."""

    pid: int
    ppid: int
    started_time: float
    is_zombie: bool
    is_stopped: bool = False
    cpu_s: float = 0.0
    pgid: int = 0


def members_of(pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
    """Return the members of each group, zombies included, the oldest first.

    A member of which nothing can be learnt counts as alive, as nobody's child.

    Raises:
        OSError: the table cannot be read now.
    """
    found: dict[int, list[Member]] = {pgid: [] for pgid in pgids}
    for pid in psutil.pids():
        try:
            pgid = os.getpgid(pid)
        except ProcessLookupError:
            continue
        if pgid in found and (member := _look_or_guess(pid)) is not None:
            found[pgid].append(member)
    return {
        pgid: tuple(sorted(group, key=lambda one: (one.started_time, one.pid)))
        for pgid, group in found.items()
    }


def look_at(pid: int) -> Member | None:
    """Return what a pid is now, None when it is nothing.

    Raises:
        OSError: it is something, but cannot be looked at now.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            status, cpu = process.status(), process.cpu_times()
            return Member(
                pid,
                process.ppid(),
                process.create_time(),
                status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD),
                status == psutil.STATUS_STOPPED,
                cpu.user + cpu.system,
                os.getpgid(pid),
            )
    except psutil.ZombieProcess:
        return Member(pid, 0, 0.0, is_zombie=True)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None
    except psutil.Error as error:
        raise PermissionError(f"pid {pid} cannot be looked at: {error}") from error


def look_if_possible(pid: int) -> Member | None:
    """Return what a pid is now, None when it is nothing or cannot be looked at."""
    try:
        return look_at(pid)
    except OSError:
        return None


def is_dead(half: Member) -> bool:
    """Tell whether a process that was seen before is gone, a zombie, or its pid another's.

    Raises:
        OSError: it cannot be looked at now.
    """
    now = look_at(half.pid)
    return now is None or now.is_zombie or not is_same(half, now)


def is_same(then: Member, now: Member) -> bool:
    """Tell whether two looks at one pid of a group of ours saw the same process.

    Its start moves where the wall clock is stepped and the system counts it from its boot. The
    group's id is nobody else's while we have not reaped its leader.
    """
    is_in_group = then.pgid == now.pgid != 0
    return is_in_group or abs(then.started_time - now.started_time) <= SAME_START_S


def living(members: Collection[Member]) -> tuple[Member, ...]:
    """Return those of a group that are not zombies."""
    return tuple(member for member in members if not member.is_zombie)


def _look_or_guess(pid: int) -> Member | None:
    try:
        return look_at(pid)
    except OSError:
        return Member(pid, 0, 0.0, is_zombie=False)
