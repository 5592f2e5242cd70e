"""A process that cannot be read counts as alive: a live group never counts as empty."""

import asyncio
import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from hammerd.daemon.foreign.slave_writers import find_writers
from hammerd.daemon.process.process_table import (
    ancestors_of,
    argv_of,
    cwd_of,
    is_dead,
    is_group_missing,
    living,
    members_of,
    process_ids,
    read_member,
)
from tests.waiting import until


@pytest.fixture
def group() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "4715"], start_new_session=True)
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture(
    params=[OSError(errno.EMFILE, "Too many open files"), psutil.AccessDenied(1)], ids=repr
)
def unreadable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pid: int) -> None:
        raise request.param

    monkeypatch.setattr(psutil, "Process", fail)


@pytest.mark.usefixtures("unreadable")
def test_member_that_cannot_be_read_is_alive(group: int) -> None:
    assert [member.pid for member in living(members_of({group})[group])] == [group]


@pytest.mark.usefixtures("unreadable")
def test_process_that_cannot_be_read_does_not_count_as_exited(group: int) -> None:
    with pytest.raises(OSError, match=r"."):
        read_member(group)


def test_table_that_cannot_be_read_does_not_count_as_empty(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_pid: int) -> int:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "getpgid", fail)

    with pytest.raises(PermissionError):
        members_of({group})


def test_process_is_the_same_though_the_boot_time_moved(group: int) -> None:
    member = read_member(group)
    assert member is not None

    another_reading = replace(member, started_time=member.started_time - 1.0)

    assert not is_dead(another_reading)


def test_step_of_the_wall_clock_kills_no_member_of_a_group_of_ours(group: int) -> None:
    member = read_member(group)
    assert member is not None

    before_the_step = replace(member, started_time=member.started_time - 3600.0)

    assert not is_dead(before_the_step)
    assert is_dead(replace(before_the_step, pgid=os.getpgid(0)))


def test_free_pid_has_no_member(group: int) -> None:
    os.kill(group, 9)
    os.waitpid(group, 0)

    assert read_member(group) is None


ODD_ANSWERS = (
    ValueError("pid must be a positive integer"),
    NotImplementedError("platform not supported"),
    psutil.NoSuchProcess(1),
    psutil.ZombieProcess(1),
    psutil.AccessDenied(1),
    OSError(errno.EIO, "Input/output error"),
    SystemError("error return without exception set"),
)


@pytest.fixture(params=ODD_ANSWERS, ids=repr)
def odd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process for which psutil raises one of many errors."""
    with subprocess.Popen(["sleep", "4716"], start_new_session=True) as process:
        real = psutil.Process.__init__

        def init(self: psutil.Process, pid: int | None = None) -> None:
            if pid == process.pid:
                raise request.param
            real(self, pid)

        monkeypatch.setattr(psutil.Process, "__init__", init)
        yield process.pid
        process.kill()


def written_slaves() -> list[str]:
    async def read() -> list[str]:
        return [writer.operand async for writer in find_writers()]

    return asyncio.run(read())


def test_error_of_one_process_hides_no_other(group: int, odd: int) -> None:
    words = ("sh", "-c", "read it", "hammer", "mirror-write", "/Backup2/pfs/odd")
    with subprocess.Popen(words, stdin=subprocess.PIPE) as writer:
        until(lambda: argv_of(writer.pid) == words, "it runs")
        assert "/Backup2/pfs/odd" in written_slaves()

    assert [member.pid for member in members_of({group})[group]] == [group]
    assert (argv_of(odd), list(ancestors_of(odd))) == ((), [])


def test_kernel_threads_are_not_queried(group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """DragonFly lists each as -1; getpgid(-1) fails with ESRCH, getpgid(0) is our own group."""
    real = psutil.pids()
    monkeypatch.setattr(psutil, "pids", lambda: [-1, -1, -1, 0, *real])

    assert min(process_ids()) >= 1
    assert os.getpid() in [member.pid for member in members_of({os.getpgid(0)})[os.getpgid(0)]]
    assert [member.pid for member in members_of({group})[group]] == [group]
    assert isinstance(written_slaves(), list)


def test_scan_reads_nothing_but_the_group_of_a_foreign_process(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    queried: list[int | None] = []
    real = psutil.Process.__init__

    def init(self: psutil.Process, pid: int | None = None) -> None:
        queried.append(pid)
        real(self, pid)

    monkeypatch.setattr(psutil.Process, "__init__", init)
    with contextlib.ExitStack() as processes:
        for _ in range(30):
            foreign = subprocess.Popen(["sleep", "4717"], start_new_session=True)
            processes.callback(foreign.wait)
            processes.callback(foreign.kill)
        members_of({group})

    assert set(queried) == {group}


def test_missing_group_is_found_without_a_scan(group: int) -> None:
    assert not is_group_missing(group)

    os.kill(group, 9)
    os.waitpid(group, 0)

    assert is_group_missing(group)


def refuse(monkeypatch: pytest.MonkeyPatch, *pids: int) -> None:
    real = os.getpgid

    def getpgid(pid: int) -> int:
        if pid in pids:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(pid)

    monkeypatch.setattr(os, "getpgid", getpgid)


def test_process_with_an_unreadable_group_keeps_no_group_alive(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, os.getppid())
    assert [member.pid for member in members_of({group})[group]] == [group]

    os.kill(group, 9)
    os.waitpid(group, 0)

    assert members_of({group}) == {group: ()}


def test_group_whose_members_are_all_unreadable_does_not_count_as_empty(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, group)

    assert [member.pid for member in living(members_of({group})[group])] == [group]


def test_ancestors_end_where_the_kernel_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """On DragonFly the parent of 0 is -1, which no query accepts."""
    assert list(ancestors_of(os.getpid()))[-1] == 1 or os.getppid() == 0
    monkeypatch.setattr(psutil.Process, "ppid", lambda _self: -1)
    assert list(ancestors_of(os.getpid())) == []


def test_directory_of_a_process_is_read_where_psutil_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_self: psutil.Process) -> str:
        raise NotImplementedError

    monkeypatch.setattr(psutil.Process, "cwd", refuse)
    cext = psutil._psplatform.cext  # type: ignore[attr-defined]
    monkeypatch.delattr(cext, "proc_cwd", raising=False)
    assert cwd_of(os.getpid()) is None

    directories = {os.getpid(): "/Backup2/pfs"}
    monkeypatch.setattr(cext, "proc_cwd", directories.__getitem__, raising=False)
    assert cwd_of(os.getpid()) == "/Backup2/pfs"


def test_directory_is_read_again_after_enomem_directories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = iter([OSError(errno.ENOMEM, "Cannot allocate memory")] * 2)

    def refuse(_self: psutil.Process) -> str:
        raise NotImplementedError

    def proc_cwd(_pid: int) -> str:
        for failure in failures:
            raise failure
        return "/Backup2/pfs"

    monkeypatch.setattr(psutil.Process, "cwd", refuse)
    cext = psutil._psplatform.cext  # type: ignore[attr-defined]
    monkeypatch.setattr(cext, "proc_cwd", proc_cwd, raising=False)

    assert cwd_of(os.getpid()) == "/Backup2/pfs"
