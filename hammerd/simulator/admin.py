"""Functions for the demo and the tests: newfs_hammer, mount_null, sync, umount, knobs, power cut.

Each takes real directories and needs no privilege. No stream imports this module.
"""

import errno
import fcntl
import os
from pathlib import Path

from hammerd.simulator.kernel import recovery
from hammerd.simulator.kernel.file_system import durability, null_mounts, pfs_info
from hammerd.simulator.kernel.file_system.publishing import SYNCER, shape_of
from hammerd.simulator.kernel.file_system.volume import (
    STATE_DIRECTORY,
    FileSystem,
    find_file_system,
    tid_step,
)
from hammerd.simulator.kernel.flush import sync as flushes
from hammerd.simulator.kernel.flush.sync import Flushed
from hammerd.simulator.kernel.flush.synthetic_write import SyntheticWrite
from hammerd.simulator.kernel.ioctls.pfs import build_slave_tree, run_due_syncer
from hammerd.simulator.runtime import waiters
from hammerd.simulator.runtime.state_files import replace_file
from hammerd.simulator.shebang import shebang
from hammerd.simulator.utility.arguments.paths import open_pfs

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
"""The period of the kernel's own syncer."""

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
    """Write `hammer` and the other programs into a directory and return hammer's path.

    They contain the time scale, because the parent of a stream may pass no environment on.
    """
    bin_dir.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        text = _SHIM.format(
            shebang=shebang("-IS"),
            package_parent=str(Path(__file__).parents[2]),
            time_scale=str(time_scale),
            module="main" if name == "hammer" else "programs",
        )
        (bin_dir / name).write_text(text)
        (bin_dir / name).chmod(0o755)
    return bin_dir / "hammer"


def new_file_system(
    root: Path, label: str, *, tid_base: int = 0x100000000, version: int = VERSION
) -> None:
    """Make an empty HAMMER file system at a directory (newfs_hammer and mount_hammer)."""
    fs = FileSystem(str(root.resolve()))
    fsid = pfs_info.new_uuid()
    Path(fs.path("waiters")).mkdir(parents=True)
    Path(pfs_info.pfs_directory(fs, 0)).mkdir(parents=True)
    identity = f"version={version}\nlabel={label}\nfsid={fsid}\n"
    replace_file(fs.path("volume"), identity.encode())
    fs.store_next_object(tid_base + FIRST_OBJECT_OFFSET)
    fs.publish_tid(tid_base + FIRST_TID_OFFSET + tid_step())
    info = pfs_info.PfsInfo()
    info.sync_beg_tid = 0
    info.label = label
    info.shared_uuid = info.unique_uuid = fsid
    pfs_info.store_info(fs, 0, info)


def mount_null(pfs_link: Path, directory: Path) -> None:
    """Mount a PFS at a directory of its file system; a slave stays at its present TID.

    Raises:
        ValueError: the path is no PFS link, or the directory is missing or mounted already.
    """
    pfs, info = open_pfs(str(pfs_link), is_peek=True)
    mount_point = directory.resolve()
    if pfs.pfs_id == 0 or (info.is_slave and not pfs_link.exists()):
        raise ValueError(f"{pfs_link} is not the link of a PFS that can be entered")
    mounted = null_mounts.null_mounts(pfs.fs)
    inside = mount_point.relative_to(pfs.fs.root)
    if not mount_point.is_dir() or str(inside) in mounted or pfs.pfs_id in mounted.values():
        raise ValueError(f"cannot mount {pfs_link} at {directory}: missing or mounted already")
    with pfs.fs.locked():
        copy = build_slave_tree(pfs, info) if info.is_slave else None
        null_mounts.mount(pfs.fs, pfs.pfs_id, str(mount_point), copy)


def unmount_null(directory: Path) -> None:
    """Unmount a null mount; the directory below it is visible again."""
    fs = _file_system(directory)
    with fs.locked():
        null_mounts.unmount(fs, str(directory.resolve()))


def unmount(root: Path) -> None:
    """Unmount a file system; its root becomes an empty directory that is not HAMMER.

    Raises:
        OSError: a source half has it open.
    """
    fs = _file_system(root)
    aside = _aside(root)
    _check_unused(fs)
    if fs.is_set("flush_steps"):
        flushes.synctid(fs)
    with fs.locked():
        root.rename(aside)
        root.mkdir()
    waiters.wake(str(aside / STATE_DIRECTORY / "waiters"))


def mount(root: Path) -> None:
    """Mount an unmounted file system again; all that was flushed is published."""
    root.rmdir()
    _aside(root).rename(root)
    fs = _file_system(root)
    with fs.locked():
        recovery.forget_memory(fs)
        fs.publish_tid(fs.last_flush_tid())


def power_cut(root: Path) -> None:
    """Cut the power of a machine and mount the file system again (docs/simulator.md).

    End the processes that use it first, as the cut would have done.
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

    Returns at once when the flush publishes in steps; `Flushed` holds its TIDs and its end.
    """
    return flushes.flush(_file_system(root))


def flush(root: Path) -> int:
    """Do a `sync` and return the TID that covers the content it flushed.

    The TID is published at once, or in steps with the knob `flush_steps`. It is a new one only
    if something had changed.
    """
    return sync(root).content_tid


def synctid(root: Path) -> int:
    """Flush twice, wait for both, and return the TID that is published then."""
    return flushes.synctid(_file_system(root))


def run_syncer(root: Path) -> Flushed:
    """Flush as the syncer does: the next flush publishes what this one takes."""
    return flushes.flush(_file_system(root), SYNCER)


def step(root: Path) -> int:
    """Finalize the next group of a flush now and return the published TID."""
    fs = _file_system(root)
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
    fs = _file_system(root)
    run_due_syncer(fs)
    return fs.flush_tid()


def write(root: Path, pfs_id: int, nbytes: int, count: int = 1, step: int = 0) -> int:
    """Write `count` files of zeros, flush, and return the TID of the flush.

    The TIDs are those of the recordings' helper: each file's is a little more than `step` above
    the last one's.
    """
    fs = _file_system(root)
    with fs.locked():
        return SyntheticWrite(fs, pfs_id).run(nbytes, count, step)


def set_knob(root: Path, name: str, value: str | float | None) -> None:
    """Set one of KNOBS (docs/simulator.md) or, with None, remove it.

    Raises:
        ValueError: no such knob, no such file system, or no such value of `flush_steps`.
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
    """Return the sync-end-tid that a slave would have after a power cut now."""
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
