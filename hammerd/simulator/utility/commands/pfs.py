"""The commands pfs-status, pfs-master, pfs-slave and pfs-update (docs/hammer.md 3.3, 3.4)."""

import os

from hammerd.simulator.kernel.file_system.null_mounts import pfs_of
from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo
from hammerd.simulator.kernel.file_system.volume import FileSystem, find_file_system
from hammerd.simulator.kernel.ioctls import pfs_lifecycle
from hammerd.simulator.kernel.ioctls.pfs import get_pfs, set_pfs
from hammerd.simulator.runtime import console
from hammerd.simulator.runtime.console import CommandError, CommandExit, write_stderr, write_stdout
from hammerd.simulator.utility.arguments.options import exit_with_usage
from hammerd.simulator.utility.arguments.paths import directory_of, open_pfs
from hammerd.simulator.utility.commands.info_block import apply_options, print_info_block

NOT_FROM_A_PFS = """\
You are attempting to access a PFS softlink from a PFS.  It may not represent the PFS
on the main filesystem mount that you expect!  You may only access PFS softlinks
via the main filesystem mount!
"""


def run(command: str, words: list[str]) -> None:
    """Run pfs-status, pfs-master, pfs-slave or pfs-update."""
    if command == "pfs-status":
        _status(words)
    elif command == "pfs-update":
        _update(words)
    else:
        create(words, is_slave=command == "pfs-slave")


def _status(paths: list[str]) -> None:
    for path in paths or ["."]:
        pfs, info = open_pfs(path)
        write_stdout(f"{path}\tPFS#{pfs.pfs_id} {{\n")
        print_info_block(pfs, info)
        write_stdout("}\n")
        console.flush_stdout()


def create(words: list[str], *, is_slave: bool) -> None:
    """Create a PFS with its link, then set its options as pfs-update does."""
    path = _new_path(words)
    fs = _main_mount(directory_of(path))
    pfs_id = pfs_lifecycle.first_free_id(fs)
    write_stdout(f"Creating PFS#{pfs_id}\t")
    info = PfsInfo()
    info.is_slave = is_slave
    try:
        pfs_lifecycle.create(fs, pfs_id, info)
    except OSError as error:
        write_stdout(f"failed: {os.strerror(error.errno or 0)}\n")
        return
    try:
        directory = os.path.realpath(directory_of(path))
        pfs_lifecycle.link(fs, pfs_id, os.path.join(directory, os.path.basename(path)))
    except OSError as error:
        write_stdout(f"failed: cannot create symlink: {os.strerror(error.errno or 0)}\n")
        return
    write_stdout("succeeded!\n")
    _update(words)


def _new_path(words: list[str]) -> str:
    if not words:
        exit_with_usage("usage_pfs.txt", 1)
    path = words[0]
    if os.path.lexists(path):
        raise CommandError(f"Cannot create {path}, file exists!")
    if path.endswith("/"):
        raise CommandError(f"Invalid PFS path {path} with trailing /")
    return path


def _main_mount(directory: str) -> FileSystem:
    try:
        os.close(os.open(directory, os.O_RDONLY))
    except OSError as error:
        raise CommandError(f"Cannot open directory {directory}", error) from error
    real = os.path.realpath(directory)
    fs = find_file_system(real)
    if fs is None or pfs_of(fs, real) != 0:
        write_stderr(NOT_FROM_A_PFS)
        raise CommandExit(1)
    return fs


def _update(words: list[str]) -> None:
    if not words:
        exit_with_usage("usage_pfs.txt", 1)
    pfs, info = open_pfs(words[0])
    write_stdout(f"{words[0]}\n")
    console.flush_stdout()
    apply_options(info, words[1:])
    try:
        set_pfs(pfs, info)
    except OSError as error:
        raise CommandError("Unable to adjust PFS configuration", error) from error
    print_info_block(pfs, get_pfs(pfs))
