"""A power cut and the mount after it: state that was only in memory is lost.

A master holds what its last finalized flush held, all of it published, so its TID never goes
back. A slave goes back to its last durable commit, TID and tree.
"""

from hammerd.simulator.kernel.file_system import durability, null_mounts, pfs_info, pfs_links
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.ioctls import pfs_lifecycle
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs, update_snapshot
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.state_files import unlink_if_present

IN_MEMORY = ("dirty_tid", "turned_ronly", "syncer_at")


def cut_power(fs: FileSystem) -> None:
    """Drop what is not on the disk and mount again, with the null mounts of masters."""
    with fs.locked():
        publishing = fs.publishing()
        recovered = publishing.recover(clock.kernel_now())
        for pfs_id in pfs_info.pfs_ids(fs)[1:]:
            pfs = OpenPfs(fs, pfs_id)
            if pfs_info.load_info(fs, pfs_id).is_slave:
                _restore_slave(pfs)
            else:
                _restore_master(pfs, recovered)
        forget_memory(fs)
        fs.store_publishing(publishing)


def forget_memory(fs: FileSystem) -> None:
    """Drop the state that a kernel holds only while a file system is mounted."""
    for name in IN_MEMORY:
        unlink_if_present(fs.path(name))


def _restore_slave(pfs: OpenPfs) -> None:
    info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
    durable = durability.durable_tid(pfs.fs, pfs.pfs_id, info.sync_end_tid)
    durability.mark_durable(pfs.fs, pfs.pfs_id)
    info.sync_end_tid = durable
    pfs_lifecycle.drop_records_after(pfs, durable)
    pfs_info.store_info(pfs.fs, pfs.pfs_id, info)
    update_snapshot(pfs, info)


def _restore_master(pfs: OpenPfs, tid: int) -> None:
    mounted = pfs_lifecycle.unmount_all(pfs)
    pfs_lifecycle.restore_live_tree(pfs, tid)
    info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
    pfs_links.refresh_link(pfs.fs, pfs.pfs_id, info)
    for directory in mounted:
        null_mounts.mount(pfs.fs, pfs.pfs_id, directory)
