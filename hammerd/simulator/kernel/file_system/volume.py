"""One HAMMER file system: the place of its state, its lock, its TIDs and its knobs.

PFSs and records are in other modules. Mirroring sees the published TID. In the recordings a flush
publishes its own TID at once; with the knob `flush_steps` it publishes in steps, as the kernel
does (publishing.py). No process makes the steps: they follow from the clock at each read.
"""

import errno
import fcntl
import os

from hammerd.simulator.kernel.file_system.publishing import SYNCER, Publishing, Shape, shape_of
from hammerd.simulator.runtime import clock, waiters
from hammerd.simulator.runtime.state_files import read_bytes, read_or_empty, replace_file

STATE_DIRECTORY = ".hammerfs"
CALLS_WITH_HEADER = ("MIRROR_READ", "MIRROR_WRITE")


class InjectedError(Exception):
    """Reports an ioctl that succeeded with an error number in its header."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Lock:
    """Excludes other processes while state is changed; it ends with its process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1

    def __enter__(self) -> None:
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


class FileSystem:
    """A mounted HAMMER file system, identified by its root directory."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.state = os.path.join(root, STATE_DIRECTORY)

    def path(self, *names: str) -> str:
        """Return a path in the state directory."""
        return os.path.join(self.state, *names)

    def locked(self) -> Lock:
        """Return the lock for reading state, changing it and writing it back."""
        return Lock(self.path("lock"))

    def volume(self) -> dict[str, str]:
        """Return the values that newfs_hammer wrote: version, label and fsid."""
        lines = os.fsdecode(read_bytes(self.path("volume"))).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def flush_tid(self) -> int:
        """Return the published TID: mirroring sees nothing newer."""
        return self.publishing().published

    def last_flush_tid(self) -> int:
        """Return the TID of the last flush, which the next flush may have to publish."""
        return self.publishing().last()

    def publishing(self) -> Publishing:
        """Return the TIDs of this file system at this moment."""
        lines = read_bytes(self.path("flush_tid")).split(b"\n")
        found = Publishing(int(lines[0], 16), int(lines[1] or b"0", 16))
        groups = (line.split() for line in lines[2:] if line)
        found.groups = [(float(end), int(tid, 16)) for end, tid in groups]
        found.settle(clock.kernel_now())
        return found

    def store_publishing(self, publishing: Publishing) -> None:
        """Store the TIDs and wake the waiters; call with the lock held.

        They are woken even if no TID moved: one may wait for a slave whose info was set.
        """
        lines = [b"%#018x\n" % publishing.published]
        if publishing.last() > publishing.published:
            lines.append(b"%#018x\n" % publishing.finalized)
        lines += [b"%r %#018x\n" % group for group in publishing.groups]
        replace_file(self.path("flush_tid"), b"".join(lines))
        waiters.wake(self.path("waiters"))

    def publish_tid(self, tid: int) -> None:
        """Publish `tid` at once; call with the lock held."""
        self.store_publishing(Publishing(tid))

    def shape(self) -> Shape | None:
        """Return the shape of the next flush, None if it publishes its own TID at once."""
        text = self.knob("flush_steps")
        if text in ("", "0"):
            return None
        number = self._tid("flush_number") + 1
        if text.startswith("random"):
            self._store_tid("flush_number", number)
        return shape_of(text, number)

    def time_scale(self) -> float:
        """Return the divisor of all waits of this file system."""
        return float(self.knob("time_scale") or clock.TIME_SCALE)

    def begin_flush(self, shape: Shape, tids: list[int]) -> Publishing:
        """Begin a flush whose groups have these TIDs, none without changes; lock held."""
        publishing = self.publishing()
        if tids:
            publishing.begin(clock.kernel_now(), self.ends_s(shape), tids)
        else:
            publishing.begin_empty(clock.kernel_now(), self.ends_s(shape))
        self.store_publishing(publishing)
        return publishing

    def ends_s(self, shape: Shape) -> tuple[float, ...]:
        """Return the seconds of `kernel_now` after which the groups of a flush end."""
        scale = self.time_scale()
        return tuple(end_s / scale for end_s in shape.ends_s)

    def reserve_tid(self, taken: int = 0) -> int:
        """Return an unused TID above `taken` for records to come; call with the lock held."""
        tid = max(taken, self.last_flush_tid(), self._tid("reserved_tid")) + tid_step()
        self._store_tid("reserved_tid", tid)
        return tid

    def move_tid(self) -> int:
        """Take a TID for a small change and return it; call with the lock held.

        The change is flushed at once or, with `flush_steps`, by the next flush.
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

        In the kernel this takes no TID, but publishes what waits for the next flush.
        """
        if self.is_set("flush_steps"):
            self.begin_flush(SYNCER, [])
        else:
            self.move_tid()

    def is_dirty(self) -> bool:
        """Return whether a small change waits for a flush."""
        return self._tid("dirty_tid") > self.last_flush_tid()

    def _tid(self, name: str) -> int:
        return int(read_or_empty(self.path(name)) or b"0", 16)

    def _store_tid(self, name: str, tid: int) -> None:
        replace_file(self.path(name), b"%#018x\n" % tid)

    def next_object(self) -> int:
        """Return the id of the next new object."""
        return int(read_bytes(self.path("next_object")), 16)

    def store_next_object(self, object_: int) -> None:
        """Set the id of the next new object; call with the lock held."""
        replace_file(self.path("next_object"), b"%x\n" % object_)

    def knob(self, name: str) -> str:
        """Return the text of a knob, empty if it is not set."""
        return read_or_empty(self.path(name)).decode().strip()

    def is_set(self, name: str) -> bool:
        """Return whether a knob is on."""
        return self.knob(name) not in ("", "0")

    def slow_down(self, name: str) -> None:
        """Sleep for the milliseconds of a knob."""
        milliseconds = self.knob(name)
        if milliseconds:
            clock.sleep(int(milliseconds) / 1000, name)

    def check_writable(self) -> None:
        """Raise EROFS if the file system is mounted read-only or has turned read-only."""
        if self.is_set("ronly") or self.has_turned_read_only():
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def has_turned_read_only(self) -> bool:
        """Return whether its disk was lost since the last mount."""
        return os.path.exists(self.path("turned_ronly"))

    def check_fault(self, call: str) -> None:
        """Raise the error that the knob `faults` holds for this ioctl."""
        for line in self.knob("faults").splitlines():
            name, kind, code = line.split()
            if name == call and kind == "errno":
                raise OSError(int(code), os.strerror(int(code)))
            # hammer does not check the header of the other calls.
            if name == call and name in CALLS_WITH_HEADER:
                raise InjectedError(int(code))


def tid_step() -> int:
    """Return a random distance of two TIDs: 0x10 to 0x3f."""
    return 0x10 + os.urandom(1)[0] % 0x30


def find_file_system(directory: str) -> FileSystem | None:
    """Return the file system that holds a real path, None if it is not HAMMER."""
    while not os.path.isdir(os.path.join(directory, STATE_DIRECTORY)):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return FileSystem(directory)
