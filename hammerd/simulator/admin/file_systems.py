"""Makes, mounts and unmounts file systems, installs the programs, and cuts the power."""

import errno
import fcntl
import os
from pathlib import Path

from hammerd.simulator.admin.lookup import file_system_at
from hammerd.simulator.kernel import recovery
from hammerd.simulator.kernel.file_system import pfs_info
from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY, FileSystem, tid_step
from hammerd.simulator.kernel.flush import sync
from hammerd.simulator.runtime import waiters
from hammerd.simulator.runtime.state_files import replace_file
from hammerd.simulator.shebang import shebang

PROGRAMS = ("hammer", "newfs_hammer", "mount", "mount_null", "umount", "sync", "fstat")
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
            package_parent=str(Path(__file__).parents[3]),
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


def unmount(root: Path) -> None:
    """Unmount a file system; its root becomes an empty directory that is not HAMMER.

    Raises:
        OSError: a source half has it open.
    """
    fs = file_system_at(root)
    aside = _aside(root)
    _check_unused(fs)
    if fs.is_set("flush_steps"):
        sync.synctid(fs)
    with fs.locked():
        root.rename(aside)
        root.mkdir()
    waiters.wake(str(aside / STATE_DIRECTORY / "waiters"))


def mount(root: Path) -> None:
    """Mount an unmounted file system again; all that was flushed is published."""
    root.rmdir()
    _aside(root).rename(root)
    fs = file_system_at(root)
    with fs.locked():
        recovery.forget_memory(fs)
        fs.publish_tid(fs.last_flush_tid())


def power_cut(root: Path) -> None:
    """Cut the power of a machine and mount the file system again (docs/simulator.md).

    End the processes that use it first, as the cut would have done.
    """
    recovery.cut_power(file_system_at(root))


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
