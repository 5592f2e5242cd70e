"""The symlink of a PFS: readlink(2) returns the text of a HAMMER mount, and the link works.

The kernel translates `@@PFS00001` into `@@-1:00001` or `@@0x<TID>:00001` and resolves that
inside the directory. Here the link itself holds that text, and an entry of that name beside it
is a symlink into the state directory; a slave without a root inode has no such entry.
"""

import os

from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo, pfs_directory
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.runtime.state_files import replace_symlink, unlink_if_present

LIVE = "live"
SNAPSHOTS = "snapshots"


def link_text(pfs_id: int, info: PfsInfo) -> str:
    """Return the present text of the link of this PFS."""
    if info.is_slave:
        return f"@@{info.sync_end_tid:#018x}:{pfs_id:05d}"
    return f"@@-1:{pfs_id:05d}"


def parse_link_text(text: str) -> int | None:
    """Return the PFS id in the last component of a link text or path, None if it has none."""
    name = text.rsplit("/", 1)[-1]
    tid, colon, digits = name.removeprefix("@@").partition(":")
    if not name.startswith("@@") or not colon or not _is_hex(tid):
        return None
    # scanf stops at the first character that is no digit
    end = next((i for i, char in enumerate(digits) if char not in "0123456789"), len(digits))
    return int(digits[:end]) if end else None


def _is_hex(text: str) -> bool:
    try:
        int(text, 16)
    except ValueError:
        return False
    return True


def snapshot_path(fs: FileSystem, pfs_id: int, tid: int) -> str:
    """Return the path of the snapshot of a slave at that TID."""
    return os.path.join(pfs_directory(fs, pfs_id), SNAPSHOTS, f"{tid:#018x}")


def live_path(fs: FileSystem, pfs_id: int) -> str:
    """Return the live tree of a master: a directory, or a symlink to its null mount."""
    return os.path.join(pfs_directory(fs, pfs_id), LIVE)


def refresh_link(fs: FileSystem, pfs_id: int, info: PfsInfo) -> None:
    """Update the text and the destination of a PFS link; call with the lock held."""
    link = os.path.join(fs.root, info.link)
    if not info.link or not _is_link_of(link, pfs_id):
        return
    text = link_text(pfs_id, info)
    shown = snapshot_path(fs, pfs_id, info.sync_end_tid)
    shown = shown if info.is_slave else live_path(fs, pfs_id)
    directory = os.path.dirname(link)
    entry = os.path.join(directory, text)
    if os.path.isdir(shown):
        replace_symlink(entry, os.path.relpath(shown, directory))
    else:
        unlink_if_present(entry)
    replace_symlink(link, text)
    _remove_stale_entries(directory, pfs_id, text)


def remove_link(fs: FileSystem, pfs_id: int, info: PfsInfo) -> None:
    """Remove the link of a PFS and the entries beside it."""
    link = os.path.join(fs.root, info.link)
    if info.link and _is_link_of(link, pfs_id):
        os.unlink(link)
        _remove_stale_entries(os.path.dirname(link), pfs_id, "")


def _is_link_of(link: str, pfs_id: int) -> bool:
    try:
        return parse_link_text(os.readlink(link)) == pfs_id
    except OSError:
        return False


def _remove_stale_entries(directory: str, pfs_id: int, present: str) -> None:
    for name in os.listdir(directory):
        if name != present and name.startswith("@@") and parse_link_text(name) == pfs_id:
            unlink_if_present(os.path.join(directory, name))
