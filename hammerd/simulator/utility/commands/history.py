"""The command history: the TIDs at which files changed, the oldest first."""

import os
import time

from hammerd.simulator.kernel.ioctls import as_of
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs
from hammerd.simulator.kernel.records.manifest import Manifest, attributes_from_data
from hammerd.simulator.kernel.records.record_store import INODE, ROOT_OBJECT, Record
from hammerd.simulator.runtime.console import write_stdout
from hammerd.simulator.utility.arguments.paths import open_pfs

TIME_FORMAT = "%d-%b-%Y %H:%M:%S"


def run(words: list[str]) -> None:
    """Print the history of each path; one that cannot be opened is no failure."""
    for path in words:
        write_stdout(f"{path}\t")
        try:
            os.close(os.open(path, os.O_RDONLY))
        except OSError as error:
            write_stdout(f"{error.strerror}\n")
        else:
            _print_history(path)


def _print_history(path: str) -> None:
    pfs, info = open_pfs(path)
    tid = info.sync_end_tid if info.is_slave else pfs.fs.flush_tid()
    records = pfs.store().load()
    object_ = _object(Manifest(pfs.store(), records, tid), _names(pfs, path))
    changed: dict[int, Record] = {}
    for record in records:
        if record.object == object_ and record.create <= tid:
            changed.setdefault(record.create, record)
    inodes = [record for record in records if record.object == object_ and record.type == INODE]
    times = [attributes_from_data(data).mtime_ns for data in pfs.store().data(inodes)]
    known = {inode.create: mtime for inode, mtime in zip(inodes, times, strict=True)}
    write_stdout(f"{object_:016x} clean {{\n")
    last_ns = 0
    for changed_tid in sorted(changed):
        last_ns = known.get(changed_tid, last_ns)
        shown = time.strftime(TIME_FORMAT, time.localtime(last_ns / 1e9))
        write_stdout(f"    {changed_tid:016x} {shown}\n")
    write_stdout("}\n")


def _names(pfs: OpenPfs, path: str) -> list[bytes]:
    real = os.path.realpath(path)
    for root in as_of.shown_roots(pfs.fs, pfs.pfs_id):
        if os.path.commonpath((root, real)) == root and real != root:
            return [os.fsencode(name) for name in os.path.relpath(real, root).split("/")]
    return []


def _object(manifest: Manifest, names: list[bytes]) -> int:
    object_ = ROOT_OBJECT
    for name in names:
        object_ = manifest.entries[object_][name]
    return object_
