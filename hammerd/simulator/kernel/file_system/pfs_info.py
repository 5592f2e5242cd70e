"""The info of a PFS (sync-end-tid, uuids, label, role), and its file in the state directory."""

import os
import time

from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.runtime.state_files import read_bytes, replace_file

NIL_UUID = "00000000-0000-0000-0000-000000000000"
_NODE = "01301bb8a9f5"
_UUID_EPOCH_TICKS = 0x01B21DD213814000  # 1582-10-15 in steps of 100 ns
_FIELDS = (
    "sync_beg_tid",
    "sync_end_tid",
    "shared_uuid",
    "unique_uuid",
    "label",
    "snapshots",
    "prune_min_s",
    "is_slave",
    "link",
)


class PfsInfo:
    """The info of a PFS; `link` is the path of its symlink, relative to the root."""

    __slots__ = _FIELDS

    def __init__(self) -> None:
        self.sync_beg_tid = 1
        self.sync_end_tid = 1
        self.shared_uuid = new_uuid()
        self.unique_uuid = new_uuid()
        self.label = ""
        self.snapshots = ""
        self.prune_min_s = 0
        self.is_slave = False
        self.link = ""


def new_uuid() -> str:
    """Return a new version-1 uuid with the node part of the recordings."""
    ticks = time.time_ns() // 100 + _UUID_EPOCH_TICKS
    sequence = int.from_bytes(os.urandom(2), "little") & 0x3FFF | 0x8000
    low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF
    return f"{low:08x}-{middle:04x}-1{high:03x}-{sequence:04x}-{_NODE}"


def pfs_directory(fs: FileSystem, pfs_id: int) -> str:
    """Return the state directory of a PFS."""
    return fs.path("pfs", f"{pfs_id:05d}")


def load_info(fs: FileSystem, pfs_id: int) -> PfsInfo:
    """Read the info of a PFS; raises FileNotFoundError if there is no such PFS."""
    info = PfsInfo()
    text = read_bytes(os.path.join(pfs_directory(fs, pfs_id), "info")).decode("ascii")
    for line in text.splitlines():
        name, _, value = line.partition("=")
        _set_field(info, name, value)
    return info


def _set_field(info: PfsInfo, name: str, value: str) -> None:
    if name in ("sync_beg_tid", "sync_end_tid"):
        setattr(info, name, int(value, 16))
    elif name == "prune_min_s":
        info.prune_min_s = int(value)
    elif name == "is_slave":
        info.is_slave = value == "1"
    else:
        setattr(info, name, value.encode("ascii").decode("unicode_escape"))


def store_info(fs: FileSystem, pfs_id: int, info: PfsInfo) -> None:
    """Replace the info of a PFS; call with the lock held."""
    lines = "".join(f"{name}={_field_text(info, name)}\n" for name in _FIELDS)
    replace_file(os.path.join(pfs_directory(fs, pfs_id), "info"), lines.encode("ascii"))


def _field_text(info: PfsInfo, name: str) -> str:
    value = getattr(info, name)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return f"{value:#018x}" if name.endswith("tid") else str(value)
    return str(value).encode("unicode_escape").decode("ascii")


def pfs_ids(fs: FileSystem) -> list[int]:
    """Return the ids of all PFSs, the root's 0 first."""
    return sorted(int(name) for name in os.listdir(fs.path("pfs")) if name.isdigit())
