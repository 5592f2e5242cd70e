"""Reads and replaces small files as a whole, so that a kill leaves the old or the new one."""

import os


def read_bytes(path: str) -> bytes:
    """Return the whole content of a file."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
    finally:
        os.close(fd)


def read_or_empty(path: str) -> bytes:
    """Return the whole content of a file, none if it is missing."""
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return b""


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, in as many calls as needed."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def replace_file(path: str, data: bytes) -> None:
    """Replace the content of a file by one rename."""
    temporary = f"{path}.{os.getpid()}~"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)
    os.rename(temporary, path)


def replace_symlink(path: str, text: str) -> None:
    """Make `path` a symlink with that text by one rename."""
    temporary = f"{path}.{os.getpid()}~"
    unlink_if_present(temporary)
    os.symlink(text, temporary)
    os.rename(temporary, path)


def unlink_if_present(path: str) -> None:
    """Remove a file; a missing one is no error."""
    try:  # noqa: SIM105 - contextlib costs every process of a stream 0.2 MB
        os.unlink(path)
    except FileNotFoundError:
        pass


def remove_tree(path: str) -> None:
    """Remove a directory and all below it, also read-only directories."""
    try:
        os.chmod(path, 0o700)
        entries = os.listdir(path)
    except FileNotFoundError:
        return
    for name in entries:
        below = os.path.join(path, name)
        if os.path.isdir(below) and not os.path.islink(below):
            remove_tree(below)
        else:
            unlink_if_present(below)
    os.rmdir(path)
