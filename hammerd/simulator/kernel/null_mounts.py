"""Null mounts: which directories of a file system show a master's live tree or a slave.

While mounted, the tree is renamed into the directory's place and the directory that was there is
kept aside, so the mount point is a real directory and nothing is looked up twice. A slave's is a
tree of its own: it shows the TID that the slave had at the mount, for ever.
"""

from __future__ import annotations

import os

from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.pfs_info import pfs_directory
from hammerd.simulator.kernel.pfs_links import LIVE
from hammerd.simulator.kernel.state_files import (
    read_bytes,
    remove_tree,
    replace_file,
    replace_symlink,
)

UNDERLYING = "underlying"


def null_mounts(fs: FileSystem) -> dict[str, int]:
    """Return the mounted directories, seen from the root, and the PFS that each shows."""
    try:
        lines = os.fsdecode(read_bytes(fs.path("mounts"))).splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split(" ", 1) for line in lines)
    return {directory: int(pfs_id) for pfs_id, directory in pairs}


def _store(fs: FileSystem, mounts: dict[str, int]) -> None:
    lines = "".join(f"{pfs_id} {directory}\n" for directory, pfs_id in mounts.items())
    replace_file(fs.path("mounts"), os.fsencode(lines))


def mount(fs: FileSystem, pfs_id: int, directory: str) -> None:
    """Show the live tree of a master at a real directory below the root; under the lock."""
    own = pfs_directory(fs, pfs_id)
    live = os.path.join(own, LIVE)
    _put(fs, pfs_id, live, directory)
    replace_symlink(live, os.path.relpath(directory, own))


def mount_slave(fs: FileSystem, pfs_id: int, tree: str, directory: str) -> None:
    """Show a tree that was made of a slave at a real directory below the root; under the lock."""
    _put(fs, pfs_id, tree, directory)


def _put(fs: FileSystem, pfs_id: int, tree: str, directory: str) -> None:
    mounts = null_mounts(fs)
    mounts[os.path.relpath(directory, fs.root)] = pfs_id
    os.rename(directory, os.path.join(pfs_directory(fs, pfs_id), UNDERLYING))
    os.rename(tree, directory)
    _store(fs, mounts)


def unmount(fs: FileSystem, directory: str) -> None:
    """Show again what is below a null mount; call with the lock held."""
    mounts = null_mounts(fs)
    own = pfs_directory(fs, mounts.pop(os.path.relpath(directory, fs.root)))
    live, underlying = os.path.join(own, LIVE), os.path.join(own, UNDERLYING)
    if os.path.islink(live) and os.path.samefile(live, directory):
        os.unlink(live)
        os.rename(directory, live)
    else:
        remove_tree(directory)
    os.rename(underlying, directory)
    _store(fs, mounts)


def pfs_of(fs: FileSystem, real_path: str) -> int:
    """Return which PFS a real path below the root lives in."""
    words = os.path.relpath(real_path, fs.path("pfs")).split(os.sep)
    if words[0].isdigit():
        return int(words[0])
    inside = os.path.relpath(real_path, fs.root)
    for directory, pfs_id in null_mounts(fs).items():
        if inside == directory or inside.startswith(directory + os.sep):
            return pfs_id
    return 0
