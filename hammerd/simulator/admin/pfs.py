"""Makes PFSs as pfs-master and pfs-slave do, without a process."""

from pathlib import Path

from hammerd.simulator.admin.flushes import shared_uuid
from hammerd.simulator.admin.lookup import file_system_at
from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo
from hammerd.simulator.kernel.ioctls import pfs_lifecycle
from hammerd.simulator.kernel.ioctls.pfs import set_pfs
from hammerd.simulator.utility.arguments.paths import open_pfs


def new_master(link: Path) -> Path:
    """Make a master PFS and its softlink; return the softlink."""
    return _new_pfs(link, "")


def new_slave(link: Path, master: Path) -> Path:
    """Make a slave PFS of a master and its softlink; return the softlink."""
    return _new_pfs(link, shared_uuid(master))


def _new_pfs(link: Path, uuid: str) -> Path:
    fs = file_system_at(link.parent)
    pfs_id = pfs_lifecycle.first_free_id(fs)
    info = PfsInfo()
    info.is_slave = bool(uuid)
    pfs_lifecycle.create(fs, pfs_id, info)
    pfs_lifecycle.link(fs, pfs_id, str(link.parent.resolve() / link.name))
    pfs, info = open_pfs(str(link))
    info.shared_uuid = uuid or info.shared_uuid
    set_pfs(pfs, info)
    return link
