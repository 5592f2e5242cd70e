"""What cannot be looked at is alive: a live group must never be called empty."""

import asyncio
import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from hammerd.daemon.foreign.slave_writers import writers
from hammerd.daemon.process.process_table import (
    ancestors_of,
    cwd_of,
    ids,
    is_dead,
    is_gone,
    living,
    look_at,
    members_of,
    words_of,
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
def unseeable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_pid: int) -> None:
        raise request.param

    monkeypatch.setattr(psutil, "Process", fail)


@pytest.mark.usefixtures("unseeable")
def test_member_that_cannot_be_looked_at_is_alive(group: int) -> None:
    assert [member.pid for member in living(members_of({group})[group])] == [group]


@pytest.mark.usefixtures("unseeable")
def test_process_that_cannot_be_looked_at_is_not_called_gone(group: int) -> None:
    with pytest.raises(OSError, match=r"."):
        look_at(group)


def test_table_that_cannot_be_read_is_not_called_empty(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_pid: int) -> int:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "getpgid", fail)

    with pytest.raises(PermissionError):
        members_of({group})


def test_process_is_the_same_though_the_boot_time_moved(group: int) -> None:
    seen = look_at(group)
    assert seen is not None

    seen_otherwise = replace(seen, started_time=seen.started_time - 1.0)

    assert not is_dead(seen_otherwise)


def test_step_of_the_wall_clock_kills_no_member_of_a_group_of_ours(group: int) -> None:
    seen = look_at(group)
    assert seen is not None

    before_the_step = replace(seen, started_time=seen.started_time - 3600.0)

    assert not is_dead(before_the_step)
    assert is_dead(replace(before_the_step, pgid=os.getpgid(0)))


def test_pid_of_nobody_is_nothing(group: int) -> None:
    os.kill(group, 9)
    os.waitpid(group, 0)

    assert look_at(group) is None


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
    """A process beside all others of which psutil raises whatever it likes."""
    with subprocess.Popen(["sleep", "4716"], start_new_session=True) as process:
        real = psutil.Process.__init__

        def look(self: psutil.Process, pid: int | None = None) -> None:
            if pid == process.pid:
                raise request.param
            real(self, pid)

        monkeypatch.setattr(psutil.Process, "__init__", look)
        yield process.pid
        process.kill()


def written() -> list[str]:
    async def look() -> list[str]:
        return [writer.operand async for writer in writers()]

    return asyncio.run(look())


def test_one_odd_process_hides_no_other(group: int, odd: int) -> None:
    words = ("sh", "-c", "read it", "hammer", "mirror-write", "/Backup2/pfs/odd")
    with subprocess.Popen(words, stdin=subprocess.PIPE) as writer:
        until(lambda: words_of(writer.pid) == words, "it runs")
        assert "/Backup2/pfs/odd" in written()

    assert [member.pid for member in members_of({group})[group]] == [group]
    assert (words_of(odd), list(ancestors_of(odd))) == ((), [])


def test_kernel_threads_are_not_asked(group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """DragonFly lists each as -1; asked for its group, -1 would be ESRCH, 0 our own group."""
    real = psutil.pids()
    monkeypatch.setattr(psutil, "pids", lambda: [-1, -1, -1, 0, *real])

    assert min(ids()) >= 1
    assert os.getpid() in [member.pid for member in members_of({os.getpgid(0)})[os.getpgid(0)]]
    assert [member.pid for member in members_of({group})[group]] == [group]
    assert isinstance(written(), list)


def test_scan_asks_a_stranger_for_nothing_but_its_group(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    real = psutil.Process.__init__

    def look(self: psutil.Process, pid: int | None = None) -> None:
        asked.append(pid)
        real(self, pid)

    monkeypatch.setattr(psutil.Process, "__init__", look)
    with contextlib.ExitStack() as strangers:
        for _ in range(30):
            stranger = subprocess.Popen(["sleep", "4717"], start_new_session=True)
            strangers.callback(stranger.wait)
            strangers.callback(stranger.kill)
        members_of({group})

    assert set(asked) == {group}


def test_group_that_is_gone_is_known_without_a_scan(group: int) -> None:
    assert not is_gone(group)

    os.kill(group, 9)
    os.waitpid(group, 0)

    assert is_gone(group)


def refuse(monkeypatch: pytest.MonkeyPatch, *pids: int) -> None:
    real = os.getpgid

    def getpgid(pid: int) -> int:
        if pid in pids:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return real(pid)

    monkeypatch.setattr(os, "getpgid", getpgid)


def test_process_that_refuses_its_group_keeps_no_group_alive(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, os.getppid())
    assert [member.pid for member in members_of({group})[group]] == [group]

    os.kill(group, 9)
    os.waitpid(group, 0)

    assert members_of({group}) == {group: ()}


def test_group_whose_members_all_refuse_is_not_called_empty(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, group)

    assert [member.pid for member in living(members_of({group})[group])] == [group]


def test_ancestors_end_where_the_kernel_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """On DragonFly the parent of 0 is -1, which nothing may be asked about."""
    assert list(ancestors_of(os.getpid()))[-1] == 1 or os.getppid() == 0
    monkeypatch.setattr(psutil.Process, "ppid", lambda _self: -1)
    assert list(ancestors_of(os.getpid())) == []


def test_directory_of_a_process_is_told_where_psutil_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_self: psutil.Process) -> str:
        raise NotImplementedError

    monkeypatch.setattr(psutil.Process, "cwd", refuse)
    cext = psutil._psplatform.cext  # type: ignore[attr-defined]
    monkeypatch.delattr(cext, "proc_cwd", raising=False)
    assert cwd_of(os.getpid()) is None

    of_the_extension = {os.getpid(): "/Backup2/pfs"}
    monkeypatch.setattr(cext, "proc_cwd", of_the_extension.__getitem__, raising=False)
    assert cwd_of(os.getpid()) == "/Backup2/pfs"


def test_directory_is_asked_for_again_where_the_extension_had_no_room_for_it(
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
