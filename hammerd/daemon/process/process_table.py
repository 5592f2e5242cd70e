"""The process table: who is in which group, and who is alive there.

    ids(): one system call ── getpgid() of each ── asking(): only those that matter

All questions about processes are asked here, because a single process may answer in any way:
psutil refuses ids that the kernel lists (DragonFly: -1 for each kernel thread), raises what is
no psutil.Error, and a process vanishes between two questions. One odd process never ends a scan.

A zombie is no member: it holds nothing any more. What cannot be looked at (no fd is free, no
permission) is not gone: a live group must never be called empty.
"""

import errno
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from hammerd.daemon.process.platform import SYSTEM

FIRST_ID = 1
"""Ids below are the kernel's: 0, and on DragonFly -1 for each thread (docs/hammer.md 8.1)."""

CWD_TRIES = 5

REFUSALS = (psutil.Error, OSError, ValueError, RuntimeError, SystemError)
"""How psutil says that it cannot tell: NotImplementedError is a RuntimeError."""

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


def ids() -> list[int]:
    """Return the ids of all processes that may be asked about.

    Raises:
        OSError: the table cannot be read now.
    """
    try:
        return [pid for pid in psutil.pids() if pid >= FIRST_ID]
    except psutil.Error as error:
        raise PermissionError(f"the process table cannot be read: {error}") from error


def boot_time() -> float | None:
    """Return when this host was booted, by its wall clock; None where that cannot be told."""
    try:
        return psutil.boot_time()
    except REFUSALS:
        return None


@contextmanager
def asking(pid: int) -> Iterator[psutil.Process]:
    """Hand out a process to ask, and make one kind of all that psutil raises.

    Raises:
        ProcessLookupError: it is gone, or nothing but a zombie.
        OSError: it cannot tell now.
    """
    try:
        yield psutil.Process(pid)
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(f"pid {pid} is gone") from error
    except OSError:
        raise
    except REFUSALS as error:
        raise PermissionError(f"pid {pid} cannot be looked at: {error!r}") from error


def words_of(pid: int) -> tuple[str, ...]:
    """Return the command line of a process; no words when it is gone or cannot tell."""
    try:
        with asking(pid) as process:
            return tuple(process.cmdline())
    except OSError:
        return ()


def cwd_of(pid: int) -> str | None:
    """Return the directory that a process is in, None when it cannot be told."""
    with suppress(OSError), asking(pid) as process:
        return process.cwd() or None
    return _cwd_of_extension(pid)


def _cwd_of_extension(pid: int) -> str | None:
    """Ask the system call behind psutil, which is there on DragonFly although psutil refuses.

    Its room for the answer is a number that nobody set: it may fail for want of room and have
    enough of it at the next call (docs/hammer.md 8.1).
    """
    ask = getattr(getattr(getattr(psutil, "_psplatform", None), "cext", None), "proc_cwd", None)
    if ask is None:
        return None
    for _ in range(CWD_TRIES):
        try:
            return ask(pid) or None
        except OSError as error:
            if error.errno != errno.ENOMEM:
                return None
        except REFUSALS:
            return None
    return None


def ancestors_of(pid: int) -> Iterator[int]:
    """Yield the parent of a process, its parent, and so on, as far as can be told."""
    seen = {pid}
    while (above := _parent_of(pid)) is not None and above not in seen:
        yield above
        seen.add(above)
        pid = above


def members_of(pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
    """Return the members of each group, zombies included, the oldest first.

    A member of which nothing can be learnt counts as alive, as nobody's child.

    Raises:
        OSError: the table cannot be read now.
    """
    found: dict[int, list[Member]] = {pgid: [] for pgid in pgids}
    refusing: list[int] = []
    for pid in (pids := ids()):
        try:
            pgid = os.getpgid(pid)
        except ProcessLookupError:
            continue
        except OSError as error:
            refusing.append(pid)
            refusal = error
            continue
        if pgid in found and (member := _look_or_guess(pid)) is not None:
            found[pgid].append(member)
    if refusing and len(refusing) == len(pids):
        raise refusal
    for pgid, group in found.items():
        if refusing and not group and not is_gone(pgid):
            group += [_unseen(pid) for pid in refusing]
    return {
        pgid: tuple(sorted(group, key=lambda one: order(one.pid, one.started_time, pgid)))
        for pgid, group in found.items()
    }


def order(pid: int, started_time: float, pgid: int) -> tuple[bool, float, bool, int]:
    """Return what sorts the members of a group by age, its leader first.

    Where starts say nothing ids do, which count up; those below the leader's came after the
    highest one was used.
    """
    start = started_time if SYSTEM.starts_are_exact else 0.0
    return (pid != pgid, start, pid < pgid, pid)


def is_gone(pgid: int) -> bool:
    """Tell whether a group is gone for sure, by one system call; zombies may keep it."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def look_at(pid: int) -> Member | None:
    """Return what a pid is now, None when it is nothing.

    Raises:
        OSError: it is something, but cannot be looked at now.
    """
    try:
        with asking(pid) as process:
            return _member(process)
    except ProcessLookupError:
        return None


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


def _member(process: psutil.Process) -> Member:
    try:
        with process.oneshot():
            status, cpu = process.status(), process.cpu_times()
            return Member(
                process.pid,
                process.ppid(),
                process.create_time(),
                status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD),
                status == psutil.STATUS_STOPPED,
                cpu.user + cpu.system,
                os.getpgid(process.pid),
            )
    except psutil.ZombieProcess:
        return Member(process.pid, 0, 0.0, is_zombie=True)


def _look_or_guess(pid: int) -> Member | None:
    try:
        return look_at(pid)
    except OSError:
        return _unseen(pid)


def _unseen(pid: int) -> Member:
    return Member(pid, 0, 0.0, is_zombie=False)


def _parent_of(pid: int) -> int | None:
    try:
        with asking(pid) as process:
            ppid = process.ppid()
    except OSError:
        return None
    return ppid if ppid >= FIRST_ID else None
