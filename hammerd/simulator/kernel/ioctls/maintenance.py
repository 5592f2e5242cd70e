"""Prunes and reblocks PFSs, and sets the version of a file system.

On a full disk removed files free nothing, because their history stays; pruning drops the history,
and reblocking then gives the space back (docs/hammer.md 6.1). Here reblocking frees a full disk
that was pruned before.
"""

import os

from hammerd.simulator.kernel.file_system.pfs_info import pfs_directory
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.ioctls import as_of
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs
from hammerd.simulator.runtime.state_files import replace_file, unlink_if_present

PRUNED = "pruned"


class Pruned:
    """The records that a pruning dropped, of how many, and their bytes."""

    __slots__ = ("dropped", "dropped_bytes", "scanned")

    def __init__(self, dropped: int, scanned: int, dropped_bytes: int) -> None:
        self.dropped = dropped
        self.scanned = scanned
        self.dropped_bytes = dropped_bytes


def prune_everything(pfs: OpenPfs, tid: int) -> Pruned:
    """Drop the records that were deleted up to a TID.

    The directories of earlier TIDs stay. They lack what was deleted since then, and show what was
    replaced as a FIFO without mode and time.
    """
    pfs.fs.check_writable()
    own = pfs_directory(pfs.fs, pfs.pfs_id)
    with pfs.fs.locked():
        before = as_of.pruned_tid(own)
        records = [r for r in pfs.store().load() if not 0 < r.delete <= before]
        remaining = [record for record in records if not 0 < record.delete <= tid]
        replace_file(os.path.join(own, as_of.PRUNED_TID), b"%#018x\n" % tid)
        for shown in as_of.forget(pfs.fs, pfs.pfs_id):
            as_of.show(pfs.fs, pfs.pfs_id, shown)
        replace_file(pfs.fs.path(PRUNED), b"1\n")
    freed = sum(record.size for record in records) - sum(record.size for record in remaining)
    return Pruned(len(records) - len(remaining), len(records), freed)


def reblock(fs: FileSystem) -> None:
    """Give the space of pruned records back."""
    fs.check_writable()
    with fs.locked():
        if os.path.exists(fs.path(PRUNED)):
            unlink_if_present(fs.path(PRUNED))
            unlink_if_present(fs.path("full"))


def set_version(fs: FileSystem, version: int) -> None:
    """Set the version of a file system."""
    fs.check_writable()
    with fs.locked():
        volume = {**fs.volume(), "version": str(version)}
        replace_file(fs.path("volume"), "".join(f"{k}={v}\n" for k, v in volume.items()).encode())
