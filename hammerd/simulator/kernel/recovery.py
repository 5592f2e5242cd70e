"""A cut of the power, and the mount after it: what was in memory only is gone.

A master shows what its last finalized flush held, all of it published, so its TID never goes
back. A slave goes back to its last durable commit, TID and tree.
"""

from __future__ import annotations

import os

from hammerd.simulator import clock
from hammerd.simulator.kernel import durability, null_mounts, pfs_lifecycle, pfs_links
from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.ioctls import LOOKED, OpenPfs, show_pfs
from hammerd.simulator.kernel.pfs_info import load_info, pfs_directory, pfs_ids, store_info
from hammerd.simulator.kernel.state_files import unlink_if_there

IN_MEMORY = ("dirty_tid", "turned_ronly", "syncer_at")


def cut_power(fs: FileSystem) -> None:
    """Lose what is not on the disk and mount again, null mounts of masters too."""
    with fs.locked():
        publishing = fs.publishing()
        recovered = publishing.recover(clock.kernel_now())
        for pfs_id in pfs_ids(fs)[1:]:
            pfs = OpenPfs(fs, pfs_id)
            if load_info(fs, pfs_id).is_slave:
                _restore_slave(pfs)
            else:
                _restore_master(pfs, recovered)
        forget_memory(fs)
        fs.store_publishing(publishing)


def forget_memory(fs: FileSystem) -> None:
    """Drop what a kernel knows of a file system only while it is mounted."""
    for name in IN_MEMORY:
        unlink_if_there(fs.path(name))
    for pfs_id in pfs_ids(fs):
        unlink_if_there(os.path.join(pfs_directory(fs, pfs_id), LOOKED))


def _restore_slave(pfs: OpenPfs) -> None:
    info = load_info(pfs.fs, pfs.pfs_id)
    durable = durability.durable_tid(pfs.fs, pfs.pfs_id, info.sync_end_tid)
    durability.forget(pfs.fs, pfs.pfs_id)
    info.sync_end_tid = durable
    pfs_lifecycle.drop_newer(pfs, durable)
    store_info(pfs.fs, pfs.pfs_id, info)
    show_pfs(pfs, info)


def _restore_master(pfs: OpenPfs, tid: int) -> None:
    mounted = pfs_lifecycle.unmount_all(pfs)
    pfs_lifecycle.show_as_of(pfs, tid)
    info = load_info(pfs.fs, pfs.pfs_id)
    pfs_links.refresh_link(pfs.fs, pfs.pfs_id, info)
    for directory in mounted:
        null_mounts.mount(pfs.fs, pfs.pfs_id, directory)
