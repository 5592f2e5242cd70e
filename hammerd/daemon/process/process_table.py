"""Reads the process table: members of process groups, command lines, parents.

    process_ids(): one system call ── getpgid() of each ── querying(): only relevant processes

All queries about processes go through this module, because each of them may fail in its own way:
psutil refuses ids that the kernel lists (DragonFly: -1 for each kernel thread), raises errors that
are no psutil.Error, and a process may exit between two queries. No single process ends a scan.

A zombie does not count as a living member: it holds no resources any more. A process that cannot
be read (no fd is free, no permission) counts as alive: a live group must never be called empty.
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
"""The errors that psutil raises when it has no answer: NotImplementedError is a RuntimeError."""

SAME_START_S = 2.0
"""The most that two readings of one start differ: psutil adds it to a boot time that moves."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process of a group; its pid and its start (`started_time`, wall clock) identify it."""

    pid: int
    ppid: int
    started_time: float
    is_zombie: bool
    is_stopped: bool = False
    cpu_s: float = 0.0
    pgid: int = 0


def process_ids() -> list[int]:
    """Return the pids of all processes but the kernel's threads.

    Raises:
        OSError: the table cannot be read now.
    """
    try:
        return [pid for pid in psutil.pids() if pid >= FIRST_ID]
    except psutil.Error as error:
        raise PermissionError(f"the process table cannot be read: {error}") from error


def boot_time() -> float | None:
    """Return the time of this host's boot, by its wall clock; None where psutil has no answer."""
    try:
        return psutil.boot_time()
    except REFUSALS:
        return None


@contextmanager
def querying(pid: int) -> Iterator[psutil.Process]:
    """Yield a process for queries, and turn all errors of psutil into OSErrors.

    Raises:
        ProcessLookupError: it has exited, or is only a zombie.
        OSError: it cannot be read now.
    """
    try:
        yield psutil.Process(pid)
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(f"pid {pid} is gone") from error
    except OSError:
        raise
    except REFUSALS as error:
        raise PermissionError(f"pid {pid} cannot be looked at: {error!r}") from error


def argv_of(pid: int) -> tuple[str, ...]:
    """Return the command line of a process; empty if it has exited or cannot be read."""
    with suppress(OSError), querying(pid) as process:
        return tuple(process.cmdline())
    return ()


def cwd_of(pid: int) -> str | None:
    """Return the working directory of a process, None if it cannot be read."""
    with suppress(OSError), querying(pid) as process:
        return process.cwd() or None
    return _cwd_of_extension(pid)


def _cwd_of_extension(pid: int) -> str | None:
    """Call psutil's C function, which works on DragonFly although psutil refuses.

    The size of its buffer is an uninitialized number: a call may fail with ENOMEM and the next
    one succeed (docs/hammer.md 8.1).
    """
    extension = getattr(getattr(psutil, "_psplatform", None), "cext", None)
    proc_cwd = getattr(extension, "proc_cwd", None)
    if proc_cwd is None:
        return None
    for _ in range(CWD_TRIES):
        try:
            return proc_cwd(pid) or None
        except OSError as error:
            if error.errno != errno.ENOMEM:
                return None
        except REFUSALS:
            return None
    return None


def ancestors_of(pid: int) -> Iterator[int]:
    """Yield the parent of a process, its parent, and so on, as far as they can be read."""
    seen = {pid}
    while (parent := _parent_of(pid)) is not None and parent not in seen:
        yield parent
        seen.add(parent)
        pid = parent


def members_of(pgids: Collection[int]) -> Mapping[int, tuple[Member, ...]]:
    """Return the members of each group, zombies included, the oldest first.

    A member that cannot be read counts as alive, with ppid 0.

    Raises:
        OSError: the table cannot be read now.
    """
    found: dict[int, list[Member]] = {pgid: [] for pgid in pgids}
    refusing: list[int] = []
    for pid in (pids := process_ids()):
        try:
            pgid = os.getpgid(pid)
        except ProcessLookupError:
            continue
        except OSError as error:
            refusing.append(pid)
            refusal = error
            continue
        if pgid in found and (member := _read_or_assume(pid)) is not None:
            found[pgid].append(member)
    if refusing and len(refusing) == len(pids):
        raise refusal
    for pgid, group in found.items():
        if refusing and not group and not is_group_missing(pgid):
            group += [_assumed(pid) for pid in refusing]
    return {
        pgid: tuple(sorted(group, key=lambda member: order(member.pid, member.started_time, pgid)))
        for pgid, group in found.items()
    }


def order(pid: int, started_time: float, pgid: int) -> tuple[bool, float, bool, int]:
    """Return a key that sorts the members of a group by age, its leader first.

    Where starts are not exact, pids decide, which count up; a pid below the leader's is younger,
    as the count wrapped around.
    """
    start = started_time if SYSTEM.starts_are_exact else 0.0
    return (pid != pgid, start, pid < pgid, pid)


def is_group_missing(pgid: int) -> bool:
    """Return whether a group has certainly no member, by one system call; a zombie may count."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def read_member(pid: int) -> Member | None:
    """Return the process that has a pid now, None when none has it.

    Raises:
        OSError: a process has it, but cannot be read now.
    """
    try:
        with querying(pid) as process:
            return _member(process)
    except ProcessLookupError:
        return None


def read_member_or_none(pid: int) -> Member | None:
    """Return the process that has a pid now, None when none has it or it cannot be read."""
    with suppress(OSError):
        return read_member(pid)
    return None


def is_dead(half: Member) -> bool:
    """Return whether a process that was read before has exited; its pid may be another's now.

    Raises:
        OSError: it cannot be read now.
    """
    now = read_member(half.pid)
    return now is None or now.is_zombie or not is_same_process(half, now)


def is_same_process(earlier: Member, now: Member) -> bool:
    """Return whether two readings of one pid of a group of ours are of the same process.

    `started_time` moves when the wall clock is stepped on a system that counts it from its boot.
    No other group can have the group's id while we have not reaped its leader.
    """
    is_in_group = earlier.pgid == now.pgid != 0
    return is_in_group or abs(earlier.started_time - now.started_time) <= SAME_START_S


def living(members: Collection[Member]) -> tuple[Member, ...]:
    """Return the members that are not zombies."""
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


def _read_or_assume(pid: int) -> Member | None:
    try:
        return read_member(pid)
    except OSError:
        return _assumed(pid)


def _assumed(pid: int) -> Member:
    return Member(pid, 0, 0.0, is_zombie=False)


def _parent_of(pid: int) -> int | None:
    with suppress(OSError), querying(pid) as process:
        return ppid if (ppid := process.ppid()) >= FIRST_ID else None
    return None
