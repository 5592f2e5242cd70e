"""A small file system that a test may fill up and make read-only (Linux, root)."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """A mounted tmpfs."""

    path: Path

    def fill(self) -> None:
        """Fill the disk to the last byte."""
        with contextlib.suppress(OSError), (self.path / "ballast").open("ab", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass

    def free(self) -> None:
        (self.path / "ballast").unlink()

    def allow_writing(self, *, is_allowed: bool) -> None:
        option = "remount,rw" if is_allowed else "remount,ro"
        subprocess.run(["mount", "-o", option, str(self.path)], check=True)


@contextlib.contextmanager
def a_small_disk(path: Path, *, kib: int = 64) -> Iterator[SmallDisk]:
    """Make a directory and mount a small disk there; skip the test where that is not allowed."""
    path.mkdir()
    options = f"size={kib}k,nr_inodes=4096,mode=0755"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    is_linux = sys.platform == "linux"  # remounted and unmounted lazily nowhere else
    if (
        not is_linux
        or os.getuid() != 0
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs root and tmpfs of Linux")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a daemon of the test may still use it and is ended later.
        subprocess.run(["umount", "-l", str(path)], check=True)
