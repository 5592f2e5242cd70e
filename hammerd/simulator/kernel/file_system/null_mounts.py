"""Null mounts: directories of a file system that show a master's live tree or a slave.

While mounted, the tree is renamed to the mount point and the directory that was there is moved
to the PFS's state directory, so the mount point is a real directory. A slave's tree is a copy
that stays at the TID that the slave had at the mount.
"""

import os

from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo, load_info, pfs_directory
from hammerd.simulator.kernel.file_system.pfs_links import LIVE, link_text
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.runtime import state_files

UNDERLYING = "underlying"


def null_mounts(fs: FileSystem) -> dict[str, int]:
    """Return the mount points, relative to the root, and the PFS of each."""
    # A link text ends with `:` and the id.
    return {place: int(source.rpartition(":")[2]) for place, source in sources(fs).items()}


def sources(fs: FileSystem) -> dict[str, str]:
    """Return the mount points and what is mounted there, `pfs/@@-1:00001`, as of the mount."""
    lines = os.fsdecode(state_files.read_or_empty(fs.path("mounts"))).splitlines()
    pairs = (line.split("\t", 1) for line in lines)
    return {place: source for source, place in pairs}


def _store(fs: FileSystem, mounts: dict[str, str]) -> None:
    lines = "".join(f"{source}\t{place}\n" for place, source in mounts.items())
    state_files.replace_file(fs.path("mounts"), os.fsencode(lines))


def mount(fs: FileSystem, pfs_id: int, directory: str, copy: str | None = None) -> None:
    """Mount a master, or the copy of a slave's tree, at a directory; call with the lock held."""
    mounts, own, info = sources(fs), pfs_directory(fs, pfs_id), load_info(fs, pfs_id)
    source = os.path.join(os.path.dirname(info.link), link_text(pfs_id, info))
    mounts[os.path.relpath(directory, fs.root)] = source
    live = os.path.join(own, LIVE)
    os.rename(directory, os.path.join(own, UNDERLYING))
    os.rename(copy or live, directory)
    _store(fs, mounts)
    if copy is None:
        state_files.replace_symlink(live, os.path.relpath(directory, own))


def live_mounts(fs: FileSystem, pfs_id: int) -> list[str]:
    """Return the mount points at which a PFS was mounted as a master."""
    live = link_text(pfs_id, PfsInfo())
    return [place for place, source in sources(fs).items() if os.path.basename(source) == live]


def leave(fs: FileSystem, pfs_id: int) -> None:
    """Leave the mount of a master that becomes a slave: it shows what it showed, for ever."""
    live = os.path.join(pfs_directory(fs, pfs_id), LIVE)
    if os.path.islink(live):
        os.unlink(live)


def unmount(fs: FileSystem, directory: str) -> None:
    """Unmount a null mount; call with the lock held."""
    place = os.path.relpath(directory, fs.root)
    own = pfs_directory(fs, null_mounts(fs)[place])
    mounts = sources(fs)
    del mounts[place]
    live, underlying = os.path.join(own, LIVE), os.path.join(own, UNDERLYING)
    if os.path.islink(live) and os.path.samefile(live, directory):
        os.unlink(live)
        os.rename(directory, live)
    else:
        state_files.remove_tree(directory)
    os.rename(underlying, directory)
    _store(fs, mounts)


def pfs_of(fs: FileSystem, real_path: str) -> int:
    """Return the PFS that holds a real path below the root."""
    words = os.path.relpath(real_path, fs.path("pfs")).split(os.sep)
    if words[0].isdigit():
        return int(words[0])
    inside = os.path.relpath(real_path, fs.root)
    for directory, pfs_id in null_mounts(fs).items():
        if inside == directory or inside.startswith(directory + os.sep):
            return pfs_id
    return 0
