"""mount_null: shows the live tree of a master at a directory."""

from __future__ import annotations

from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.programs.answering import end_with


def main() -> None:
    """Run `mount_null PFS_LINK DIRECTORY`."""
    end_with("pfs-link directory", range(2, 3), _run)


def _run(words: list[str]) -> None:
    admin.mount_null(Path(words[0]), Path(words[1]))
