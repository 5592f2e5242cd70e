"""The file systems that are mounted on a machine, and the list of all mounts."""

from __future__ import annotations

import os

from hammerd.simulator.kernel.file_system import null_mounts
from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY, FileSystem


class Mount:
    """A mount as mount(8) lists it."""

    __slots__ = ("place", "source", "type")

    def __init__(self, source: str, place: str, kind: str) -> None:
        self.source = source
        self.place = place
        self.type = kind

    def __str__(self) -> str:
        """Return the line of mount(8)."""
        return f"{self.source} on {self.place} ({self.type}, local)"

    @property
    def fstab_line(self) -> str:
        """The line of `mount -p`."""
        return f"{self.source}\t{self.place}\t{self.type} rw\t0 0"


def file_systems(machine: str | os.PathLike[str]) -> list[FileSystem]:
    """Return the mounted file systems in a directory: no other list exists here."""
    names = sorted(name for name in os.listdir(machine) if not name.startswith("."))
    roots = [os.path.join(machine, name) for name in names]
    return [
        FileSystem(os.path.realpath(root))
        for root in roots
        if os.path.exists(os.path.join(root, STATE_DIRECTORY))
    ]


def mounts(machine: str | os.PathLike[str]) -> list[Mount]:
    """Return the file systems in a directory and their null mounts."""
    all_fs = file_systems(machine)
    roots = [Mount(fs.volume()["label"], fs.root, "hammer") for fs in all_fs]
    return [*roots, *(mount for fs in all_fs for mount in _null_mounts(fs))]


def _null_mounts(fs: FileSystem) -> list[Mount]:
    return [
        Mount(os.path.join(fs.root, source), os.path.join(fs.root, place), "null")
        for place, source in null_mounts.sources(fs).items()
    ]
