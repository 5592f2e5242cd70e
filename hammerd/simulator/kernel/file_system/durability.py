"""Durable commits of a slave: those that survive a power cut, and a disk that is lost.

A commit moves the slave's sync-end-tid in memory. It is on the disk after a flush of the slave's
file system (the syncer's, a sync or a synctid there) that began later, and at the latest with the
next commit: the kernel was seen to lose one commit, never two.

On a lost disk (knob `lost_disk`) the present batch counts as written, in memory. Then the file
system is read-only, and the process that waits for the disk never returns.
"""

# `signal` itself would bring `enum` and half a megabyte into every stream.
import _signal as signal  # type: ignore[import-not-found]
import os

from hammerd.simulator.kernel.file_system.pfs_info import load_info, pfs_directory, pfs_ids
from hammerd.simulator.kernel.file_system.publishing import MANUAL
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.state_files import read_or_empty, replace_file, unlink_if_present


def durable_tid(fs: FileSystem, pfs_id: int, shown: int) -> int:
    """Return the TID after a power cut of a slave with the sync-end-tid `shown`."""
    words = read_or_empty(_path(fs, pfs_id)).split()
    if not words:
        return shown
    durable, flushing = int(words[0], 16), int(words[1], 16)
    return flushing if float(words[2]) <= clock.kernel_now() else durable


def commit(fs: FileSystem, pfs_id: int, before: int) -> None:
    """Mark the commit before this one as durable; call with the lock held."""
    if fs.is_set("lost_disk"):
        before = durable_tid(fs, pfs_id, before)
    _store(fs, pfs_id, before, before, 0.0)


def flush_commits(fs: FileSystem, ends_s: float) -> bool:
    """Mark all commits so far as durable at a time; return whether there were any."""
    if fs.is_set("lost_disk"):
        return False
    changed = [number for number in pfs_ids(fs) if os.path.exists(_path(fs, number))]
    for pfs_id in changed:
        shown = load_info(fs, pfs_id).sync_end_tid
        durable = durable_tid(fs, pfs_id, shown)
        # A group that ends by `step` has no time of its own.
        until = 0.0 if ends_s == MANUAL else ends_s
        if durable == shown:
            mark_durable(fs, pfs_id)
        else:
            _store(fs, pfs_id, durable, shown, until)
    return bool(changed)


def wait_for_lost_disk(fs: FileSystem) -> None:
    """Turn the file system read-only and ignore all signals but SIGKILL, for ever.

    A process on a real lost disk survives SIGKILL, too. This one cannot, so with a uid in the knob
    it becomes that user: a superuser without the right to signal others cannot end it.
    """
    replace_file(fs.path("turned_ronly"), b"1\n")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    uid = int(fs.knob("lost_disk"))
    clock.trace(-1, "lost disk")
    if uid > 1 and os.geteuid() == 0:
        os.setuid(uid)
    while True:
        signal.pause()


def mark_durable(fs: FileSystem, pfs_id: int) -> None:
    """Mark the shown TID as durable."""
    unlink_if_present(_path(fs, pfs_id))


def _path(fs: FileSystem, pfs_id: int) -> str:
    return os.path.join(pfs_directory(fs, pfs_id), "durable")


def _store(fs: FileSystem, pfs_id: int, durable: int, flushing: int, until: float) -> None:
    text = b"%#018x %#018x %r\n" % (durable, flushing, until)
    replace_file(_path(fs, pfs_id), text)
