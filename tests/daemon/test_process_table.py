"""What cannot be looked at is alive: a live group must never be called empty."""

import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from hammerd.daemon.process_table import is_dead, living, look_at, members_of


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
