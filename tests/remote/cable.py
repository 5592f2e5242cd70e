"""A cable between two network namespaces of Linux: it can be cut, slow and lossy.

Each end is a TUN device. A thread carries the packets, so that no part of the kernel is needed
that some kernels leave out (tc's netem).
"""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

TUN = Path("/dev/net/tun")

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN_WITHOUT_HEADER = 0x0001 | 0x1000
_LONGEST_PACKET = 65536


def open_tun(namespace: Path, name: str) -> int:
    """Make a TUN device in a network namespace; return its descriptor."""
    opened: list[int | OSError] = []

    def enter_and_open() -> None:
        try:
            opened.append(_open_tun_inside(namespace, name))
        except OSError as error:
            opened.append(error)

    # A namespace is a thread's own: that of the process stays what it was.
    thread = threading.Thread(target=enter_and_open)
    thread.start()
    thread.join()
    if isinstance(opened[0], OSError):
        raise opened[0]
    return opened[0]


def _open_tun_inside(namespace: Path, name: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")
    fd = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN_WITHOUT_HEADER))
    return fd


@dataclass
class Cable:
    """Carries packets between two TUN devices; `loss` is a share, `delay_s` is for each way."""

    ends: tuple[int, int]
    delay_s: float = 0.0
    loss: float = 0.0
    is_cut: bool = False
    carried: int = 0
    lost: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    def __post_init__(self) -> None:
        self.on_the_way: list[tuple[float, int, int, bytes]] = []
        self.plugged: list[tuple[int, int]] = []
        self.wake_read, self.wake_write = os.pipe()
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    def cut(self) -> None:
        """Lose all packets from now on, without a word to either end."""
        self.is_cut = True

    def mend(self) -> None:
        self.is_cut = False

    def plug_in(self, end: int, fd: int) -> None:
        """Take another device for an end, of a host that was restarted."""
        self.plugged.append((end, fd))
        os.write(self.wake_write, b"x")

    def close(self) -> None:
        """End the thread; the devices vanish."""
        os.close(self.wake_write)
        self.thread.join()
        for fd in (*self.ends, self.wake_read):
            os.close(fd)

    def _carry(self) -> None:
        while True:
            wait_s = self._deliver()
            readable, _, _ = select.select([*self.ends, self.wake_read], [], [], wait_s)
            if self.wake_read not in readable:
                for fd in readable:
                    self._take(fd, self.ends[1 - self.ends.index(fd)])
            elif os.read(self.wake_read, 1):
                self._plug_in()
            else:
                return

    def _plug_in(self) -> None:
        end, fd = self.plugged.pop(0)
        os.close(self.ends[end])
        self.on_the_way.clear()
        self.ends = (fd, self.ends[1]) if end == 0 else (self.ends[0], fd)

    def _take(self, fd: int, to: int) -> None:
        try:
            packet = os.read(fd, _LONGEST_PACKET)
        except OSError:  # the device is down
            return
        if self.is_cut or self.chance.random() < self.loss:
            self.lost += 1
        else:
            self.carried += 1
            due_at = time.monotonic() + self.delay_s
            heapq.heappush(self.on_the_way, (due_at, self.carried, to, packet))

    def _deliver(self) -> float | None:
        """Deliver what is due; return the seconds to the next packet."""
        while self.on_the_way:
            wait_s = self.on_the_way[0][0] - time.monotonic()
            if wait_s > 0:
                return wait_s
            _, _, to, packet = heapq.heappop(self.on_the_way)
            if not self.is_cut:
                with contextlib.suppress(OSError):  # the device is down
                    os.write(to, packet)
        return None
