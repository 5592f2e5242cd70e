"""What newfs_hammer, mount_null, sync and umount do, as functions for the demo and the tests.

Every function takes real directories and needs no privilege. No stream imports this module.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from hammerd.simulator.kernel import durability, null_mounts, recovery, waiters
from hammerd.simulator.kernel import flush as flushing
from hammerd.simulator.kernel.file_system import (
    STATE_DIRECTORY,
    FileSystem,
    find_file_system,
    tid_step,
)
from hammerd.simulator.kernel.flush import Flushed
from hammerd.simulator.kernel.ioctls import catch_up, make_tree
from hammerd.simulator.kernel.pfs_info import PfsInfo, new_uuid, pfs_directory, store_info
from hammerd.simulator.kernel.publishing import SYNCER, shape_of
from hammerd.simulator.kernel.state_files import replace_file
from hammerd.simulator.shebang import shebang
from hammerd.simulator.utility.pfs_paths import open_pfs

PROGRAMS = ("hammer", "newfs_hammer", "mount_null", "umount", "sync")
KNOBS = (
    "slow_read_ms",
    "slow_write_ms",
    "ronly",
    "faults",
    "full",
    "unprivileged",
    "open_files",
    "lost_disk",
    "fork_fails",
    "flush_steps",
    "syncer_s",
    "time_scale",
)
SYNCER_S = 26
"""How often the kernel's own syncer runs."""

FIRST_TID_OFFSET = 0x300
FIRST_OBJECT_OFFSET = 0x100
VERSION = 6

_SHIM = """\
{shebang}import os, sys
sys.path.append({package_parent!r})
os.environ.setdefault("SIM_TIME_SCALE", {time_scale!r})
from hammerd.simulator.{module} import main; main()
"""


def install(bin_dir: Path, *, time_scale: float = 1.0) -> Path:
    """Write `hammer` and its fellow programs into a directory and return hammer's path.

    The scale stands in the programs, because who starts streams may pass no environment on.
    """
    bin_dir.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        text = _SHIM.format(
            shebang=shebang("-IS"),
            package_parent=str(Path(__file__).parents[2]),
            time_scale=str(time_scale),
            module="main" if name == "hammer" else f"programs.{name}",
        )
        (bin_dir / name).write_text(text)
        (bin_dir / name).chmod(0o755)
    return bin_dir / "hammer"


def new_file_system(
    root: Path, label: str, *, tid_base: int = 0x100000000, version: int = VERSION
) -> None:
    """Make an empty HAMMER file system at a directory (newfs_hammer and mount_hammer)."""
    fs = FileSystem(str(root.resolve()))
    fsid = new_uuid()
    Path(fs.path("waiters")).mkdir(parents=True)
    Path(pfs_directory(fs, 0)).mkdir(parents=True)
    volume = f"version={version}\nlabel={label}\nfsid={fsid}\n"
    replace_file(fs.path("volume"), volume.encode())
    replace_file(fs.path("next_object"), b"%x\n" % (tid_base + FIRST_OBJECT_OFFSET))
    fs.publish_tid(tid_base + FIRST_TID_OFFSET + tid_step())
    info = PfsInfo()
    info.sync_beg_tid = 0
    info.label = label
    info.shared_uuid = info.unique_uuid = fsid
    store_info(fs, 0, info)


def mount_null(pfs_link: Path, directory: Path) -> None:
    """Show a PFS at a directory of the same file system: a slave as of its present TID.

    Raises:
        ValueError: the link is no PFS's, or the directory is not a free one of its file system.
    """
    pfs, info = open_pfs(str(pfs_link), is_peek=True)
    place = directory.resolve()
    if pfs.pfs_id == 0 or (info.is_slave and not pfs_link.exists()):
        raise ValueError(f"{pfs_link} is not the link of a PFS that can be entered")
    mounted = null_mounts.null_mounts(pfs.fs)
    inside = place.relative_to(pfs.fs.root)
    if not place.is_dir() or str(inside) in mounted or pfs.pfs_id in mounted.values():
        raise ValueError(f"cannot mount {pfs_link} at {directory}: missing or mounted already")
    with pfs.fs.locked():
        if info.is_slave:
            null_mounts.mount_slave(pfs.fs, pfs.pfs_id, make_tree(pfs, info), str(place))
        else:
            null_mounts.mount(pfs.fs, pfs.pfs_id, str(place))


def unmount_null(directory: Path) -> None:
    """Show again what is below a null mount."""
    fs = _file_system(directory)
    with fs.locked():
        null_mounts.unmount(fs, str(directory.resolve()))


