"""One HAMMER file system: where its state lives, its lock, its TIDs and its knobs.

It knows nothing of PFSs or records. The published TID is what mirroring sees. In the recordings
a flush publishes its own TID at once; with the knob `flush_steps` it publishes in steps, as the
kernel does (publishing.py). Nobody makes the steps: who asks for a TID looks at the clock.
"""

from __future__ import annotations

import errno
import fcntl
import os

from hammerd.simulator import clock
from hammerd.simulator.kernel import waiters
from hammerd.simulator.kernel.publishing import SYNCER, Publishing, Shape, shape_of
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
        return self.publishing().published

    def last_flush_tid(self) -> int:
        """Return the TID of the last flush, past the published one when that waits for a next."""
        return self.publishing().last()

    def publishing(self) -> Publishing:
        """Return the TIDs of this file system as they stand now."""
        lines = read_bytes(self.path("flush_tid")).split(b"\n")
        found = Publishing(int(lines[0], 16), int(lines[1] or b"0", 16))
        groups = (line.split() for line in lines[2:] if line)
        found.groups = [(float(end), int(tid, 16)) for end, tid in groups]
        found.settle(clock.kernel_now())
        return found

    def store_publishing(self, publishing: Publishing) -> None:
        """Store the TIDs and wake the waiters; call with the lock held.

        They are woken even where nothing moved: one may wait for a slave whose info was set.
        """
        lines = [b"%#018x\n" % publishing.published]
        if publishing.last() > publishing.published:
            lines.append(b"%#018x\n" % publishing.finalized)
        lines += [b"%r %#018x\n" % group for group in publishing.groups]
        replace_file(self.path("flush_tid"), b"".join(lines))
        waiters.wake(self.path("waiters"))

    def publish_tid(self, tid: int) -> None:
        """Show `tid` to mirroring at once; call with the lock held."""
        self.store_publishing(Publishing(tid))

    def shape(self) -> Shape | None:
        """Return how the next flush goes, None when it publishes its own TID at once."""
        text = self.knob("flush_steps")
        if text in ("", "0"):
            return None
        number = self._tid("flush_number") + 1
        if text.startswith("random"):
            self._store_tid("flush_number", number)
        return shape_of(text, number)

    def time_scale(self) -> float:
        """Return what the waits of this file system are divided by."""
        return float(self.knob("time_scale") or clock.TIME_SCALE)

    def begin_flush(self, shape: Shape, tids: list[int]) -> Publishing:
        """Begin a flush whose groups have these TIDs; call with the lock held."""
        publishing = self.publishing()
        publishing.begin(clock.kernel_now(), self.ends_s(shape), tids)
        self.store_publishing(publishing)
        return publishing

    def begin_empty_flush(self, shape: Shape) -> Publishing:
        """Begin a flush that finds nothing new; call with the lock held."""
        publishing = self.publishing()
        publishing.begin_empty(clock.kernel_now(), self.ends_s(shape))
        self.store_publishing(publishing)
        return publishing

    def ends_s(self, shape: Shape) -> tuple[float, ...]:
        """Return after how many seconds of `kernel_now` the groups of a flush end."""
        scale = self.time_scale()
        return tuple(end_s / scale for end_s in shape.ends_s)

    def reserve_tid(self) -> int:
        """Return a TID for records to come, given to nobody before; call with the lock held."""
        return self.reserve_past(0)

    def reserve_past(self, taken: int) -> int:
        """Return such a TID that is also past one that was taken otherwise."""
        tid = max(taken, self.last_flush_tid(), self._tid("reserved_tid")) + tid_step()
        self._store_tid("reserved_tid", tid)
        return tid

    def move_tid(self) -> int:
        """Change something small and return the TID of that; call with the lock held.

        It is flushed at once, or where a flush publishes in steps by the next flush.
        """
        if self.is_set("flush_steps"):
            tid = self.reserve_tid()
            self._store_tid("dirty_tid", tid)
            return tid
        tid = self.last_flush_tid() + tid_step()
        self.publish_tid(tid)
        return tid

    def flush_small(self) -> None:
        """Flush after a change that is no write to a master; call with the lock held.

        In the kernel it takes no TID, but publishes what waits for a next flush.
        """
        if self.is_set("flush_steps"):
            self.begin_empty_flush(SYNCER)
        else:
            self.move_tid()

    def is_dirty(self) -> bool:
        """Tell whether something small changed that no flush has taken."""
        return self._tid("dirty_tid") > self.last_flush_tid()

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
        """Raise EROFS when the file system is read-only, by its mount or by itself."""
        if self.is_set("ronly") or self.has_turned_read_only():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def has_turned_read_only(self) -> bool:
        """Tell whether it lost its disk and has not been mounted anew since."""
        return os.path.exists(self.path("turned_ronly"))

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
