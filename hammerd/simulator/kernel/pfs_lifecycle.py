"""Makes, turns and destroys PFSs: the steps behind pfs-master, -slave, -upgrade and the rest.

Each function takes the file system's lock and flushes as often as the recordings show. None of
them asks anybody anything.
"""

from __future__ import annotations

import errno
import os

from hammerd.simulator.kernel import durability, null_mounts, pfs_links, trees
from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.ioctls import LOOKED, OpenPfs, show_pfs, stored_tid
from hammerd.simulator.kernel.live_tree import Inodes
from hammerd.simulator.kernel.manifest import Attributes, Manifest
from hammerd.simulator.kernel.pfs_info import (
    PfsInfo,
    load_info,
    pfs_directory,
    pfs_ids,
    store_info,
)
from hammerd.simulator.kernel.records import INODE, ROOT_OBJECT, Record
from hammerd.simulator.kernel.state_files import remove_tree, replace_symlink, unlink_if_there

ROOT_MODE = 0o40755


def first_free_id(fs: FileSystem) -> int:
    """Return the id that the next PFS gets."""
    taken = set(pfs_ids(fs))
    return next(pfs_id for pfs_id in range(len(taken) + 1) if pfs_id not in taken)


def create(fs: FileSystem, pfs_id: int, info: PfsInfo) -> None:
    """Make a PFS, a master with a root inode; its link comes with `link`."""
    OpenPfs(fs, pfs_id).enter("SET_PSEUDOFS")
    fs.check_writable()
    with fs.locked():
        pfs = OpenPfs(fs, pfs_id)
        os.makedirs(pfs_directory(fs, pfs_id), exist_ok=True)
        if not info.is_slave:
            _create_root(pfs)
        store_info(fs, pfs_id, info)
        fs.move_tid()


def _create_root(pfs: OpenPfs) -> None:
    root = Record(ROOT_OBJECT, INODE, 0, pfs.fs.move_tid())
    live = pfs_links.live_path(pfs.fs, pfs.pfs_id)
    os.mkdir(live, 0o755)
    mtime_ns = os.lstat(live).st_mtime_ns
    attributes = Attributes(ROOT_MODE, os.geteuid(), os.getegid(), mtime_ns, 0)
    pfs.store().append_with_data([(root, attributes.to_data())], [])


def link(fs: FileSystem, pfs_id: int, path: str) -> None:
    """Make the symlink of a new PFS at a real path; OSError when that cannot be."""
    fs.check_writable()
    with fs.locked():
        info = load_info(fs, pfs_id)
        os.symlink(pfs_links.link_text(pfs_id, info), path)
        info.link = os.path.relpath(path, fs.root)
        store_info(fs, pfs_id, info)
        pfs_links.refresh_link(fs, pfs_id, info)
        fs.move_tid()


def upgrade(pfs: OpenPfs) -> None:
    """Make a slave a master of what it held at its sync-end-tid (HAMMER.md 3)."""
    pfs.enter("UPG_PSEUDOFS")
    pfs.fs.check_writable()
    _check_unused(pfs)
    with pfs.fs.locked():
        info = load_info(pfs.fs, pfs.pfs_id)
        info.is_slave = False
        unlink_if_there(os.path.join(pfs_directory(pfs.fs, pfs.pfs_id), LOOKED))
        durability.forget(pfs.fs, pfs.pfs_id)
        store_info(pfs.fs, pfs.pfs_id, info)
        show_as_of(pfs, info.sync_end_tid)
        show_pfs(pfs, info)
        pfs.fs.move_tid()


def show_as_of(pfs: OpenPfs, tid: int) -> None:
    """Make the live tree of a master that of a TID, and drop all that is newer."""
    directory = pfs_directory(pfs.fs, pfs.pfs_id)
    records = drop_newer(pfs, tid)
    live = pfs_links.live_path(pfs.fs, pfs.pfs_id)
    manifest = Manifest(pfs.store(), records, tid)
    remove_tree(live)
    if manifest.has_root():
        trees.show_live(manifest, live)
        inodes = Inodes(directory)
        inodes.adopt(manifest, live)
        inodes.store()
    else:
        _create_root(pfs)


def _check_unused(pfs: OpenPfs) -> None:
    """Raise ENOTEMPTY when a file of the PFS is open (knob `open_files`)."""
    if str(pfs.pfs_id) in pfs.fs.knob("open_files").split():
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))


def drop_newer(pfs: OpenPfs, tid: int) -> list[Record]:
    """Drop the records, and the delete TIDs, that are newer; return the rest."""
    kept = [record for record in pfs.store().load() if record.create <= tid]
    for record in kept:
        if record.delete > tid:
            record.delete = 0
    pfs.store().rewrite(kept)
    unlink_if_there(os.path.join(pfs_directory(pfs.fs, pfs.pfs_id), "inodes"))
    return kept


def downgrade(pfs: OpenPfs) -> None:
    """Make a master a slave at the published TID of its file system, if that is higher."""
    pfs.enter("DGD_PSEUDOFS")
    pfs.fs.check_writable()
    _check_unused(pfs)
    with pfs.fs.locked():
        unmount_all(pfs)
        info = load_info(pfs.fs, pfs.pfs_id)
        info.is_slave = True
        info.sync_end_tid = max(stored_tid(pfs, info.sync_end_tid), pfs.fs.flush_tid())
        # The real kernel keeps what is newer until an upgrade drops it, or a mirroring deletes
        # what its source lacks. Mirroring deletes nothing of itself here, so it goes now.
        drop_newer(pfs, info.sync_end_tid)
        store_info(pfs.fs, pfs.pfs_id, info)
        show_pfs(pfs, info)
        remove_tree(pfs_links.live_path(pfs.fs, pfs.pfs_id))
        pfs.fs.move_tid()


def destroy(pfs: OpenPfs) -> None:
    """Remove a PFS and all that it held; its link becomes a dangling `@@PFS` one."""
    pfs.enter("RMR_PSEUDOFS")
    pfs.fs.check_writable()
    with pfs.fs.locked():
        unmount_all(pfs)
        info = load_info(pfs.fs, pfs.pfs_id)
        path = os.path.join(pfs.fs.root, info.link)
        pfs_links.remove_link(pfs.fs, pfs.pfs_id, info)
        if info.link and not os.path.lexists(path):
            replace_symlink(path, f"@@PFS{pfs.pfs_id:05d}")
        remove_tree(pfs_directory(pfs.fs, pfs.pfs_id))
        pfs.fs.move_tid()


def unmount_all(pfs: OpenPfs) -> list[str]:
    """Take away the null mounts of a PFS and return where they were."""
    mounts = null_mounts.null_mounts(pfs.fs).items()
    mine = [os.path.join(pfs.fs.root, place) for place, pfs_id in mounts if pfs_id == pfs.pfs_id]
    for directory in mine:
        null_mounts.unmount(pfs.fs, directory)
    return mine
