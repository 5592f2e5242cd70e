"""newfs_hammer: makes a directory an empty HAMMER file system."""

from __future__ import annotations

from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.programs.answering import end_with


def main() -> None:
    """Run `newfs_hammer LABEL DIRECTORY [TID_BASE]`."""
    end_with("label directory [tid-base]", range(2, 4), _run)


def _run(words: list[str]) -> None:
    directory = Path(words[1])
    directory.mkdir(parents=True, exist_ok=True)
    tid_base = int(words[2], 0) if len(words) > 2 else 0x100000000
    admin.new_file_system(directory, words[0], tid_base=tid_base)
