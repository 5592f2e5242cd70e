"""A PFS as of a TID: the directories `@@0x<TID>` in the root of its tree (knob `as_of`).

A kernel makes such a directory for any TID at the moment it is looked up, and lists none. Here
each is a tree in the PFS's state directory, and a symlink in the root that is shown: the live tree
of a master, the snapshot and the null mounts of a slave. Each function is called with the lock
held.
"""

import os
import stat

from hammerd.simulator.kernel.file_system import null_mounts, pfs_links
from hammerd.simulator.kernel.file_system.pfs_info import load_info, pfs_directory
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.records import trees
from hammerd.simulator.kernel.records.manifest import Manifest
from hammerd.simulator.kernel.records.record_store import INODE, RecordStore
from hammerd.simulator.runtime.state_files import read_or_empty, remove_tree

AS_OF = "as_of"
PRUNED_TID = "pruned_tid"
"""The file of a PFS that holds the TID up to which its history was pruned.

What was deleted before stays in the records, because mirroring must still delete it on a slave.
"""


def keep(fs: FileSystem, pfs_id: int, tid: int) -> None:
    """Show a PFS as of a TID, if the knob is set, and forget all but the newest trees."""
    most = int(fs.knob("as_of") or 0)
    if most and show(fs, pfs_id, tid):
        older = [name for name in _names(fs, pfs_id) if name != _name(tid)]
        _remove(fs, pfs_id, older[: len(older) - most + 1])
        link_trees(fs, pfs_id)


def show(fs: FileSystem, pfs_id: int, tid: int) -> bool:
    """Show a PFS as of a TID; return whether it had a root directory then."""
    own = pfs_directory(fs, pfs_id)
    tree = os.path.join(own, AS_OF, _name(tid))
    if not os.path.isdir(tree):
        manifest = _manifest(own, tid)
        if not manifest.has_root():
            return False
        os.makedirs(os.path.dirname(tree), exist_ok=True)
        trees.build(manifest, tree, os.path.join(own, trees.CONTENTS))
    link_trees(fs, pfs_id)
    return True


def _manifest(own: str, tid: int) -> Manifest:
    """Return the manifest of a TID without what was pruned.

    A directory keeps its inode: unlike here, a kernel makes no new one when a name is added.
    """
    store = RecordStore(own)
    manifest = Manifest(store, store.load(), tid)
    pruned = pruned_tid(own)
    if tid >= pruned:
        return manifest
    directories = {
        object_
        for object_, attributes in manifest.attributes.items()
        if stat.S_ISDIR(attributes.mode)
    }
    remaining = [
        record
        for record in store.load()
        if not 0 < record.delete <= pruned
        or (record.type == INODE and record.object in directories)
    ]
    return Manifest(store, remaining, tid)


def pruned_tid(own: str) -> int:
    """Return the TID up to which the history of a PFS was pruned, 0 for never."""
    return int(read_or_empty(os.path.join(own, PRUNED_TID)) or b"0", 16)


def forget(fs: FileSystem, pfs_id: int, *, after: int = 0) -> list[int]:
    """Forget the trees of all TIDs above `after`, and return those TIDs."""
    tids = [int(name, 16) for name in _names(fs, pfs_id)]
    forgotten = [tid for tid in tids if tid > after]
    _remove(fs, pfs_id, [_name(tid) for tid in forgotten])
    link_trees(fs, pfs_id)
    return forgotten


def forget_one(fs: FileSystem, pfs_id: int, tid: int) -> None:
    """Forget the tree of one TID, as if its history had been pruned."""
    _remove(fs, pfs_id, [_name(tid)])
    link_trees(fs, pfs_id)


def link_trees(fs: FileSystem, pfs_id: int, root: str = "") -> None:
    """Make the entries `@@0x<TID>` of each shown root, or of one, agree with the trees."""
    names = _names(fs, pfs_id)
    for shown in [root] if root else shown_roots(fs, pfs_id):
        present = [name for name in os.listdir(shown) if name.startswith("@@0x")]
        if sorted(present) != [f"@@{name}" for name in names]:
            _link_into(shown, os.path.join(pfs_directory(fs, pfs_id), AS_OF), names, present)


def _link_into(shown: str, trees_directory: str, names: list[str], present: list[str]) -> None:
    before = os.lstat(shown)
    os.chmod(shown, stat.S_IMODE(before.st_mode) | stat.S_IRWXU)
    for name in present:
        os.unlink(os.path.join(shown, name))
    for name in names:
        os.symlink(os.path.join(trees_directory, name), os.path.join(shown, f"@@{name}"))
    os.chmod(shown, stat.S_IMODE(before.st_mode))
    os.utime(shown, ns=(before.st_atime_ns, before.st_mtime_ns))


def shown_roots(fs: FileSystem, pfs_id: int) -> list[str]:
    """Return the directories that show the present tree of a PFS, without symlinks in them."""
    info = load_info(fs, pfs_id)
    shown = pfs_links.live_path(fs, pfs_id)
    if info.is_slave:
        shown = pfs_links.snapshot_path(fs, pfs_id, info.sync_end_tid)
    mounts = null_mounts.null_mounts(fs).items()
    places = [os.path.join(fs.root, place) for place, number in mounts if number == pfs_id]
    roots = {os.path.realpath(path) for path in [shown, *places]}
    return sorted(path for path in roots if os.path.isdir(path))


def _names(fs: FileSystem, pfs_id: int) -> list[str]:
    """Return the names of the trees, the oldest TID first."""
    try:
        names = os.listdir(os.path.join(pfs_directory(fs, pfs_id), AS_OF))
    except FileNotFoundError:
        return []
    return sorted(name for name in names if not name.endswith("~"))


def _remove(fs: FileSystem, pfs_id: int, names: list[str]) -> None:
    own = pfs_directory(fs, pfs_id)
    for name in names:
        remove_tree(os.path.join(own, AS_OF, name))
    if names and not load_info(fs, pfs_id).is_slave:
        trees.remove_unlinked_contents(os.path.join(own, trees.CONTENTS))


def _name(tid: int) -> str:
    return f"{tid:#018x}"
