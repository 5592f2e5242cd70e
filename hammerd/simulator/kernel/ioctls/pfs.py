"""The ioctls that read, set and wait for the info of an open PFS, with injected faults.

Each raises OSError as a failing ioctl does, or InjectedError if its header carries an error.
A file system that was unmounted under an open PFS fails with EIO.
"""

import errno
import fcntl
import os

from hammerd.simulator.kernel.file_system import durability, pfs_info, pfs_links
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.records import trees
from hammerd.simulator.kernel.records.manifest import Manifest
from hammerd.simulator.kernel.records.record_store import RecordStore
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.state_files import remove_tree
from hammerd.simulator.runtime.waiters import Waiter

GONE_TID = (1 << 64) - 1
FOR_ROOT = (
    *("SET_PSEUDOFS", "WAI_PSEUDOFS", "UPG_PSEUDOFS", "DGD_PSEUDOFS", "RMR_PSEUDOFS"),
    *("MIRROR_READ", "MIRROR_WRITE"),
)
"""Ioctls that fail with EPERM for anybody else."""


class OpenPfs:
    """A PFS that was opened by its path."""

    def __init__(self, fs: FileSystem, pfs_id: int) -> None:
        self.fs = fs
        self.pfs_id = pfs_id
        self.held = -1

    def hold_mount(self) -> None:
        """Prevent an unmount of the file system, as an open directory does."""
        self.held = os.open(self.fs.path("lock_of_users"), os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self.held, fcntl.LOCK_SH)

    def close(self) -> None:
        """Allow an unmount of the file system again."""
        if self.held >= 0:
            os.close(self.held)
            self.held = -1

    def store(self) -> RecordStore:
        """Return the records of this PFS."""
        return RecordStore(pfs_info.pfs_directory(self.fs, self.pfs_id))

    def enter(self, call: str) -> None:
        """Begin an ioctl: raise an injected fault, or EIO if the file system is unmounted."""
        if not os.path.isdir(self.fs.state):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if call in FOR_ROOT and self.fs.is_set("unprivileged"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        self.fs.check_fault(call)
        run_due_syncer(self.fs)


def run_due_syncer(fs: FileSystem) -> None:
    """Run the syncer if it is due."""
    if fs.is_set("syncer_s"):
        # Imported here: no other stream needs it.
        from hammerd.simulator.kernel.flush import syncer

        syncer.flush_if_due(fs)


def get_pfs(pfs: OpenPfs) -> pfs_info.PfsInfo:
    """Return the info; a master's sync-end-tid is the published TID (docs/hammer.md 1.2)."""
    pfs.enter("GET_PSEUDOFS")
    info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
    if not info.is_slave:
        info.sync_end_tid = pfs.fs.flush_tid()
    return info


def set_pfs(pfs: OpenPfs, info: pfs_info.PfsInfo) -> None:
    """Store the info, build a slave's snapshot of its sync-end-tid, and flush."""
    pfs.enter("SET_PSEUDOFS")
    pfs.fs.check_writable()
    with pfs.fs.locked():
        # Snapshot first: after a kill in between the slice is sent again.
        update_snapshot(pfs, info)
        before = pfs_info.load_info(pfs.fs, pfs.pfs_id)
        if info.is_slave and info.sync_end_tid != before.sync_end_tid:
            durability.commit(pfs.fs, pfs.pfs_id, before.sync_end_tid)
        pfs_info.store_info(pfs.fs, pfs.pfs_id, info)
        pfs.fs.flush_small()
    if info.is_slave and pfs.fs.is_set("lost_disk"):
        durability.wait_for_lost_disk(pfs.fs)


def update_snapshot(pfs: OpenPfs, info: pfs_info.PfsInfo) -> None:
    """Make snapshot and link of a PFS match its info; call with the lock held."""
    fs, pfs_id = pfs.fs, pfs.pfs_id
    directory = os.path.join(pfs_info.pfs_directory(fs, pfs_id), pfs_links.SNAPSHOTS)
    shown = pfs_links.snapshot_path(fs, pfs_id, info.sync_end_tid)
    if info.is_slave:
        manifest = Manifest(pfs.store(), pfs.store().load(), info.sync_end_tid)
        contents = os.path.join(pfs_info.pfs_directory(fs, pfs_id), trees.CONTENTS)
        if manifest.has_root():
            os.makedirs(directory, exist_ok=True)
            trees.build(manifest, shown, contents)
            _keep_as_of(fs, pfs_id, info.sync_end_tid, shown)
            trees.remove_unused_contents(manifest, contents)
    pfs_links.refresh_link(fs, pfs_id, info)
    _remove_old_snapshots(directory, os.path.basename(shown) if info.is_slave else "")


def build_slave_tree(pfs: OpenPfs, info: pfs_info.PfsInfo) -> str:
    """Build a copy of a slave's present snapshot and return its path; call with the lock held."""
    own = pfs_info.pfs_directory(pfs.fs, pfs.pfs_id)
    manifest = Manifest(pfs.store(), pfs.store().load(), info.sync_end_tid)
    tree = os.path.join(own, "mounted")
    trees.build(manifest, tree, os.path.join(own, trees.CONTENTS))
    _keep_as_of(pfs.fs, pfs.pfs_id, info.sync_end_tid, tree)
    return tree


def _keep_as_of(fs: FileSystem, pfs_id: int, tid: int, root: str) -> None:
    """Show a slave as of a TID, in a root before it is shown itself."""
    if fs.is_set("as_of"):
        # Imported here: no other stream needs it.
        from hammerd.simulator.kernel.ioctls import as_of

        as_of.keep(fs, pfs_id, tid)
        as_of.link_trees(fs, pfs_id, root)


def _remove_old_snapshots(directory: str, present: str) -> None:
    if not os.path.isdir(directory):
        return
    for name in os.listdir(directory):
        if name != present:
            remove_tree(os.path.join(directory, name))


def wait_pfs(pfs: OpenPfs, tid: int) -> None:
    """Block until the sync-end-tid of the PFS is above `tid`; no time limit, no polling."""
    pfs.enter("WAI_PSEUDOFS")
    waiter = Waiter(pfs.fs.path("waiters"))
    clock.trace(-1, "wait")
    try:
        while True:
            # Read first: a group that ends between the two reads must not be missed.
            moment = _next_change_at(pfs.fs)
            if _sync_end_tid(pfs) > tid:
                return
            waiter.block(moment)
            run_due_syncer(pfs.fs)
    finally:
        waiter.close()


def _next_change_at(fs: FileSystem) -> float | None:
    if not fs.is_set("flush_steps") and not fs.is_set("syncer_s"):
        return None
    from hammerd.simulator.kernel.flush import syncer

    return syncer.next_change_at(fs)


def _sync_end_tid(pfs: OpenPfs) -> int:
    try:
        info = pfs_info.load_info(pfs.fs, pfs.pfs_id)
        return info.sync_end_tid if info.is_slave else pfs.fs.flush_tid()
    except FileNotFoundError:
        # Unmounted or destroyed: the next batch finds out which. For a destroyed one the kernel
        # waits for ever.
        is_mounted = os.path.isdir(pfs.fs.state)
        return 0 if is_mounted and pfs.fs.is_set("flush_steps") else GONE_TID
