"""Damage behind HAMMER's back: a bad CRC on a master's disk, another file on a slave.

No TID moves, and no command of hammer sees it.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from hammerd.simulator.admin.knobs import set_knob
from hammerd.simulator.kernel.ioctls import as_of
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs, update_snapshot
from hammerd.simulator.kernel.records.manifest import (
    Manifest,
    attributes_from_data,
    entry_to_data,
)
from hammerd.simulator.kernel.records.record_store import NO_OBJECT, ROOT_OBJECT, Record
from hammerd.simulator.utility.arguments.paths import open_pfs

OTHER_ID = 54321
HOUR_NS = 3600 * 10**9
FOREIGN_OBJECT = 1 << 62
"""No master makes an object with this bit."""


def damage_master(link: Path, name: str, kind: str = "data") -> None:
    """Make the data records of a file of a master, or its inode, fail their CRC.

    They are not mirrored from now on. Records that the slave has are not affected. A kernel fails
    a read of that file with EIO, and logs it; here it can still be read.

    Raises:
        ValueError: no such file was flushed.
    """
    pfs, _ = open_pfs(str(link))
    manifest = Manifest(pfs.store(), pfs.store().load(), NO_OBJECT - 1)
    line = f"{pfs.pfs_id} {_object(manifest, name):#x} {kind}"
    set_knob(Path(pfs.fs.root), "bad_crc", "\n".join([*pfs.fs.knob("bad_crc").split("\n"), line]))


def damage_slave(link: Path, name: str, what: str) -> None:
    """Change one thing of a file of a slave; `what` is one of DAMAGES.

    Mirroring does not repair it, unless the master changes the same thing.

    Raises:
        ValueError: no such damage, or the slave shows no such file.
        KeyError: the file has nothing of this kind.
    """
    if what not in DAMAGES:
        raise ValueError(f"no damage {what}: there are {', '.join(DAMAGES)}")
    pfs, info = open_pfs(str(link))
    with pfs.fs.locked():
        records = pfs.store().load()
        manifest = Manifest(pfs.store(), records, info.sync_end_tid)
        added = DAMAGES[what](manifest, name)
        pfs.store().rewrite(sorted([*records, *added], key=Record.order))
        _drop_contents(pfs)
        as_of.forget(pfs.fs, pfs.pfs_id)
        update_snapshot(pfs, info)


def _drop_contents(pfs: OpenPfs) -> None:
    contents = Path(pfs.store().log_path).with_name("contents")
    for path in contents.iterdir():
        path.unlink()


def _object(manifest: Manifest, name: str) -> int:
    object_ = ROOT_OBJECT
    for word in Path(name).parts:
        entries = manifest.entries.get(object_, {})
        if os.fsencode(word) not in entries:
            raise ValueError(f"{name} is no file of this PFS")
        object_ = entries[os.fsencode(word)]
    return object_


def _entry(manifest: Manifest, name: str) -> Record:
    parent = _object(manifest, os.path.dirname(name))
    return manifest.names[parent][os.fsencode(os.path.basename(name))]


def _change_byte(manifest: Manifest, name: str) -> list[Record]:
    blocks = manifest.blocks[_object(manifest, name)]
    block = blocks[max(blocks)]
    data = manifest.store.data([block])[0]
    at = len(data) // 2
    manifest.store.append_data(block, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    return []


def _change_attribute(field: str) -> Callable[[Manifest, str], list[Record]]:
    def change(manifest: Manifest, name: str) -> list[Record]:
        inode = manifest.inodes[_object(manifest, name)]
        attributes = attributes_from_data(manifest.store.data([inode])[0])
        setattr(attributes, field, _CHANGES[field](getattr(attributes, field)))
        manifest.store.append_data(inode, attributes.to_data())
        return []

    return change


_CHANGES: dict[str, Callable[[int], int]] = {
    "mode": lambda mode: mode ^ stat.S_IXOTH,
    "uid": lambda uid: uid + OTHER_ID,
    "gid": lambda gid: gid + OTHER_ID,
    "mtime_ns": lambda mtime_ns: mtime_ns - HOUR_NS,
    "size": lambda size: size + 1,
}


def _change_target(manifest: Manifest, name: str) -> list[Record]:
    block = manifest.blocks[_object(manifest, name)][0]
    manifest.store.append_data(block, manifest.store.data([block])[0] + b"x")
    return []


def _cut_hard_link(manifest: Manifest, name: str) -> list[Record]:
    """Make one name of a file a file of its own with the same content."""
    object_ = _object(manifest, name)
    other = object_ | FOREIGN_OBJECT
    added = []
    for record in [manifest.inodes[object_], *manifest.blocks.get(object_, {}).values()]:
        copy = Record(other, record.type, record.key, record.create)
        copy.position, copy.size = record.position, record.size
        added.append(copy)
    data = entry_to_data(other, os.fsencode(os.path.basename(name)))
    manifest.store.append_data(_entry(manifest, name), data)
    return added


def _remove(manifest: Manifest, name: str) -> list[Record]:
    entry = _entry(manifest, name)
    entry.delete = entry.create
    return []


def _rename(manifest: Manifest, name: str) -> list[Record]:
    data = entry_to_data(_object(manifest, name), os.fsencode(os.path.basename(name)) + b"x")
    manifest.store.append_data(_entry(manifest, name), data)
    return []


DAMAGES: dict[str, Callable[[Manifest, str], list[Record]]] = {
    "byte": _change_byte,
    "mode": _change_attribute("mode"),
    "owner": _change_attribute("uid"),
    "group": _change_attribute("gid"),
    "mtime": _change_attribute("mtime_ns"),
    "size": _change_attribute("size"),
    "target": _change_target,
    "hard link": _cut_hard_link,
    "removed": _remove,
    "renamed": _rename,
}
"""The kinds of damage."""
