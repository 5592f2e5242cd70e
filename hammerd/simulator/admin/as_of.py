"""PFSs as of a TID: shows them, forgets them, and prunes history (docs/simulator.md)."""

from pathlib import Path

from hammerd.simulator.kernel.file_system import pfs_info
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.ioctls import as_of, maintenance
from hammerd.simulator.utility.arguments.paths import open_pfs


def keep_present_trees(fs: FileSystem) -> None:
    """Show each PFS as of its present TID, if the knob `as_of` is set."""
    with fs.locked():
        for pfs_id in pfs_info.pfs_ids(fs)[1:]:
            info = pfs_info.load_info(fs, pfs_id)
            as_of.keep(fs, pfs_id, info.sync_end_tid if info.is_slave else fs.flush_tid())


def show_as_of(path: Path, tid: int) -> Path:
    """Show a PFS as of a TID and return that directory; a kernel needs no such call.

    Raises:
        ValueError: the PFS had no root directory then.
    """
    pfs, _ = open_pfs(str(path))
    with pfs.fs.locked():
        if not as_of.show(pfs.fs, pfs.pfs_id, tid):
            raise ValueError(f"{path} had no root directory at {tid:#018x}")
    return path / f"@@{tid:#018x}"


def forget_as_of(path: Path, tid: int | None = None) -> None:
    """Forget a PFS as of one TID, or as of all: these points in time no longer exist."""
    pfs, _ = open_pfs(str(path))
    with pfs.fs.locked():
        if tid is None:
            as_of.forget(pfs.fs, pfs.pfs_id)
        else:
            as_of.forget_one(pfs.fs, pfs.pfs_id, tid)


def prune_everything(path: Path) -> None:
    """Drop the history of a PFS, as `hammer prune-everything`.

    The directories of earlier TIDs stay, but no longer tell the truth (docs/simulator.md).
    """
    pfs, info = open_pfs(str(path))
    maintenance.prune_everything(pfs, info.sync_end_tid if info.is_slave else pfs.fs.flush_tid())
