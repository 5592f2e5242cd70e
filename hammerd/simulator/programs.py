"""The programs beside hammer: newfs_hammer, mount_null, umount and sync.

Each checks the number of its arguments and calls one function of `admin`. A failure is a line on
stderr and status 1.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from hammerd.simulator import admin
from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY


def main() -> NoReturn:
    """Run the program that this process was started as."""
    name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
    program, usage, counts = _PROGRAMS[name]
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


_PROGRAMS: dict[str, tuple[Callable[[list[str]], None], str, range]] = {
    "newfs_hammer": (_newfs_hammer, "label directory [tid-base]", range(2, 4)),
    "mount_null": (_mount_null, "pfs-link directory", range(2, 3)),
    "umount": (_umount, "directory", range(1, 2)),
    "sync": (_sync, "[file-system-root ...]", range(1000)),
}
