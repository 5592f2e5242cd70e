"""Flushes what changed in the live trees of masters (sync(2) and hammer synctid).

A flush publishes only when all its records are stored, so a stream never sees part of one.
"""

from hammerd.simulator.kernel.file_system import durability
from hammerd.simulator.kernel.file_system.pfs_info import load_info, pfs_directory, pfs_ids
from hammerd.simulator.kernel.file_system.pfs_links import live_path
from hammerd.simulator.kernel.file_system.publishing import MANUAL, Shape
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.records.live_tree import LiveTreeFlush
from hammerd.simulator.runtime import clock


class Flushed:
    """A flush that began: it took what was written before `began_s`.

    Its content can be mirrored once `content_tid` is published: at `ends_s` or, if that is the
    TID of its last group, by the next flush. Times are those of `clock.kernel_now`.
    """

    def __init__(self, began_s: float, tids: list[int], content_tid: int, *, is_new: bool) -> None:
        self.began_s = began_s
        self.ends_s = began_s
        self.tids = tids
        self.content_tid = content_tid
        self.is_new = is_new


def flush(fs: FileSystem, shape: Shape | None = None) -> Flushed:
    """Turn what changed in all masters into records, as sync(2) does."""
    wait_for_flush(fs)
    with fs.locked():
        began_s = clock.kernel_now()
        shape = shape or fs.shape()
        # A flush that was killed left records with a TID that must not be used again.
        tids = [fs.reserve_tid() for _ in (shape.ends_s if shape else (0,))]
        content_tid = tids[shape.content - 1] if shape else tids[0]
        if fs.has_turned_read_only():
            return Flushed(began_s, [], fs.last_flush_tid(), is_new=False)
        is_new = record_changes(fs, (tids[0], content_tid)) or fs.is_dirty()
        if not is_new:
            tids, content_tid = [], fs.last_flush_tid()
        done = Flushed(began_s, tids, content_tid, is_new=is_new)
        if shape is None:
            # A flush without changes takes no TID, but publishes the one before.
            fs.publish_tid(content_tid)
        else:
            now = fs.begin_flush(shape, tids)
            done.ends_s = max(now.ends_at(), began_s)
        durable_s = fs.ends_s(shape)[-1] + began_s if shape else began_s
        if durability.flush_commits(fs, durable_s):
            done.ends_s = max(done.ends_s, durable_s)
        return done


def record_changes(fs: FileSystem, tids: tuple[int, int]) -> bool:
    """Make records of the changes in all masters; call with the lock held."""
    took = [_flush_pfs(fs, number, tids) for number in pfs_ids(fs) if number]
    return any(took)


def wait_for_flush(fs: FileSystem) -> None:
    """Wait for the end of the flush in progress: the kernel runs one at a time."""
    ends_s = fs.publishing().ends_at()
    if ends_s == MANUAL:
        with fs.locked():
            fs.store_publishing(fs.publishing().settled(MANUAL))
    elif ends_s:
        clock.kernel_sleep(ends_s, "flush")


def synctid(fs: FileSystem) -> int:
    """Flush twice, wait for both, and return the TID that is published then.

    That TID covers all that was written before the call.
    """
    for _ in range(2):
        ends_s = flush(fs).ends_s
        wait_for_flush(fs)
        if ends_s != MANUAL:
            clock.kernel_sleep(ends_s, "flush")
    return fs.flush_tid()


def _flush_pfs(fs: FileSystem, pfs_id: int, tids: tuple[int, int]) -> bool:
    if load_info(fs, pfs_id).is_slave:
        return False
    tree = LiveTreeFlush(pfs_directory(fs, pfs_id), fs.next_object(), tids)
    changed = tree.run(live_path(fs, pfs_id))
    fs.store_next_object(tree.next_object)
    return changed
