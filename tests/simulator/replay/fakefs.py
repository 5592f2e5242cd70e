"""The recordings' helpers that create, mount and fill file systems (transcripts README 3).

`recorded_programs` installs them as programs, too, for helper lines of several commands.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel.file_system.pfs_info import load_info
from hammerd.simulator.kernel.file_system.pfs_links import live_path
from hammerd.simulator.kernel.file_system.volume import FileSystem


def new(root: Path, version: str, label: str) -> None:
    """Create an empty file system."""
    root.mkdir()
    admin.new_file_system(root, label, version=int(version))


def mount(root: Path, pfs_id: str, place: Path) -> None:
    """Mount a PFS at a directory."""
    place.mkdir(parents=True, exist_ok=True)
    info = load_info(FileSystem(str(root)), int(pfs_id))
    link = root / info.link
    if not info.is_slave and info.link:
        admin.mount_null(link, place)
    elif info.link:
        place.rmdir()
        place.symlink_to(link)


def write(root: Path, pfs_id: str, *numbers: str) -> int:
    """Write files to a PFS, also to the root or to a slave, which does not show them."""
    live = Path(live_path(FileSystem(str(root)), int(pfs_id)))
    if live.parent.is_dir() and not live.is_symlink():
        live.mkdir(exist_ok=True)
    return admin.write(root, int(pfs_id), *(int(number, 0) for number in numbers))


def run(name: str, words: list[str]) -> str:
    """Run one helper, whose first word is a directory, and return what it prints."""
    root, rest = Path(words[0]), words[1:]
    if name == "fakefs-new":
        new(root, rest[0], rest[1])
    elif name == "fakefs-mount":
        mount(root, rest[0], Path(rest[1]))
    else:
        return f"{write(root, *rest):#018x}\n"
    return ""


if __name__ == "__main__":
    sys.stdout.write(run(sys.argv[1], sys.argv[2:]))
