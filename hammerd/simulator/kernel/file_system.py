"""One HAMMER file system: where its state lives, its lock, its TIDs and its knobs.

It knows nothing of PFSs or records. A flush takes a TID; the published one is what mirroring
sees: that of the last flush, or with the knob `publishes_previous` that of the flush before it,
as in the real kernel. Both move in `end_flush`, which wakes whoever waits for a TID.
"""

from __future__ import annotations

import errno
import fcntl
import os

from hammerd.simulator import clock
from hammerd.simulator.kernel import waiters
from hammerd.simulator.kernel.state_files import read_bytes, replace_file

STATE_DIRECTORY = ".hammerfs"
CALLS_WITH_HEADER = ("MIRROR_READ", "MIRROR_WRITE")


class InjectedError(Exception):
    """An ioctl that succeeds while its header carries an error number."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Lock:
    """Excludes other processes from a read-modify-write; gone with its process."""

    __slots__ = ("fd", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1

    def __enter__(self) -> None:
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


class FileSystem:
    """A mounted HAMMER file system, named by its root directory."""

    __slots__ = ("root", "state")

    def __init__(self, root: str) -> None:
        self.root = root
        self.state = os.path.join(root, STATE_DIRECTORY)

    def path(self, *names: str) -> str:
        """Return a path in the state directory."""
        return os.path.join(self.state, *names)

    def locked(self) -> Lock:
        """Return the lock under which state is read, changed and written back."""
        return Lock(self.path("lock"))

    def volume(self) -> dict[str, str]:
        """Return what newfs_hammer wrote: version, label, fsid and the first object id."""
        lines = os.fsdecode(read_bytes(self.path("volume"))).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def flush_tid(self) -> int:
        """Return the published TID: no mirroring sees what is newer."""
        return int(read_bytes(self.path("flush_tid")), 16)

    def last_flush_tid(self) -> int:
        """Return the TID of the last flush, past the published one when that waits for a next."""
        return max(self.flush_tid(), self._tid("unpublished_tid"))

    def end_flush(self, tid: int) -> None:
        """Publish this flush, whose records are all stored, or the one before; under the lock."""
        published = tid
        if self.is_set("publishes_previous"):
            published = self.last_flush_tid()
            self._store_tid("unpublished_tid", tid)
        self.publish_tid(published)

    def publish_tid(self, tid: int) -> None:
        """Show `tid` to mirroring and wake the waiters; call with the lock held.

        They are woken even where it stays: one may wait for a slave whose info was set.
        """
        self._store_tid("flush_tid", tid)
        waiters.wake(self.path("waiters"))

    def reserve_tid(self) -> int:
        """Return a TID for records to come, given to nobody before; call with the lock held."""
        tid = max(self.last_flush_tid(), self._tid("reserved_tid")) + tid_step()
        self._store_tid("reserved_tid", tid)
        return tid

    def move_tid(self) -> int:
        """Flush as any small write does and return the TID of that; call with the lock held."""
        tid = self.last_flush_tid() + tid_step()
        self.end_flush(tid)
        return tid

    def _tid(self, name: str) -> int:
        try:
            return int(read_bytes(self.path(name)), 16)
        except FileNotFoundError:
            return 0

    def _store_tid(self, name: str, tid: int) -> None:
        replace_file(self.path(name), b"%#018x\n" % tid)

    def knob(self, name: str) -> str:
        """Return the text of a knob, empty when it is not set."""
        try:
            return read_bytes(self.path(name)).decode().strip()
        except FileNotFoundError:
            return ""

    def is_set(self, name: str) -> bool:
        """Tell whether a knob that is on or off is on."""
        return self.knob(name) not in ("", "0")

    def slow_down(self, name: str) -> None:
        """Sleep as many milliseconds as the knob says."""
        milliseconds = self.knob(name)
        if milliseconds:
            clock.sleep(int(milliseconds) / 1000, name)

    def check_writable(self) -> None:
        """Raise EROFS when the file system is mounted read-only."""
        if self.is_set("ronly"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def check_fault(self, call: str) -> None:
        """Raise what the `faults` knob holds for this ioctl."""
        for line in self.knob("faults").splitlines():
            name, kind, code = line.split()
            if name == call and kind == "errno":
                raise OSError(int(code), os.strerror(int(code)))
            # Of the other calls hammer does not look at the header.
            if name == call and name in CALLS_WITH_HEADER:
                raise InjectedError(int(code))


def tid_step() -> int:
    """Return the distance of two flushes: 0x10 to 0x3f."""
    return 0x10 + os.urandom(1)[0] % 0x30


def find_file_system(directory: str) -> FileSystem | None:
    """Return the file system that a real path lives in, or None when it is not HAMMER."""
    while not os.path.isdir(os.path.join(directory, STATE_DIRECTORY)):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return FileSystem(directory)