def unmount(root: Path) -> None:
    """Take a file system away: its root is an empty directory that is not HAMMER.

    Raises:
        OSError: a source half has it open.
    """
    fs = _file_system(root)
    aside = _aside(root)
    _check_unused(fs)
    if fs.is_set("flush_steps"):
        flushing.synctid(fs)
    with fs.locked():
        root.rename(aside)
        root.mkdir()
    waiters.wake(str(aside / STATE_DIRECTORY / "waiters"))


def mount(root: Path) -> None:
    """Bring an unmounted file system back, with all that was flushed published."""
    root.rmdir()
    _aside(root).rename(root)
    fs = _file_system(root)
    with fs.locked():
        recovery.forget_memory(fs)
        fs.publish_tid(fs.last_flush_tid())


def power_cut(root: Path) -> None:
    """Cut the power of a machine and mount the file system again (docs/simulator.md).

    Its processes would be gone, too: end them first.
    """
    recovery.cut_power(_file_system(root))


def _check_unused(fs: FileSystem) -> None:
    fd = os.open(fs.path("lock_of_users"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, "Device busy", fs.root) from None
    finally:
        os.close(fd)


def _aside(root: Path) -> Path:
    return root.with_name(f".{root.name}.unmounted")


def sync(root: Path) -> Flushed:
    """Begin to flush what changed in the masters of a file system.

    Returns at once where the flush publishes in steps; `Flushed` tells how it will go on.
    """
    return flushing.flush(_file_system(root))


def flush(root: Path) -> int:
    """Do a `sync` and return the TID that covers what it took.

    Mirroring sees it at once, or with the knob `flush_steps` when that TID is published.
    It is a new one only when something had changed.
    """
    return sync(root).content_tid


def synctid(root: Path) -> int:
    """Flush twice and wait for both; return the TID that is published then."""
    return flushing.synctid(_file_system(root))


def run_syncer(root: Path) -> Flushed:
    """Flush as the syncer does: what it takes is published by the flush after it."""
    return flushing.flush(_file_system(root), SYNCER)


def step(root: Path) -> int:
    """Finalize the next group of a flush without waiting for its end; return the published TID."""
    fs = _file_system(root)
    with fs.locked():
        publishing = fs.publishing()
        publishing.step()
        fs.store_publishing(publishing)
        return publishing.published


def publish_in_steps(
    root: Path, *, shape: str = "sync", syncer_s: float | None = SYNCER_S, time_scale: float = 1.0
) -> None:
    """Let a file system publish as a kernel does, with its syncer, from the next flush on.

    For a shape see the knob `flush_steps` (docs/simulator.md).
    """
    set_knob(root, "time_scale", time_scale)
    set_knob(root, "flush_steps", shape)
    set_knob(root, "syncer_s", syncer_s)
    flush_tid(root)  # the syncer's first period begins


def flush_tid(root: Path) -> int:
    """Return the published TID of a file system: what its masters' sync-end-tid is."""
    fs = _file_system(root)
    catch_up(fs)
    return fs.flush_tid()


def write(root: Path, pfs_id: int, nbytes: int, count: int = 1, step: int = 0) -> int:
    """Write `count` files of zeros and flush, with TIDs as the recordings' helper makes them.

    Each file's TID is `step` and a little further than the last. Returns the TID of the flush.
    """
    fs = _file_system(root)
    with fs.locked():
        return flushing.SyntheticWrite(fs, pfs_id).run(nbytes, count, step)


def set_knob(root: Path, name: str, value: str | float | None) -> None:
    """Set one of KNOBS (docs/simulator.md) or, with None, remove it.

    Raises:
        ValueError: there is no such knob, no such file system, or no flush goes like that.
    """
    if name not in KNOBS:
        raise ValueError(f"no knob {name}: there are {', '.join(KNOBS)}")
    if name == "flush_steps" and value:
        shape_of(str(value), 1)
    fs = _file_system(root)
    if value is None:
        Path(fs.path(name)).unlink(missing_ok=True)
    else:
        replace_file(fs.path(name), f"{value}\n".encode())
    waiters.wake(fs.path("waiters"))


def sync_end_tid(link: Path) -> int:
    """Return the sync-end-tid that pfs-status would print for a PFS."""
    return open_pfs(str(link), is_peek=True)[1].sync_end_tid


def durable_tid(link: Path) -> int:
    """Return the sync-end-tid that a slave would have after a cut of the power now."""
    pfs, info = open_pfs(str(link), is_peek=True)
    return durability.durable_tid(pfs.fs, pfs.pfs_id, info.sync_end_tid)


def shared_uuid(link: Path) -> str:
    """Return the shared-uuid that pfs-status would print for a PFS."""
    return open_pfs(str(link), is_peek=True)[1].shared_uuid


def _file_system(path: Path) -> FileSystem:
    fs = find_file_system(str(path.resolve()))
    if fs is None:
        raise ValueError(f"{path} is not in a HAMMER file system")
    return fs
