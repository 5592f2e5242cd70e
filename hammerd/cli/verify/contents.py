"""Reads the contents of files and digests them."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import local
from typing import TYPE_CHECKING

from hammerd.core.verify.request import ALGORITHMS

if TYPE_CHECKING:
    from hashlib import _Hash


READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BUFFER_BYTES = 1 << 20
SMALL_BYTES = 64 << 10
"""Files up to this size are read at once."""

DIGEST_DIGITS = 32
TRIAL_BYTES, TRIALS = 1 << 18, 3

OnRead = Callable[[int], None]
"""Is told how many bytes were read."""

_buffers = local()


@dataclass(slots=True)
class Content:
    """A file of a directory, and what reading it found: a digest, or an error."""

    index: int
    name: str
    size: int
    digest: str | None = None
    error: str | None = None


def fastest_algorithm() -> str:
    """Return the name of the digest that is fastest on this machine."""
    return min(ALGORITHMS, key=_trial_s)


def _trial_s(name: str) -> float:
    data, best_s = bytes(TRIAL_BYTES), float("inf")
    for _ in range(TRIALS):
        began_at = time.perf_counter()
        hashlib.new(name, data, usedforsecurity=False)
        best_s = min(best_s, time.perf_counter() - began_at)
    return best_s


def digest_contents(
    directory_fd: int, contents: Iterable[Content], algorithm: str, on_read: OnRead
) -> None:
    """Digest files of an open directory; one that cannot be read gets its error."""
    new = getattr(hashlib, algorithm)
    for each in contents:
        try:
            fd = os.open(each.name, READ_FLAGS, dir_fd=directory_fd)
            try:
                each.digest = _digest(fd, each.size, new, on_read)
            finally:
                os.close(fd)
        except OSError as error:
            each.error = error.strerror or str(error)


def _digest(fd: int, size: int, new: Callable[..., "_Hash"], on_read: OnRead) -> str:
    if size <= SMALL_BYTES:
        data = os.read(fd, size + 1)
        if len(data) == size:
            on_read(size)
            return new(data, usedforsecurity=False).hexdigest()[:DIGEST_DIGITS]
        os.lseek(fd, 0, os.SEEK_SET)
    digest, buffer = new(usedforsecurity=False), _buffer()
    while count := os.readv(fd, (buffer,)):
        digest.update(buffer[:count])
        on_read(count)
    return digest.hexdigest()[:DIGEST_DIGITS]


def _buffer() -> memoryview:
    """Return the buffer of this thread."""
    try:
        return memoryview(_buffers.buffer)
    except AttributeError:
        _buffers.buffer = bytearray(BUFFER_BYTES)
        return memoryview(_buffers.buffer)
