"""The programs beside hammer: newfs_hammer, mount, mount_null, umount, sync and fstat.

Each checks the number of its arguments and calls one function of the simulator. A failure is a
line on stderr and status 1, or 64 for a path that mount_null cannot use.
"""

from __future__ import annotations

import errno
import os
import sys

# Each program has its own imports: plans run mount and fstat often, and `admin` starts slowly.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

EX_USAGE = 64


def main() -> NoReturn:
    """Run the program that this process was started as."""
    name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
    program, usage, counts = _PROGRAMS[name]
    if len(words) not in counts:
        sys.exit(f"usage: {name} {usage}")
    try:
        status = program(words)
    except OSError as error:
        status = EX_USAGE if error.errno in (errno.ENOENT, errno.ENOTDIR) else 1
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"{name}: {place}{error.strerror}\n")
    except ValueError as error:
        sys.exit(f"{name}: {error}")
    sys.exit(status)


def _newfs_hammer(words: list[str]) -> int:
    from pathlib import Path

    from hammerd.simulator import admin

    directory = Path(words[1])
    directory.mkdir(parents=True, exist_ok=True)
    tid_base = int(words[2], 0) if len(words) > 2 else 0x100000000
    admin.new_file_system(directory, words[0], tid_base=tid_base)
    return 0


def _mount(words: list[str]) -> int:
    from hammerd.simulator.kernel.file_system.machine import mounts

    kind = words[-1] if words[-2:-1] == ["-t"] else ""
    if words and words not in ([], ["-p"], ["-t", kind], ["-p", "-t", kind]):
        raise ValueError("only the list of mounts exists here, mount [-p] [-t type]")
    for mount in mounts(_machine()):
        if kind in ("", mount.type):
            sys.stdout.write(f"{mount.fstab_line if words[:1] == ['-p'] else mount}\n")
    return 0


def _mount_null(words: list[str]) -> int:
    from pathlib import Path

    from hammerd.simulator import admin

    admin.mount_null(Path(words[0]), Path(words[1]))
    return 0


def _umount(words: list[str]) -> int:
    from pathlib import Path

    from hammerd.simulator import admin
    from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY

    directory = Path(words[0])
    try:
        if (directory / STATE_DIRECTORY).is_dir():
            admin.unmount(directory)
        else:
            admin.unmount_null(directory)
    except OSError as error:
        failed = f"unmount of {error.filename} failed: {error.strerror}"
        raise ValueError(failed) from error
    return 0


def _sync(words: list[str]) -> int:
    from pathlib import Path

    from hammerd.simulator import admin
    from hammerd.simulator.kernel.file_system.machine import file_systems

    for root in words or [fs.root for fs in file_systems(_machine())]:
        admin.flush(Path(root))
    return 0


def _fstat(words: list[str]) -> int:
    from hammerd.simulator.utility.commands.fstat import fstat

    is_whole = words[:1] == ["-f"]
    paths = words[1:] if is_whole else words
    if is_whole and not paths:
        paths = ["."]
    missing = [path for path in paths if not os.path.exists(path)]
    for path in missing:
        sys.stderr.write(f"fstat: {path}: No such file or directory\n")
    present = [path for path in paths if path not in missing]
    if paths and not present:
        return 1
    lines = fstat(_machine(), present, is_whole=is_whole)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def _machine() -> str:
    """Return the directory that holds the programs' directory and the file systems."""
    return os.path.dirname(os.path.dirname(os.path.realpath(sys.argv[0])))


_PROGRAMS: dict[str, tuple[Callable[[list[str]], int], str, range]] = {
    "newfs_hammer": (_newfs_hammer, "label directory [tid-base]", range(2, 4)),
    "mount": (_mount, "[-p] [-t type]", range(4)),
    "mount_null": (_mount_null, "pfs-link directory", range(2, 3)),
    "umount": (_umount, "directory", range(1, 2)),
    "sync": (_sync, "[file-system-root ...]", range(1000)),
    "fstat": (_fstat, "[-f] [file ...]", range(1000)),
}
