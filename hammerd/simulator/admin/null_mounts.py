"""mount_null, umount, and a reboot that mounts what fstab names."""

import errno
import os
from pathlib import Path

from hammerd.simulator.admin.lookup import file_system_at
from hammerd.simulator.kernel import recovery
from hammerd.simulator.kernel.file_system import null_mounts
from hammerd.simulator.kernel.file_system.machine import file_systems
from hammerd.simulator.kernel.file_system.open_files import open_files
from hammerd.simulator.kernel.flush import sync
from hammerd.simulator.kernel.ioctls.pfs import build_slave_tree
from hammerd.simulator.utility.arguments.paths import open_pfs


def mount_null(pfs_link: Path, directory: Path) -> None:
    """Mount a PFS at a directory of its file system; a slave stays at its present TID.

    Raises:
        ValueError: the path is not the link of a PFS, or the directory not of its file system.
        OSError: nothing is mirrored to the slave yet, there is no such directory, or the
            directory or the PFS is mounted already.
    """
    pfs, info = open_pfs(str(pfs_link))
    mount_point = directory.resolve()
    if pfs.pfs_id == 0:
        raise ValueError(f"{pfs_link} is not the link of a PFS")
    for path in (pfs_link, directory):
        if not path.is_dir():
            code = errno.ENOTDIR if path.exists() else errno.ENOENT
            raise OSError(code, os.strerror(code), os.path.abspath(path))
    if not mount_point.is_relative_to(pfs.fs.root):
        raise ValueError(f"{mount_point} is not in {pfs.fs.root}, which the simulator needs")
    mounted = null_mounts.null_mounts(pfs.fs)
    inside = str(mount_point.relative_to(pfs.fs.root))
    if inside in mounted or pfs.pfs_id in mounted.values():
        raise OSError(errno.EBUSY, "Device busy")
    with pfs.fs.locked():
        copy = build_slave_tree(pfs, info) if info.is_slave else None
        null_mounts.mount(pfs.fs, pfs.pfs_id, str(mount_point), copy)


def unmount_null(directory: Path) -> None:
    """Unmount a null mount; the directory below it is visible again.

    Raises:
        OSError: nothing is mounted there, or a process is in it.
    """
    fs, place = file_system_at(directory), directory.resolve()
    pfs_id = null_mounts.null_mounts(fs).get(str(place.relative_to(fs.root)))
    if pfs_id is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(place))
    if any(file.pfs_id == pfs_id for file in open_files(fs)):
        raise OSError(errno.EBUSY, "Device busy", str(place))
    with fs.locked():
        null_mounts.unmount(fs, str(place))


def reboot(machine: Path, fstab: Path) -> list[str]:
    """Shut down and start again: null mounts end, and those that fstab names are mounted.

    End the processes that use the file systems first. Returns what could not be mounted.
    """
    for fs in file_systems(str(machine)):
        sync.synctid(fs) if fs.is_set("flush_steps") else sync.flush(fs)
        with fs.locked():
            for place in null_mounts.null_mounts(fs):
                null_mounts.unmount(fs, os.path.join(fs.root, place))
            recovery.forget_memory(fs)
            fs.publish_tid(fs.last_flush_tid())
    return mount_fstab(fstab)


def mount_fstab(fstab: Path) -> list[str]:
    """Mount the null mounts of an fstab that are not mounted; return those that failed."""
    failed = []
    for source, place in fstab_null_mounts(fstab):
        try:
            if not _is_mounted(place):
                mount_null(source, place)
        except (OSError, ValueError) as error:
            failed.append(f"{place}: {error}")
    return failed


def fstab_null_mounts(fstab: Path) -> list[tuple[Path, Path]]:
    """Return source and mount point of each null mount of an fstab that a start mounts."""
    lines = [line.split() for line in fstab.read_text().splitlines() if line[:1] != "#"]
    named = [words for words in lines if len(words) > 3 and words[2] == "null"]
    return [(Path(w[0]), Path(w[1])) for w in named if "noauto" not in w[3].split(",")]


def _is_mounted(place: Path) -> bool:
    fs = file_system_at(place)
    return str(place.resolve().relative_to(fs.root)) in null_mounts.null_mounts(fs)
