"""mount_null and umount."""

from pathlib import Path

from hammerd.simulator.admin.lookup import file_system_at
from hammerd.simulator.kernel.file_system import null_mounts
from hammerd.simulator.kernel.ioctls.pfs import build_slave_tree
from hammerd.simulator.utility.arguments.paths import open_pfs


def mount_null(pfs_link: Path, directory: Path) -> None:
    """Mount a PFS at a directory of its file system; a slave stays at its present TID.

    Raises:
        ValueError: the path is no PFS link, or the directory is missing or mounted already.
    """
    pfs, info = open_pfs(str(pfs_link), is_peek=True)
    mount_point = directory.resolve()
    if pfs.pfs_id == 0 or (info.is_slave and not pfs_link.exists()):
        raise ValueError(f"{pfs_link} is not the link of a PFS that can be entered")
    mounted = null_mounts.null_mounts(pfs.fs)
    inside = mount_point.relative_to(pfs.fs.root)
    if not mount_point.is_dir() or str(inside) in mounted or pfs.pfs_id in mounted.values():
        raise ValueError(f"cannot mount {pfs_link} at {directory}: missing or mounted already")
    with pfs.fs.locked():
        copy = build_slave_tree(pfs, info) if info.is_slave else None
        null_mounts.mount(pfs.fs, pfs.pfs_id, str(mount_point), copy)


def unmount_null(directory: Path) -> None:
    """Unmount a null mount; the directory below it is visible again."""
    fs = file_system_at(directory)
    with fs.locked():
        null_mounts.unmount(fs, str(directory.resolve()))
