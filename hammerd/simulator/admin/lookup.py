"""Finds the file system that holds a path."""

from pathlib import Path

from hammerd.simulator.kernel.file_system.volume import FileSystem, find_file_system


def file_system_at(path: Path) -> FileSystem:
    """Return the file system that holds a path.

    Raises:
        ValueError: it is none of HAMMER.
    """
    fs = find_file_system(str(path.resolve()))
    if fs is None:
        raise ValueError(f"{path} is not in a HAMMER file system")
    return fs
