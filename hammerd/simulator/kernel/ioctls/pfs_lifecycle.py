"""Creates, upgrades, downgrades and destroys PFSs, for the pfs-* commands of hammer(8).

Each function takes the file system's lock and flushes as often as in the recordings. None asks
for a confirmation.
"""

import errno
import os

from hammerd.simulator.kernel.file_system import durability, null_mounts, pfs_info, pfs_links
from hammerd.simulator.kernel.file_system.open_files import open_files
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.ioctls import as_of
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs, update_snapshot
from hammerd.simulator.kernel.records import trees
from hammerd.simulator.kernel.records.live_tree import Inodes
from hammerd.simulator.kernel.records.manifest import Attributes, Manifest
from hammerd.simulator.kernel.records.record_store import INODE, ROOT_OBJECT, Record
from hammerd.simulator.runtime.state_files import remove_tree, replace_symlink, unlink_if_present

ROOT_MODE = 0o40755


def first_free_id(fs: FileSystem) -> int:
    """Return the id of the next new PFS."""
    taken = set(pfs_info.pfs_ids(fs))
    return next(pfs_id for pfs_id in range(len(taken) + 1) if pfs_id not in taken)


def create(fs: FileSystem, pfs_id: int, info: pfs_info.PfsInfo) -> None:
    """Create a PFS, a master with a root inode; `link` makes its symlink."""
    OpenPfs(fs, pfs_id).enter("SET_PSEUDOFS")
    fs.check_writable()
    with fs.locked():
        pfs = OpenPfs(fs, pfs_id)
        os.makedirs(pfs_info.pfs_directory(fs, pfs_id), exist_ok=True)
        if not info.is_slave:
            _create_root(pfs)
        pfs_info.store_info(fs, pfs_id, info)
        fs.move_tid()


def _create_root(pfs: OpenPfs) -> None:
    root = Record(ROOT_OBJECT, INODE, 0, pfs.fs.move_tid())
    live = pfs_links.live_path(pfs.fs, pfs.pfs_id)
    os.mkdir(live, 0o755)
    mtime_ns = os.lstat(live).st_mtime_ns
    attributes = Attributes(ROOT_MODE, os.geteuid(), os.getegid(), mtime_ns, 0)
    pfs.store().append_with_data([(root, attributes.to_data())], [])


def link(fs: FileSystem, pfs_id: int, path: str) -> None:
    """Make the symlink of a new PFS at a real path; raises OSError if it cannot."""
    fs.check_writable()
    with fs.locked():
        info = pfs_info.load_info(fs, pfs_id)
        os.symlink(pfs_links.link_text(pfs_id, info), path)
        info.link = os.path.relpath(path, fs.root)
        pfs_info.store_info(fs, pfs_id, info)
        pfs_links.refresh_link(fs, pfs_id, info)
        fs.move_tid()


def upgrade(pfs: OpenPfs) -> None:
    """Make a slave a master as of its sync-end-tid (docs/hammer.md 1.7)."""
    pfs.enter("UPG_PSEUDOFS")
    pfs.fs.check_writable()
    _check_unused(pfs)
    with pfs.fs.locked():
        info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
        info.is_slave = False
        durability.mark_durable(pfs.fs, pfs.pfs_id)
        pfs_info.store_info(pfs.fs, pfs.pfs_id, info)
        restore_live_tree(pfs, info.sync_end_tid)
        _show_live_tree_again(pfs)
        update_snapshot(pfs, info)
        as_of.keep(pfs.fs, pfs.pfs_id, info.sync_end_tid)
        pfs.fs.move_tid()


def _show_live_tree_again(pfs: OpenPfs) -> None:
    """Show the live tree where the PFS was mounted when it was a master before."""
    for place in null_mounts.live_mounts(pfs.fs, pfs.pfs_id):
        directory = os.path.join(pfs.fs.root, place)
        null_mounts.unmount(pfs.fs, directory)
        null_mounts.mount(pfs.fs, pfs.pfs_id, directory)


def restore_live_tree(pfs: OpenPfs, tid: int) -> None:
    """Rebuild the live tree of a master as of a TID, and drop all that is newer."""
    directory = pfs_info.pfs_directory(pfs.fs, pfs.pfs_id)
    records = drop_records_after(pfs, tid)
    live = pfs_links.live_path(pfs.fs, pfs.pfs_id)
    manifest = Manifest(pfs.store(), records, tid)
    remove_tree(live)
    # Files that another history left, whose names its TIDs made.
    remove_tree(os.path.join(directory, trees.CONTENTS))
    if manifest.has_root():
        trees.build(manifest, live)
        inodes = Inodes(directory)
        inodes.assign_objects(manifest, live)
        inodes.store()
    else:
        _create_root(pfs)


def _check_unused(pfs: OpenPfs) -> None:
    """Raise ENOTEMPTY if a file of the PFS is open (knob `open_files`)."""
    if any(file.pfs_id == pfs.pfs_id for file in open_files(pfs.fs)):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))


def drop_records_after(pfs: OpenPfs, tid: int) -> list[Record]:
    """Drop the records and delete TIDs above a TID, and return the remaining records."""
    own = pfs_info.pfs_directory(pfs.fs, pfs.pfs_id)
    pruned = as_of.pruned_tid(own)
    history = [r for r in pfs.store().load() if not 0 < r.delete <= pruned]
    remaining = [record for record in history if record.create <= tid]
    for record in remaining:
        if record.delete > tid:
            record.delete = 0
    pfs.store().rewrite(remaining)
    as_of.forget(pfs.fs, pfs.pfs_id, after=tid)
    for name in ("inodes", as_of.PRUNED_TID):
        unlink_if_present(os.path.join(own, name))
    return remaining


def downgrade(pfs: OpenPfs) -> None:
    """Make a master a slave at the published TID of its file system, be it lower than before.

    What is newer stays until an upgrade drops it, or mirroring deletes what the source lacks.
    """
    pfs.enter("DGD_PSEUDOFS")
    pfs.fs.check_writable()
    _check_unused(pfs)
    with pfs.fs.locked():
        null_mounts.leave(pfs.fs, pfs.pfs_id)
        info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
        info.is_slave = True
        info.sync_end_tid = pfs.fs.flush_tid()
        pfs_info.store_info(pfs.fs, pfs.pfs_id, info)
        update_snapshot(pfs, info)
        remove_tree(pfs_links.live_path(pfs.fs, pfs.pfs_id))
        pfs.fs.move_tid()


def destroy(pfs: OpenPfs) -> None:
    """Remove a PFS and its data; its link becomes a dangling `@@PFS` link."""
    pfs.enter("RMR_PSEUDOFS")
    pfs.fs.check_writable()
    with pfs.fs.locked():
        unmount_all(pfs)
        info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
        path = os.path.join(pfs.fs.root, info.link)
        pfs_links.remove_link(pfs.fs, pfs.pfs_id, info)
        if info.link and not os.path.lexists(path):
            replace_symlink(path, f"@@PFS{pfs.pfs_id:05d}")
        remove_tree(pfs_info.pfs_directory(pfs.fs, pfs.pfs_id))
        pfs.fs.move_tid()


def unmount_all(pfs: OpenPfs) -> list[str]:
    """Unmount the null mounts of a PFS and return their mount points."""
    mounts = null_mounts.null_mounts(pfs.fs).items()
    mine = [os.path.join(pfs.fs.root, place) for place, pfs_id in mounts if pfs_id == pfs.pfs_id]
    for directory in mine:
        null_mounts.unmount(pfs.fs, directory)
    return mine
