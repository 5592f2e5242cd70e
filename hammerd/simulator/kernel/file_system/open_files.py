"""The files of PFSs that are open (knob `open_files`), and the processes that hold them.

A line of the knob is either PFS ids, or `PFS USER COMMAND PID` and the file's name in the PFS,
none for a working directory in its root.
"""

from hammerd.simulator.kernel.file_system.volume import FileSystem


class OpenFile:
    """A file, or with an empty name the root, of a PFS that a process has open."""

    __slots__ = ("command", "name", "pfs_id", "pid", "user")

    def __init__(self, pfs_id: int, user: str, command: str, pid: int, name: str) -> None:
        self.pfs_id = pfs_id
        self.user = user
        self.command = command
        self.pid = pid
        self.name = name


def open_files(fs: FileSystem) -> list[OpenFile]:
    """Return all open files of a file system."""
    found = []
    for line in fs.knob("open_files").splitlines():
        words = line.split(None, 4)
        if all(word.isdigit() for word in words):
            found += [OpenFile(int(word), "root", "sh", 1000 + int(word), "") for word in words]
        else:
            name = words[4] if len(words) > 4 else ""
            found.append(OpenFile(int(words[0]), words[1], words[2], int(words[3]), name))
    return found
