"""The programs beside hammer: newfs_hammer, mount_null, umount and sync.

Each checks the number of its arguments and calls one function of `admin`. A failure is a line on
stderr and status 1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def newfs_hammer() -> NoReturn:
    """Run `newfs_hammer LABEL DIRECTORY [TID_BASE]`."""
    _run("label directory [tid-base]", range(2, 4), _newfs_hammer)


def mount_null() -> NoReturn:
    """Run `mount_null PFS_LINK DIRECTORY`."""
    _run("pfs-link directory", range(2, 3), _mount_null)


def umount() -> NoReturn:
    """Run `umount DIRECTORY`."""
    _run("directory", range(1, 2), _umount)


def sync() -> NoReturn:
    """Run `sync [ROOT ...]`."""
    _run("[file-system-root ...]", range(1000), _sync)


def _run(usage: str, counts: range, program: Callable[[list[str]], None]) -> NoReturn:
    name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
    if len(words) not in counts:
        sys.exit(f"usage: {name} {usage}")
    try:
        program(words)
    except (OSError, ValueError) as error:
        sys.exit(f"{name}: {error}")
    sys.exit(0)


def _newfs_hammer(words: list[str]) -> None:
    directory = Path(words[1])
    directory.mkdir(parents=True, exist_ok=True)
    tid_base = int(words[2], 0) if len(words) > 2 else 0x100000000
    admin.new_file_system(directory, words[0], tid_base=tid_base)


def _mount_null(words: list[str]) -> None:
    admin.mount_null(Path(words[0]), Path(words[1]))


def _umount(words: list[str]) -> None:
    directory = Path(words[0])
    if (directory / STATE_DIRECTORY).is_dir():
        admin.unmount(directory)
    else:
        admin.unmount_null(directory)


def _sync(words: list[str]) -> None:
    for root in [Path(word) for word in words] or _file_systems_beside(sys.argv[0]):
        admin.flush(root)


def _file_systems_beside(program: str) -> list[Path]:
    """Find the file systems beside the programs' directory: no list of mounts exists here."""
    parent = Path(program).resolve().parent.parent
    return sorted(path.parent for path in parent.glob(f"*/{STATE_DIRECTORY}"))
