"""pfs-status, pfs-master, pfs-slave and pfs-update (HAMMER.md 4)."""

from __future__ import annotations

import os

from hammerd.simulator import console
from hammerd.simulator.console import CommandError, CommandOver, complain, say
from hammerd.simulator.kernel import pfs_lifecycle
from hammerd.simulator.kernel.file_system import FileSystem, find_file_system
from hammerd.simulator.kernel.ioctls import get_pfs, set_pfs
from hammerd.simulator.kernel.null_mounts import pfs_of
from hammerd.simulator.kernel.pfs_info import PfsInfo
from hammerd.simulator.utility.options import show_usage_and_end
from hammerd.simulator.utility.pfs_block import say_block
from hammerd.simulator.utility.pfs_options import apply_options
from hammerd.simulator.utility.pfs_paths import directory_of, open_pfs

NOT_FROM_A_PFS = """\
You are attempting to access a PFS softlink from a PFS.  It may not represent the PFS
on the main filesystem mount that you expect!  You may only access PFS softlinks
via the main filesystem mount!
"""


def status(paths: list[str]) -> None:
    """Print the block of each path; the first failing one ends the command."""
    for path in paths or ["."]:
        pfs, info = open_pfs(path)
        say(f"{path}\tPFS#{pfs.pfs_id} {{\n")
        say_block(pfs, info)
        say("}\n")
        console.flush()


def create(words: list[str], *, is_slave: bool) -> None:
    """Make a PFS with its link, then apply the options to it as pfs-update does."""
    path = _new_path(words)
    fs = _main_mount(directory_of(path))
    pfs_id = pfs_lifecycle.first_free_id(fs)
    say(f"Creating PFS#{pfs_id}\t")
    info = PfsInfo()
    info.is_slave = is_slave
    try:
        pfs_lifecycle.create(fs, pfs_id, info)
    except OSError as error:
        say(f"failed: {os.strerror(error.errno or 0)}\n")
        return
    try:
        directory = os.path.realpath(directory_of(path))
        pfs_lifecycle.link(fs, pfs_id, os.path.join(directory, os.path.basename(path)))
    except OSError as error:
        say(f"failed: cannot create symlink: {os.strerror(error.errno or 0)}\n")
        return
    say("succeeded!\n")
    update(words)


def _new_path(words: list[str]) -> str:
    if not words:
        show_usage_and_end("usage_pfs.txt", 1)
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
        complain(NOT_FROM_A_PFS)
        raise CommandOver(1)
    return fs


def update(words: list[str]) -> None:
    """Set what the options name and print the block."""
    if not words:
        show_usage_and_end("usage_pfs.txt", 1)
    pfs, info = open_pfs(words[0])
    say(f"{words[0]}\n")
    console.flush()
    apply_options(info, words[1:])
    try:
        set_pfs(pfs, info)
    except OSError as error:
        raise CommandError("Unable to adjust PFS configuration", error) from error
    say_block(pfs, get_pfs(pfs))
