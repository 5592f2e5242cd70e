"""The info block that pfs-status, pfs-update and the creating commands print (HAMMER.md 4)."""

from __future__ import annotations

from hammerd.simulator.console import say
from hammerd.simulator.kernel.ioctls import OpenPfs
from hammerd.simulator.kernel.pfs_info import PfsInfo

DAY_S = 24 * 3600
FIRST_VERSION_WITH_VAR_HAMMER = 3


def say_block(pfs: OpenPfs, info: PfsInfo) -> None:
    """Print the lines of the block, each indented."""
    for line in _lines(info, int(pfs.fs.volume()["version"])):
        say(f"    {line}\n")


def _lines(info: PfsInfo, version: int) -> list[str]:
    lines = [
        f"sync-beg-tid={info.sync_beg_tid:#018x}",
        f"sync-end-tid={info.sync_end_tid:#018x}",
        f"shared-uuid={info.shared_uuid}",
        f"unique-uuid={info.unique_uuid}",
        f'label="{info.label}"',
    ]
    if info.snapshots:
        lines.append(f'snapshots="{info.snapshots}"')
    lines.append(f"prune-min={_prune_min(info.prune_min_s)}")
    lines.append(f"operating as a {'SLAVE' if info.is_slave else 'MASTER'}")
    if not info.snapshots:
        lines.append(_default_snapshots(info, version))
    return lines


def _prune_min(seconds: int) -> str:
    days, rest = divmod(seconds, DAY_S)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    if not days:
        return clock
    return f"{days}d/{clock}" if rest else f"{days}d"


def _default_snapshots(info: PfsInfo, version: int) -> str:
    if version >= FIRST_VERSION_WITH_VAR_HAMMER:
        return "snapshots directory defaults to /var/hammer/<pfs>"
    if info.is_slave:
        return "snapshots directory not set for slave"
    return "snapshots directory for master defaults to <pfs>/snapshots"
