"""Reads a tree in the order of core/verify/entries.py, a directory at a time.

In memory are the names of one directory, and of the directories that are still to come on the way
to it. No symbolic link is followed, and no other file system entered: a PFS in the tree is a
symbolic link. A file that cannot be read is an error of its entry.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hammerd.cli.verify.contents import Content
from hammerd.core.verify.entries import (
    BATCH_ENTRIES,
    LISTING,
    ROOT,
    ROOT_PARENT,
    Entry,
    order,
    split_path,
)

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Found:
    """A batch of a directory as it is read; `fd` is the open directory, for its contents."""

    directory: str
    fd: int = -1
    entries: list[Entry] = field(default_factory=list)
    inodes: dict[int, int] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    contents: list[Content] = field(default_factory=list)
    size: int = 0
    below: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Close the directory."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def read_tree(root: str, after: str | None = None) -> Iterator[Found]:
    """Yield the batches of a tree, only those of directories past `after`.

    The caller closes each of them.

    Raises:
        OSError: the root cannot be opened.
    """
    root_fd = os.open(root, DIRECTORY_FLAGS & ~os.O_NOFOLLOW)
    try:
        device = os.fstat(root_fd).st_dev
        done = order(after) if after is not None else None
        if done is None:
            yield _root(root_fd)
        ahead = [ROOT]
        while ahead:
            directory = ahead.pop()
            batches = _read_directory(root_fd, directory, device)
            place = order(directory)
            below: list[str] = []
            for found in batches:
                below += found.below
                if done is None or place > done:
                    yield found
                else:
                    found.close()
            below.reverse()
            ahead += below if done is None else [each for each in below if _may_come(each, done)]
    finally:
        os.close(root_fd)


def read_paths(root: str, paths: Iterable[str]) -> Iterator[Found]:
    """Yield a batch for each of these paths that exists, in their order.

    Raises:
        OSError: the root cannot be opened.
    """
    root_fd = os.open(root, DIRECTORY_FLAGS & ~os.O_NOFOLLOW)
    try:
        for path in paths:
            if path == ROOT:
                yield _root(root_fd)
                continue
            directory, name = split_path(path)
            try:
                found = Found(directory, _open_below(root_fd, directory))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                yield _unlisted(directory, error)
                continue
            yield from _read_name(found, name)
    finally:
        os.close(root_fd)


def _read_name(found: Found, name: str) -> Iterator[Found]:
    try:
        status = os.stat(_native(name), dir_fd=found.fd, follow_symlinks=False)
    except FileNotFoundError:
        found.close()
    except OSError as error:
        _add_unread(found, name, error)
        yield found
    else:
        _add(found, _native(name), status)
        yield found


def _may_come(directory: str, done: tuple[str, ...]) -> bool:
    """Return whether a directory, or one below it, comes after the last one that is done."""
    place = order(directory)
    return place >= done[: len(place)]


def _root(root_fd: int) -> Found:
    found = Found(ROOT_PARENT)
    found.entries.append(_common(ROOT, os.fstat(root_fd)))
    return found


def _read_directory(root_fd: int, directory: str, device: int) -> Iterator[Found]:
    """Yield the batches of a directory, at least one."""
    try:
        fd = _open_below(root_fd, directory)
    except OSError as error:
        yield _unlisted(directory, error)
        return
    try:
        if os.fstat(fd).st_dev != device:
            return
        # Names only: what scandir() keeps of each would be ten times as much.
        listed = sorted(os.listdir(fd), key=_portable)
        for start in range(0, max(len(listed), 1), BATCH_ENTRIES):
            found = Found(directory, os.dup(fd))
            for name in listed[start : start + BATCH_ENTRIES]:
                _add_listed(found, name)
            yield found
    except OSError as error:
        yield _unlisted(directory, error)
    finally:
        os.close(fd)


def _unlisted(directory: str, error: OSError) -> Found:
    return Found(directory, errors={LISTING: error.strerror or str(error)})


def _open_below(root_fd: int, directory: str) -> int:
    """Open a directory of the tree, however long its path is."""
    try:
        return os.open(directory, DIRECTORY_FLAGS, dir_fd=root_fd)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
    fd = os.dup(root_fd)
    for name in directory.split("/"):
        above = fd
        try:
            fd = os.open(name, DIRECTORY_FLAGS, dir_fd=above)
        finally:
            os.close(above)
    return fd


def _native(name: str) -> str:
    """Return a name as this process has it, from its form in UTF-8."""
    if sys.getfilesystemencoding() == "utf-8":
        return name
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def _portable(name: str) -> str:
    """Return a name as it is in UTF-8, whatever the encoding of this process is."""
    if sys.getfilesystemencoding() == "utf-8":
        return name
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _add_listed(found: Found, name: str) -> None:
    try:
        status = os.stat(name, dir_fd=found.fd, follow_symlinks=False)
    except OSError as error:
        _add_unread(found, _portable(name), error)
    else:
        _add(found, name, status)


def _add_unread(found: Found, name: str, error: OSError) -> None:
    found.errors[len(found.entries)] = error.strerror or str(error)
    found.entries.append([name, 0, 0, 0, 0, 0])


def _add(found: Found, name: str, status: os.stat_result) -> None:
    index = len(found.entries)
    entry, mode = _common(_portable(name), status), status.st_mode
    found.entries.append(entry)
    if stat.S_ISDIR(mode):
        found.below.append(f"{found.directory}/{entry[0]}")
        return
    if status.st_nlink > 1:
        found.inodes[index] = status.st_ino
    if stat.S_ISREG(mode):
        entry += status.st_size, None
        found.size += status.st_size
        found.contents.append(Content(index, name, status.st_size))
    elif stat.S_ISLNK(mode):
        try:
            entry.append(_portable(os.readlink(name, dir_fd=found.fd)))
        except OSError as error:
            found.errors[index] = error.strerror or str(error)
    elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        entry.append(status.st_rdev)


def _common(name: str, status: os.stat_result) -> Entry:
    flags = getattr(status, "st_flags", 0)
    return [name, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, flags]
