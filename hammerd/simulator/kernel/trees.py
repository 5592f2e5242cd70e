"""Shows a manifest as a directory: a slave's snapshot of hard links, a master's live copy.

A tree gets its final name only when it is whole. Nobody may write below a snapshot: its files
are shared with the snapshots of other TIDs.
"""

from __future__ import annotations

import os
import stat

from hammerd.simulator.kernel.manifest import Attributes, Manifest
from hammerd.simulator.kernel.records import ROOT_OBJECT
from hammerd.simulator.kernel.state_files import remove_tree, unlink_if_there


def show_snapshot(manifest: Manifest, directory: str, contents: str) -> None:
    """Make a snapshot at `directory` whose files are hard links into `contents`."""
    os.makedirs(contents, exist_ok=True)
    _show(manifest, directory, contents)


def show_live(manifest: Manifest, directory: str) -> None:
    """Make a writable tree at `directory` whose files are its own."""
    _show(manifest, directory, "")


def sweep_contents(manifest: Manifest, contents: str) -> None:
    """Remove the contents that no file of this manifest has."""
    kept = {_content_name(manifest, object_) for object_ in manifest.inodes}
    for name in os.listdir(contents):
        if name not in kept:
            unlink_if_there(os.path.join(contents, name))


def _show(manifest: Manifest, directory: str, contents: str) -> None:
    building = f"{directory}.{os.getpid()}~"
    remove_tree(building)
    shown: dict[int, str] = {}
    _show_directory(manifest, ROOT_OBJECT, building, (contents, shown))
    try:
        os.rename(building, directory)
    except OSError:
        remove_tree(directory)  # an older one of the same TID
        os.rename(building, directory)


def _show_directory(
    manifest: Manifest, object_: int, path: str, context: tuple[str, dict[int, str]]
) -> None:
    os.mkdir(path, 0o700)
    for name, child in manifest.entries.get(object_, {}).items():
        if child in manifest.attributes:
            _show_entry(manifest, child, os.path.join(path, os.fsdecode(name)), context)
    apply_attributes(path, manifest.attributes[object_])


def _show_entry(
    manifest: Manifest, object_: int, path: str, context: tuple[str, dict[int, str]]
) -> None:
    contents, shown = context
    mode = manifest.attributes[object_].mode
    if stat.S_ISDIR(mode):
        _show_directory(manifest, object_, path, context)
    elif stat.S_ISLNK(mode):
        os.symlink(manifest.content(object_), os.fsencode(path))
    elif object_ in shown:
        os.link(shown[object_], path)
    else:
        _show_file(manifest, object_, path, contents)
        shown[object_] = path


def _show_file(manifest: Manifest, object_: int, path: str, contents: str) -> None:
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


def apply_attributes(path: str, attributes: Attributes) -> None:
    """Give a file or directory its owner (where we may), mode and time."""
    if os.geteuid() == 0:
        os.chown(path, attributes.uid, attributes.gid)
    os.chmod(path, stat.S_IMODE(attributes.mode))
    os.utime(path, ns=(attributes.mtime_ns, attributes.mtime_ns))
