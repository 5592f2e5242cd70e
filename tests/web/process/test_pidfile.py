"""The pid file: one holder, and no way to change it for a process without rights."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from hammerd.core.errors import HammerdError
from hammerd.web.process.pidfile import hold_pid_file


def descriptors_of(path: Path) -> list[int]:
    """Return the descriptors of this process for a file."""
    wanted, found = path.stat(), []
    for fd in range(3, 256):
        try:
            has = os.fstat(fd)
        except OSError:
            continue
        if (has.st_dev, has.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(fd)
    return found


def test_it_holds_the_pid_and_no_descriptor_to_write(tmp_path: Path) -> None:
    path = tmp_path / "web.pid"
    path.write_text("a longer text of an earlier one\n")

    hold_pid_file(str(path))

    (fd,) = descriptors_of(path)
    assert path.read_text() == f"{os.getpid()}\n"
    assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    with pytest.raises(HammerdError, match="already running"):
        hold_pid_file(str(path))
    for each in descriptors_of(path):
        os.close(each)


def test_no_link_is_followed(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "web.pid"
    other.write_text("mine\n")
    path.symlink_to(other)

    with pytest.raises(HammerdError, match=os.strerror(errno.ELOOP)):
        hold_pid_file(str(path))
    path.unlink()
    path.hardlink_to(other)
    with pytest.raises(HammerdError, match="no pid file of hammerd"):
        hold_pid_file(str(path))

    assert other.read_text() == "mine\n"


def test_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(HammerdError, match=f"cannot write {tmp_path}/no/web.pid: No such file"):
        hold_pid_file(f"{tmp_path}/no/web.pid")
