"""Never two hammerds with one directory, whatever starts and exits in between."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.core.errors import AlreadyRunning
from hammerd.daemon.service.pidfile import PidFile
from tests.daemon.small_disk import SmallDisk, a_small_disk


def test_pid_file_holds_our_pid_and_is_deleted_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "hammerd.pid"

    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(AlreadyRunning, match=f"as pid {os.getpid()} "):
            PidFile(path)

    assert not path.exists()


@pytest.mark.parametrize("times", [1, 3])
def test_file_deleted_between_open_and_lock_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    path = tmp_path / "hammerd.pid"
    real, remaining = fcntl.flock, times

    def flock_after_delete(fd: int, how: int) -> None:
        nonlocal remaining
        if remaining:
            remaining -= 1
            path.unlink()
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", flock_after_delete)

    with PidFile(path):
        assert path.read_text() == f"{os.getpid()}\n"
        with pytest.raises(AlreadyRunning):
            PidFile(path)


def test_file_that_another_hammerd_replaced_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hammerd.pid"
    real = fcntl.flock
    others: list[PidFile] = []

    def flock_after_replacement(fd: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        path.unlink()
        others.append(PidFile(path))
        real(fd, how)

    monkeypatch.setattr(fcntl, "flock", flock_after_replacement)

    with pytest.raises(AlreadyRunning):
        PidFile(path)

    assert path.exists()
    others[0].__exit__()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with a_small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.mark.parametrize("is_present", [True, False])
def test_lock_alone_is_taken_on_a_read_only_disk(disk: SmallDisk, is_present: bool) -> None:
    path = disk.path / "hammerd.lock"
    if is_present:
        path.touch()
    disk.allow_writing(is_allowed=False)

    with PidFile(path, is_lock_only=True), pytest.raises(AlreadyRunning):
        PidFile(path, is_lock_only=True)
    with pytest.raises(OSError, match="Read-only"):
        PidFile(path)


def test_lock_alone_is_taken_on_a_full_disk(disk: SmallDisk) -> None:
    path = disk.path / "hammerd.lock"
    disk.fill()

    with PidFile(path, is_lock_only=True), pytest.raises(AlreadyRunning):
        PidFile(path, is_lock_only=True)
    with pytest.raises(OSError, match="No space left"):
        PidFile(path)
    assert not path.exists()
