"""Builds a directory tree from a manifest: a slave's snapshot or a master's live tree.

A tree gets its final name only when it is complete. The files of a snapshot are hard links that
the snapshots of other TIDs share, so nothing may write to them.
"""

import os
import stat

from hammerd.simulator.kernel.records.manifest import Attributes, Manifest
from hammerd.simulator.kernel.records.record_store import ROOT_OBJECT
from hammerd.simulator.runtime.state_files import remove_tree, unlink_if_present

CONTENTS = "contents"
"""The directory of a PFS whose files its snapshots share."""


def remove_unlinked_contents(contents: str) -> None:
    """Remove the files of `contents` that no tree holds."""
    for name in os.listdir(contents) if os.path.isdir(contents) else ():
        path = os.path.join(contents, name)
        if os.lstat(path).st_nlink == 1:
            unlink_if_present(path)


def remove_unused_contents(manifest: Manifest, contents: str) -> None:
    """Remove the files of `contents` that this manifest does not use."""
    used = {_content_name(manifest, object_) for object_ in manifest.inodes}
    for name in os.listdir(contents):
        if name not in used:
            unlink_if_present(os.path.join(contents, name))


def build(manifest: Manifest, directory: str, contents: str = "") -> None:
    """Build a tree whose files are hard links into `contents`, writable ones without it."""
    if contents:
        os.makedirs(contents, exist_ok=True)
    building = f"{directory}.{os.getpid()}~"
    remove_tree(building)
    built: dict[int, str] = {}
    _build_directory(manifest, ROOT_OBJECT, building, (contents, built))
    try:
        os.rename(building, directory)
    except OSError:
        remove_tree(directory)  # an older one of the same TID
        os.rename(building, directory)


def _build_directory(
    manifest: Manifest, object_: int, path: str, context: tuple[str, dict[int, str]]
) -> None:
    os.mkdir(path, 0o700)
    for name, child in manifest.entries.get(object_, {}).items():
        if child in manifest.attributes:
            _build_entry(manifest, child, os.path.join(path, os.fsdecode(name)), context)
        elif context[0]:
            _build_dummy(os.path.join(path, os.fsdecode(name)))
    apply_attributes(path, manifest.attributes[object_])


def _build_dummy(path: str) -> None:
    """Make what a kernel shows for a name whose inode is missing."""
    os.mkfifo(path)
    os.chmod(path, 0)
    os.utime(path, ns=(0, 0))


def _build_entry(
    manifest: Manifest, object_: int, path: str, context: tuple[str, dict[int, str]]
) -> None:
    contents, built = context
    mode = manifest.attributes[object_].mode
    if stat.S_ISDIR(mode):
        _build_directory(manifest, object_, path, context)
    elif stat.S_ISLNK(mode):
        os.symlink(manifest.content(object_), os.fsencode(path))
        _apply_to_symlink(path, manifest.attributes[object_])
    elif object_ in built:
        os.link(built[object_], path)
    else:
        _link_or_make_file(manifest, object_, path, contents)
        built[object_] = path


def _link_or_make_file(manifest: Manifest, object_: int, path: str, contents: str) -> None:
    if not contents:
        _make_file(manifest, object_, path)
        return
    content = os.path.join(contents, _content_name(manifest, object_))
    if not os.path.exists(content):
        _make_file(manifest, object_, f"{content}.{os.getpid()}~")
        os.rename(f"{content}.{os.getpid()}~", content)
    os.link(content, path)


def _make_file(manifest: Manifest, object_: int, path: str) -> None:
    if stat.S_ISFIFO(manifest.attributes[object_].mode):
        os.mkfifo(path)
    else:
        manifest.write_content(object_, path)
    apply_attributes(path, manifest.attributes[object_])


def _content_name(manifest: Manifest, object_: int) -> str:
    return f"{object_:016x}-{manifest.version(object_):016x}"


def _apply_to_symlink(path: str, attributes: Attributes) -> None:
    if os.geteuid() == 0:
        os.lchown(path, attributes.uid, attributes.gid)
    if os.utime in os.supports_follow_symlinks:
        os.utime(path, ns=(attributes.mtime_ns, attributes.mtime_ns), follow_symlinks=False)


def apply_attributes(path: str, attributes: Attributes) -> None:
    """Set owner (as root only), mode and time of a file or directory."""
    if os.geteuid() == 0:
        os.chown(path, attributes.uid, attributes.gid)
    os.chmod(path, stat.S_IMODE(attributes.mode))
    os.utime(path, ns=(attributes.mtime_ns, attributes.mtime_ns))
