"""Flushes and TIDs: sync(2), synctid, the syncer, and what pfs-status would print."""

from pathlib import Path

from hammerd.simulator.admin.knobs import set_knob
from hammerd.simulator.admin.lookup import file_system_at
from hammerd.simulator.kernel.file_system import durability
from hammerd.simulator.kernel.file_system.publishing import SYNCER
from hammerd.simulator.kernel.flush import sync as flushes
from hammerd.simulator.kernel.flush.sync import Flushed
from hammerd.simulator.kernel.flush.synthetic_write import SyntheticWrite
from hammerd.simulator.kernel.ioctls.pfs import run_due_syncer
from hammerd.simulator.utility.arguments.paths import open_pfs

SYNCER_S = 26
"""The period of the kernel's own syncer."""


def sync(root: Path) -> Flushed:
    """Begin to flush what changed in the masters of a file system.

    Returns at once when the flush publishes in steps; `Flushed` holds its TIDs and its end.
    """
    return flushes.flush(file_system_at(root))


def flush(root: Path) -> int:
    """Do a `sync` and return the TID that covers the content it flushed.

    The TID is published at once, or in steps with the knob `flush_steps`. It is a new one only
    if something had changed.
    """
    return sync(root).content_tid


def synctid(root: Path) -> int:
    """Flush twice, wait for both, and return the TID that is published then."""
    return flushes.synctid(file_system_at(root))


def run_syncer(root: Path) -> Flushed:
    """Flush as the syncer does: the next flush publishes what this one takes."""
    return flushes.flush(file_system_at(root), SYNCER)


def step(root: Path) -> int:
    """Finalize the next group of a flush now and return the published TID."""
    fs = file_system_at(root)
    with fs.locked():
        publishing = fs.publishing()
        publishing.step()
        fs.store_publishing(publishing)
        return publishing.published


def publish_in_steps(
    root: Path, *, shape: str = "sync", syncer_s: float | None = SYNCER_S, time_scale: float = 1.0
) -> None:
    """Make a file system publish in steps, with a syncer, from the next flush on.

    `shape` is a value of the knob `flush_steps` (docs/simulator.md).
    """
    set_knob(root, "time_scale", time_scale)
    set_knob(root, "flush_steps", shape)
    set_knob(root, "syncer_s", syncer_s)
    flush_tid(root)  # the syncer's first period begins


def flush_tid(root: Path) -> int:
    """Return the published TID of a file system: the sync-end-tid of its masters."""
    fs = file_system_at(root)
    run_due_syncer(fs)
    return fs.flush_tid()


def write(root: Path, pfs_id: int, nbytes: int, count: int = 1, step: int = 0) -> int:
    """Write `count` files of zeros, flush, and return the TID of the flush.

    The TIDs are those of the recordings' helper: each file's is a little more than `step` above
    the last one's.
    """
    fs = file_system_at(root)
    with fs.locked():
        return SyntheticWrite(fs, pfs_id).run(nbytes, count, step)


def sync_end_tid(link: Path) -> int:
    """Return the sync-end-tid that pfs-status would print for a PFS."""
    return open_pfs(str(link))[1].sync_end_tid


def durable_tid(link: Path) -> int:
    """Return the sync-end-tid that a slave would have after a power cut now."""
    pfs, info = open_pfs(str(link))
    return durability.durable_tid(pfs.fs, pfs.pfs_id, info.sync_end_tid)


def shared_uuid(link: Path) -> str:
    """Return the shared-uuid that pfs-status would print for a PFS."""
    return open_pfs(str(link))[1].shared_uuid
