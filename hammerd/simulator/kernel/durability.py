"""What of a slave outlives a cut of the power: a commit is in memory first.

A commit moves the slave's sync-end-tid in memory. It is on the disk after a flush of the slave's
file system (the syncer's, a sync or a synctid there) that began later, and at the latest with the
commit after it: the kernel was seen to lose one commit, never two.
"""

from __future__ import annotations

import os

from hammerd.simulator import clock
from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.pfs_info import load_info, pfs_directory, pfs_ids
from hammerd.simulator.kernel.publishing import BY_HAND
from hammerd.simulator.kernel.state_files import read_bytes, replace_file, unlink_if_there


def durable_tid(fs: FileSystem, pfs_id: int, shown: int) -> int:
    """Return the TID that a slave, which shows that one now, would have after a cut."""
    try:
        words = read_bytes(_path(fs, pfs_id)).split()
    except FileNotFoundError:
        return shown
    durable, flushing = int(words[0], 16), int(words[1], 16)
    return flushing if float(words[2]) <= clock.kernel_now() else durable


def commit(fs: FileSystem, pfs_id: int, before: int) -> None:
    """Let the commit before this one be durable; call with the lock held."""
    if fs.is_set("lost_disk"):
        before = durable_tid(fs, pfs_id, before)
    _store(fs, pfs_id, before, before, 0.0)


def flush(fs: FileSystem, ends_s: float) -> bool:
    """Let all commits so far be durable at a moment; False when there are none to wait for."""
    if fs.is_set("lost_disk"):
        return False
    fresh = [number for number in pfs_ids(fs) if os.path.exists(_path(fs, number))]
    for pfs_id in fresh:
        shown = load_info(fs, pfs_id).sync_end_tid
        durable = durable_tid(fs, pfs_id, shown)
        # A group that ends by hand has no moment of its own.
        until = 0.0 if ends_s == BY_HAND else ends_s
        if durable == shown:
            forget(fs, pfs_id)
        else:
            _store(fs, pfs_id, durable, shown, until)
    return bool(fresh)


def forget(fs: FileSystem, pfs_id: int) -> None:
    """Take what is shown for durable."""
    unlink_if_there(_path(fs, pfs_id))


def _path(fs: FileSystem, pfs_id: int) -> str:
    return os.path.join(pfs_directory(fs, pfs_id), "durable")


def _store(fs: FileSystem, pfs_id: int, durable: int, flushing: int, until: float) -> None:
    text = b"%#018x %#018x %r\n" % (durable, flushing, until)
    replace_file(_path(fs, pfs_id), text)
