"""umount: takes away a null mount, or a whole file system when its root is named."""

from __future__ import annotations

from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel.file_system import STATE_DIRECTORY
from hammerd.simulator.programs.answering import end_with


def main() -> None:
    """Run `umount DIRECTORY`."""
    end_with("directory", range(1, 2), _run)


def _run(words: list[str]) -> None:
    directory = Path(words[0])
    if (directory / STATE_DIRECTORY).is_dir():
        admin.unmount(directory)
    else:
        admin.unmount_null(directory)
