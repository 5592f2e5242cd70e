"""fstat(1): the processes that hold files of a PFS open (knob `open_files`)."""

import os
import stat

from hammerd.simulator.kernel.file_system import null_mounts, pfs_links
from hammerd.simulator.kernel.file_system.machine import file_systems
from hammerd.simulator.kernel.file_system.open_files import OpenFile, open_files
from hammerd.simulator.kernel.file_system.pfs_info import load_info
from hammerd.simulator.kernel.file_system.volume import FileSystem, find_file_system

HEADER = "USER     CMD          PID   FD PATH               INUM MODE           SZ|DV R/W"


def fstat(machine: str, paths: list[str], *, is_whole: bool = False) -> list[str]:
    """Return the lines of fstat: of all PFSs, of these files, or of the whole PFSs of these."""
    wanted = [_pfs_of(path) for path in paths]
    names = {os.path.realpath(path) for path in paths}
    lines = [HEADER if is_whole or not paths else f"{HEADER} NAME"]
    for fs in file_systems(machine):
        for file in open_files(fs):
            path = os.path.realpath(_path(fs, file))
            if not paths or (is_whole and (fs.root, file.pfs_id) in wanted):
                lines.append(_line(fs, file, path))
            elif not is_whole and path in names:
                name = next(given for given in paths if os.path.realpath(given) == path)
                lines.append(f"{_line(fs, file, path)}  {name}")
    return lines


def _pfs_of(path: str) -> tuple[str, int]:
    real = os.path.realpath(path)
    fs = find_file_system(real if os.path.isdir(real) else os.path.dirname(real))
    return (fs.root, null_mounts.pfs_of(fs, real)) if fs else ("", 0)


def _path(fs: FileSystem, file: OpenFile) -> str:
    info = load_info(fs, file.pfs_id)
    shown = pfs_links.live_path(fs, file.pfs_id)
    if info.is_slave:
        shown = pfs_links.snapshot_path(fs, file.pfs_id, info.sync_end_tid)
    return os.path.join(shown, file.name) if file.name else shown


def _line(fs: FileSystem, file: OpenFile, path: str) -> str:
    found = os.lstat(path) if os.path.lexists(path) else os.lstat(fs.root)
    head = f"{file.user:<8.8} {file.command:<10} {file.pid:>5} {'3' if file.name else 'wd':>4}"
    mode = stat.filemode(found.st_mode)
    size = "0" if file.name else f"{0:>8}"  # of a file it is the offset
    shown = os.path.join(_place(fs, file.pfs_id), file.name).rstrip("/")
    return f"{head} {shown:<16} {found.st_ino:>6} {mode:>10}  {size}  r"


def _place(fs: FileSystem, pfs_id: int) -> str:
    """Return the null mount of a PFS, or else the directory of its link's text."""
    mounted = [place for place, number in null_mounts.null_mounts(fs).items() if number == pfs_id]
    info = load_info(fs, pfs_id)
    link = os.path.join(os.path.dirname(info.link), pfs_links.link_text(pfs_id, info))
    return os.path.join(fs.root, mounted[0] if mounted else link)
