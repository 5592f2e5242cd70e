"""Files of the system are replaced whole, with a copy, and never over another change."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.files import BACKUP_SUFFIX, read_text, write_file
from hammerd.core.plans.steps import WriteFile
from tests.waiting import DEADLINE_S


def written(path: Path, expected_text: str | None, text: str = "new\n") -> str:
    return write_file(WriteFile(str(path), text, (), expected_text))


def test_old_text_mode_and_owner_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "fstab"
    path.write_bytes(b"old \xff\n")
    path.chmod(0o640)
    before = path.stat()

    backup = written(path, "old \udcff\n", "old \udcff\nnew\n")

    assert path.read_bytes() == b"old \xff\nnew\n"
    assert Path(backup).read_bytes() == b"old \xff\n"
    assert backup == f"{path}{BACKUP_SUFFIX}"
    after = path.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert sorted(os.listdir(tmp_path)) == ["fstab", f"fstab{BACKUP_SUFFIX}"]


def test_missing_file_is_made_without_a_copy(tmp_path: Path) -> None:
    assert written(tmp_path / "hammerd.toml", None) == ""
    assert (tmp_path / "hammerd.toml").read_text() == "new\n"


def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old\n")
    (tmp_path / "link").symlink_to("real")

    written(tmp_path / "link", "old\n")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new\n"


def test_two_writers_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "fstab"
    path.write_text("old\n")
    directory = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)

    with ThreadPoolExecutor(1) as threads:
        second = threads.submit(written, path, "old\n", "second\n")
        path.write_text("first\n")
        os.close(directory)
        with pytest.raises(CommandFailed, match="has changed"):
            second.result(DEADLINE_S)

    assert path.read_text() == "first\n"


def test_ends_of_lines_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "fstab"
    path.write_bytes(b"old\r\nlone\rline\n")
    text = read_text(str(path))
    assert text is not None

    written(path, text, f"{text}new\n")

    assert path.read_bytes() == b"old\r\nlone\rline\nnew\n"


def test_a_fifo_is_no_text_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fstab")

    with pytest.raises(CommandFailed, match="no regular file"):
        read_text(str(tmp_path / "fstab"))


@pytest.mark.parametrize("expected_text", ["other\n", None])
def test_file_that_has_changed_is_left_alone(tmp_path: Path, expected_text: str | None) -> None:
    path = tmp_path / "fstab"
    path.write_text("old\n")

    with pytest.raises(CommandFailed, match="has changed"):
        written(path, expected_text)
    assert path.read_text() == "old\n"
    assert os.listdir(tmp_path) == ["fstab"]
