"""Prints a tree as the lines of core/verify/entries.py, and reads contents in parallel.

    the tree is read ── batches wait in their order ── lines
                          threads read their contents

The small files of a batch are one task, each large file is one. The batches that wait are few, so
memory stays bounded; while the oldest is read, a line with the bytes so far goes out each second.
"""

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import BinaryIO

from hammerd.cli.verify.contents import Content, digest_contents
from hammerd.cli.verify.tree import Found, read_paths, read_tree
from hammerd.core.verify.entries import DIGEST, END, TICK, Batch, encode_batch, path_of
from hammerd.core.verify.request import MILLION, EndRequest

LARGE_BYTES = 4 << 20
"""Files from this size on are tasks of their own."""

WAITING_PER_JOB = 2
TICK_S = 1.0
MOST_INODES = 100_000
"""The digests of hard links that are kept, so that a content with many names is read once."""


@dataclass(slots=True)
class _Waiting:
    found: Found
    tasks: list[Future[None]]
    known: dict[int, str]
    """The digests of other names of the same inodes, by index."""


def print_tree(root: str, request: EndRequest, out: BinaryIO) -> None:
    """Write the lines of a tree.

    Raises:
        OSError: the root cannot be opened, or a line not be written.
    """
    with ThreadPoolExecutor(request.jobs) as threads:
        output = _Output(threads, request, out)
        try:
            for found in _read(root, request):
                output.add(found)
            output.finish()
        finally:
            output.close()


def _read(root: str, request: EndRequest) -> Iterator[Found]:
    if request.only is not None:
        return read_paths(root, request.only)
    return read_tree(root, request.after)


class _Output:
    """The batches whose contents are being read, oldest first."""

    def __init__(self, threads: ThreadPoolExecutor, request: EndRequest, out: BinaryIO) -> None:
        self._threads = threads
        self._request = request
        self._write = out.write
        self._waiting: deque[_Waiting] = deque()
        self._digests: dict[int, str] = {}
        self._read_bytes = 0
        self._tick_at = 0.0

    def add(self, found: Found) -> None:
        """Begin to read the contents of a batch; write those that are complete."""
        known = self._known(found)
        wanted = [each for each in found.contents if self._is_wanted(found, each, known)]
        large = [each for each in wanted if each.size >= LARGE_BYTES]
        small = [each for each in wanted if each.size < LARGE_BYTES]
        groups = [*([small] if small else []), *([each] for each in large)]
        tasks = [self._threads.submit(self._digest, found, group) for group in groups]
        self._waiting.append(_Waiting(found, tasks, known))
        while len(self._waiting) > WAITING_PER_JOB * self._request.jobs:
            self._write_oldest()

    def finish(self) -> None:
        """Write all batches and the end of the tree."""
        while self._waiting:
            self._write_oldest()
        self._write(b"%c\n" % END)

    def close(self) -> None:
        """Cancel the tasks that have not begun, and close the directories."""
        for waiting in self._waiting:
            for task in waiting.tasks:
                task.cancel()
            wait(waiting.tasks)
            waiting.found.close()

    def _known(self, found: Found) -> dict[int, str]:
        digests = self._digests
        if not digests:
            return {}
        return {
            index: digest
            for index, inode in found.inodes.items()
            if (digest := digests.get(inode)) is not None
        }

    def _is_wanted(self, found: Found, content: Content, known: dict[int, str]) -> bool:
        if content.index in known:
            return False
        return self._request.is_whole or is_in_sample(
            path_of(found.directory, content.name), self._request
        )

    def _digest(self, found: Found, contents: list[Content]) -> None:
        digest_contents(found.fd, contents, self._request.algorithm, self._count)

    def _count(self, count: int) -> None:
        # A lost update of two threads only makes a progress bar a little wrong.
        self._read_bytes += count

    def _write_oldest(self) -> None:
        waiting = self._waiting[0]
        while wait(waiting.tasks, TICK_S).not_done:
            self._tick(time.monotonic())
        if (now_at := time.monotonic()) >= self._tick_at:
            self._tick(now_at)
        found = self._waiting.popleft().found
        found.close()
        for task in waiting.tasks:
            task.result()
        self._fill_in(found, waiting.known)
        batch = Batch(found.directory, found.entries, found.inodes, found.errors)
        self._write(encode_batch(batch, len(found.contents), found.size))

    def _fill_in(self, found: Found, known: dict[int, str]) -> None:
        for index, digest in known.items():
            found.entries[index][DIGEST] = digest
        for each in found.contents:
            if each.digest is not None:
                found.entries[each.index][DIGEST] = each.digest
                if each.index in found.inodes and len(self._digests) < MOST_INODES:
                    self._digests[found.inodes[each.index]] = each.digest
            elif each.error is not None:
                found.errors[each.index] = each.error

    def _tick(self, now_at: float) -> None:
        self._tick_at = now_at + TICK_S
        self._write(b"%c %d\n" % (TICK, self._read_bytes))


def is_in_sample(path: str, request: EndRequest) -> bool:
    """Return whether the content of a file is in the sample; the same at both ends."""
    if request.sample_of_million == 0:
        return False
    data = f"{request.seed}:{path}".encode(errors="surrogateescape")
    digest = hashlib.blake2b(data, digest_size=8, usedforsecurity=False).digest()
    return int.from_bytes(digest) % MILLION < request.sample_of_million
