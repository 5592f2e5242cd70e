"""The ioctls that hammer(8) makes on an open PFS, with the faults that were injected.

Each raises OSError as a failing ioctl does, or InjectedError when its header has an error.
A file system that was unmounted under an open PFS answers EIO.
"""

from __future__ import annotations

import errno
import fcntl
import os

from hammerd.simulator import clock
from hammerd.simulator.kernel import durability, pfs_links, stream_model, trees
from hammerd.simulator.kernel.file_system import FileSystem, InjectedError
from hammerd.simulator.kernel.manifest import Manifest
from hammerd.simulator.kernel.pfs_info import PfsInfo, load_info, pfs_directory, store_info
from hammerd.simulator.kernel.records import Record, RecordStore
from hammerd.simulator.kernel.state_files import read_bytes, remove_tree, replace_file
from hammerd.simulator.kernel.waiters import Waiter

LOOKED = "looked_at_tid"
GONE_TID = (1 << 64) - 1
FOR_ROOT = (
    *("SET_PSEUDOFS", "WAI_PSEUDOFS", "UPG_PSEUDOFS", "DGD_PSEUDOFS", "RMR_PSEUDOFS"),
    *("MIRROR_READ", "MIRROR_WRITE"),
)
"""What a kernel lets nobody else do."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class OpenPfs:
    """A PFS that was opened by its path: what an ioctl is made on."""

    __slots__ = ("fs", "held", "pfs_id")

    def __init__(self, fs: FileSystem, pfs_id: int) -> None:
        self.fs = fs
        self.pfs_id = pfs_id
        self.held = -1

    def hold(self) -> None:
        """Keep the file system from being unmounted, as an open directory of it does."""
        self.held = os.open(self.fs.path("lock_of_users"), os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self.held, fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go of the file system."""
        if self.held >= 0:
            os.close(self.held)
            self.held = -1

    def store(self) -> RecordStore:
        """Return the records of this PFS."""
        return RecordStore(pfs_directory(self.fs, self.pfs_id))

    def enter(self, call: str) -> None:
        """Start an ioctl: fail as was injected, or with EIO when the file system is gone."""
        if not os.path.isdir(self.fs.state):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if call in FOR_ROOT and self.fs.is_set("unprivileged"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        self.fs.check_fault(call)
        catch_up(self.fs)


def catch_up(fs: FileSystem) -> None:
    """Do what the syncer would have done by now."""
    if fs.is_set("syncer_s"):
        # Imported here: no other stream needs it.
        from hammerd.simulator.kernel import syncer

        syncer.catch_up(fs)


def get_pfs(pfs: OpenPfs, *, is_peek: bool = False) -> PfsInfo:
    """Return the info; a master's sync-end-tid is the published TID (HAMMER.md 3).

    The kernel keeps that in memory in place of what the PFS had stored, so a mere look changes
    what a later downgrade stores; a peek does not.
    """
    pfs.enter("GET_PSEUDOFS")
    info = load_info(pfs.fs, pfs.pfs_id)
    if not info.is_slave:
        info.sync_end_tid = pfs.fs.flush_tid()
        if not is_peek:
            overwrite_stored(pfs, info.sync_end_tid)
    return info


def overwrite_stored(pfs: OpenPfs, tid: int) -> None:
    """Let a downgrade find this TID stored."""
    if stored_tid(pfs, 0) != tid:
        replace_file(os.path.join(pfs_directory(pfs.fs, pfs.pfs_id), LOOKED), b"%#018x\n" % tid)


def stored_tid(pfs: OpenPfs, on_disk: int) -> int:
    """Return the sync-end-tid that is stored for a master: that of the last look, if any."""
    try:
        return int(read_bytes(os.path.join(pfs_directory(pfs.fs, pfs.pfs_id), LOOKED)), 16)
    except FileNotFoundError:
        return on_disk


def set_pfs(pfs: OpenPfs, info: PfsInfo) -> None:
    """Store the info, show a slave's snapshot of its sync-end-tid, and flush."""
    pfs.enter("SET_PSEUDOFS")
    pfs.fs.check_writable()
    with pfs.fs.locked():
        # Shown first: a target killed in between sends the slice again and so mends it.
        show_pfs(pfs, info)
        before = load_info(pfs.fs, pfs.pfs_id)
        if info.is_slave and info.sync_end_tid != before.sync_end_tid:
            durability.commit(pfs.fs, pfs.pfs_id, before.sync_end_tid)
        store_info(pfs.fs, pfs.pfs_id, info)
        pfs.fs.flush_small()
    if info.is_slave and pfs.fs.is_set("lost_disk"):
        from hammerd.simulator.kernel.lost_disk import wait_for_disk

        wait_for_disk(pfs.fs)


def show_pfs(pfs: OpenPfs, info: PfsInfo) -> None:
    """Bring snapshot and link of a PFS up to its info; call with the lock held."""
    fs, pfs_id = pfs.fs, pfs.pfs_id
    directory = os.path.join(pfs_directory(fs, pfs_id), pfs_links.SNAPSHOTS)
    shown = pfs_links.snapshot_path(fs, pfs_id, info.sync_end_tid)
    if info.is_slave:
        manifest = Manifest(pfs.store(), pfs.store().load(), info.sync_end_tid)
        contents = os.path.join(pfs_directory(fs, pfs_id), "contents")
        if manifest.has_root():
            os.makedirs(directory, exist_ok=True)
            trees.show_snapshot(manifest, shown, contents)
            trees.sweep_contents(manifest, contents)
    pfs_links.refresh_link(fs, pfs_id, info)
    _sweep_snapshots(directory, os.path.basename(shown) if info.is_slave else "")


def make_tree(pfs: OpenPfs, info: PfsInfo) -> str:
    """Make a tree of what a slave shows now, and return its place; call with the lock held."""
    own = pfs_directory(pfs.fs, pfs.pfs_id)
    manifest = Manifest(pfs.store(), pfs.store().load(), info.sync_end_tid)
    tree = os.path.join(own, "mounted")
    trees.show_snapshot(manifest, tree, os.path.join(own, "contents"))
    return tree


def _sweep_snapshots(directory: str, kept: str) -> None:
    if not os.path.isdir(directory):
        return
    for name in os.listdir(directory):
        if name != kept:
            remove_tree(os.path.join(directory, name))


def wait_pfs(pfs: OpenPfs, tid: int) -> None:
    """Block until the PFS's sync-end-tid is past `tid`; no time limit, no polling."""
    pfs.enter("WAI_PSEUDOFS")
    waiter = Waiter(pfs.fs.path("waiters"))
    clock.trace(-1, "wait")
    try:
        while True:
            # Asked first: a group that ends between the two looks must not be slept over.
            moment = _next_moment(pfs.fs)
            if _sync_end_tid(pfs) > tid:
                return
            waiter.block(moment)
            catch_up(pfs.fs)
    finally:
        waiter.close()


def _next_moment(fs: FileSystem) -> float | None:
    if not fs.is_set("flush_steps") and not fs.is_set("syncer_s"):
        return None
    from hammerd.simulator.kernel import syncer

    return syncer.next_moment(fs)


def _sync_end_tid(pfs: OpenPfs) -> int:
    try:
        info = load_info(pfs.fs, pfs.pfs_id)
        return info.sync_end_tid if info.is_slave else pfs.fs.flush_tid()
    except FileNotFoundError:
        # Unmounted, or destroyed: the next batch finds out which. For a destroyed one the kernel
        # was seen to wait for ever.
        is_mounted = os.path.isdir(pfs.fs.state)
        return 0 if is_mounted and pfs.fs.is_set("flush_steps") else GONE_TID


def mirror_read(
    pfs: OpenPfs, beg: int, end: int, *, with_data: bool
) -> Iterator[stream_model.Chunk]:
    """Yield what each read ioctl of a slice returns, the empty last one included."""
    records = pfs.store().load()
    for chunk in stream_model.chunks(records, beg, end, with_data=with_data):
        pfs.enter("MIRROR_READ")
        pfs.fs.slow_down("slow_read_ms")
        yield chunk


class Arrivals:
    """The records of a slice on their way into a slave.

    Data go to the data file as they come and heads follow at the write ioctl: sixty target
    halves that kept 512 KiB each would never give that memory back.
    """

    __slots__ = ("added", "deleted", "known", "pfs", "size")

    def __init__(self, pfs: OpenPfs) -> None:
        self.pfs = pfs
        self.known = {record.identity(): record for record in pfs.store().load()}
        self.added: list[Record] = []
        self.deleted: list[Record] = []
        self.size = 0

    def take(self, kind: int, record: Record, data: bytes) -> None:
        """Take a record in; one that the slave holds already only gives its delete TID."""
        self.size += stream_model.item_bytes(kind, record, with_data=True)
        held = self.known.get(record.identity())
        if held is None and kind == stream_model.REC:
            with self.pfs.fs.locked():
                self.pfs.store().append_data(record, data)
            self.known[record.identity()] = record
            self.added.append(record)
        elif held is not None and record.delete not in (0, held.delete):
            held.delete = record.delete
            self.deleted.append(held)

    def is_full(self, kind: int, record: Record) -> bool:
        """Tell whether this record has to wait for the next write ioctl."""
        size = stream_model.item_bytes(kind, record, with_data=True)
        return self.size + size > stream_model.READ_LIMIT_BYTES


def mirror_write(arrivals: Arrivals) -> None:
    """Make what has arrived part of the slave."""
    pfs = arrivals.pfs
    pfs.enter("MIRROR_WRITE")
    pfs.fs.check_writable()
    if arrivals.added and pfs.fs.is_set("full"):
        raise InjectedError(errno.ENOSPC)
    pfs.fs.slow_down("slow_write_ms")
    with pfs.fs.locked():
        pfs.store().append(arrivals.added, arrivals.deleted)
        # A kernel gives mirrored records no TID of their own (HAMMER.md 12).
        if not pfs.fs.is_set("flush_steps"):
            pfs.fs.move_tid()
    arrivals.added, arrivals.deleted, arrivals.size = [], [], 0
