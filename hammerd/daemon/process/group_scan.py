"""Batches scans of process groups: one scan of the process table answers all pending requests.

After each scan the next one is delayed as long as the scan took, so that many groups that begin
or end at once use half of the processor at most.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping

from hammerd.daemon.process.process_table import Member, members_of

RETRY_S = 0.5
FIRST_DELAY_S, LONGEST_DELAY_S = 0.002, 0.5

OnMembers = Callable[[tuple[Member, ...]], None]
Scan = Callable[[Collection[int]], Mapping[int, tuple[Member, ...]]]


def sweep_delays() -> Iterator[float]:
    """Yield the seconds between two scans of a group that is ending: 2, 4, 8 ... 500 ms."""
    delay_s = FIRST_DELAY_S
    while True:
        yield delay_s
        delay_s = min(2 * delay_s, LONGEST_DELAY_S)


class GroupScan:
    """The pending requests for members of groups."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scan: Scan = members_of) -> None:
        self._loop = loop
        self._scan = scan
        self._requests: dict[int, list[OnMembers]] = {}
        self._is_due = False
        self._next_at = 0.0

    def request(self, pgid: int, on_members: OnMembers) -> None:
        """Have the loop call `on_members` with the members of a group, zombies included."""
        self._requests.setdefault(pgid, []).append(on_members)
        if not self._is_due:
            self._is_due = True
            self._loop.call_at(max(self._next_at, self._loop.time()), self._run)

    def _run(self) -> None:
        self._is_due = False
        began_at = self._loop.time()
        try:
            found = self._scan(self._requests)
        except Exception as error:
            # The requests stay pending: a table that cannot be read proves no group empty, and
            # after an unexpected error as well the requests need an answer.
            what = "the process table cannot be read"
            self._loop.call_exception_handler({"message": what, "exception": error})
            self._is_due = True
            self._loop.call_later(RETRY_S, self._run)
            return
        requests, self._requests = self._requests, {}
        now_at = self._loop.time()
        self._next_at = now_at + (now_at - began_at)
        for pgid, callbacks in requests.items():
            for on_members in callbacks:
                # A separate callback for each: an error in one does not affect the others.
                self._loop.call_soon(on_members, found[pgid])
