"""The ends that are read apart from the rest, because a reading of them failed or hung.

One bad end must not cost the others their answer, nor a process an interval. A file system on
which a command hangs gets no second one before the first is gone: it could not be killed either.
"""

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass, field

from hammerd.core.pairs import Endpoint
from hammerd.daemon.probe.reading import EndpointReading


@dataclass(slots=True)
class Quarantine:
    """Ends set apart, in the order in which they are to be tried again.

    `is_gone` tells whether a late command has ended after all.
    """

    is_gone: Callable[[int], bool]
    _ends: dict[Endpoint, EndpointReading | None] = field(default_factory=dict)
    _hung: dict[Hashable, set[int]] = field(default_factory=dict)

    def __contains__(self, end: Endpoint) -> bool:
        return end in self._ends

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, end: Endpoint, failed: EndpointReading | None) -> None:
        """Set an end apart, last in the queue; None while it is only suspected to hang."""
        self._ends.pop(end, None)
        self._ends[end] = failed

    def release(self, end: Endpoint) -> None:
        """Let an end that was read again be read with the others."""
        self._ends.pop(end, None)

    def failures(self, ends: Collection[Endpoint]) -> Iterator[EndpointReading]:
        """Yield how the readings of those that are set apart failed."""
        for end in ends:
            if (failed := self._ends.get(end)) is not None:
                yield failed

    def queue(self) -> tuple[Endpoint, ...]:
        """Return the ends in the order in which they are to be tried again."""
        return tuple(self._ends)

    def keep(self, ends: Collection[Endpoint]) -> None:
        """Forget ends that no pair has any more."""
        self._ends = {end: failed for end, failed in self._ends.items() if end in ends}

    def hangs(self, place: Hashable, pid: int) -> None:
        """Record that a command on a file system was killed, and may not be gone."""
        self._hung.setdefault(place, set()).add(pid)

    def is_hanging(self, place: Hashable) -> bool:
        """Tell whether a command on a file system is still not gone."""
        left = {pid for pid in self._hung.get(place, set()) if not self.is_gone(pid)}
        if left:
            self._hung[place] = left
        else:
            self._hung.pop(place, None)
        return bool(left)
