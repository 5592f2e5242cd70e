"""A file that two threads save at once, or for which the disk has no space."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hammerd.daemon.state import atomic_file
from tests.daemon.small_disk import a_small_disk


class SlowOs:
    """The os module, but with an fsync that hangs in one thread until the gate is open."""

    def __init__(self) -> None:
        self.slow: threading.Thread | None = None
        self.is_reached, self.gate = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def fsync(self, fd: int) -> None:
        if threading.current_thread() is self.slow:
            self.is_reached.set()
            self.gate.wait(60)
        os.fsync(fd)


@contextmanager
def slow_save(path: Path, text: str, slow: SlowOs) -> Iterator[None]:
    """Save a text on a thread whose fsync hangs within the block."""
    slow.slow = threading.Thread(target=atomic_file.replace, args=(path, (text,)))
    slow.slow.start()
    assert slow.is_reached.wait(60)
    yield
    slow.gate.set()
    slow.slow.join(60)


def test_save_that_hung_does_not_replace_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow = tmp_path / "state.json", SlowOs()
    monkeypatch.setattr(atomic_file, "os", slow)

    with slow_save(path, "earlier", slow):
        atomic_file.replace(path, ("later",))
        assert path.read_text() == "later"

    assert path.read_text() == "later"
    assert os.listdir(tmp_path) == ["state.json"]


def test_two_saves_at_once_write_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow = tmp_path / "state.json", SlowOs()
    monkeypatch.setattr(atomic_file, "os", slow)

    def pieces() -> Iterator[str]:
        yield "lat"
        # The first save finishes while this one is half written.
        slow.gate.set()
        assert slow.slow is not None
        slow.slow.join(60)
        assert path.read_text() == "earlier"
        yield "er"

    with slow_save(path, "earlier", slow):
        atomic_file.replace(path, pieces())

    assert path.read_text() == "later"
    assert os.listdir(tmp_path) == ["state.json"]


def test_failed_save_on_a_full_disk_leaves_no_partial_file(tmp_path: Path) -> None:
    with a_small_disk(tmp_path / "disk") as disk:
        path = disk.path / "12.json"
        atomic_file.replace_soon(path, "old")
        disk.fill()

        with pytest.raises(OSError, match="No space"):
            atomic_file.replace_soon(path, "new" * 5000)

        assert path.read_text() == "old"
        assert not path.with_name("12.json.new").exists()
