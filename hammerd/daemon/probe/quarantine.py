"""Holds the quarantine: endpoints whose last reading failed or hung are read separately.

One bad endpoint must not cost the others their reading, nor a process per interval. A file system
on which a command hangs gets no second command before the first has ended: neither can be killed.
"""

from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass, field

from hammerd.core.pairs import Endpoint
from hammerd.daemon.probe.reading import EndpointReading


@dataclass(slots=True)
class Quarantine:
    """Quarantined endpoints, in the order in which they are to be tried again.

    `has_ended` returns whether a late command has ended after all.
    """

    has_ended: Callable[[int], bool]
    _endpoints: dict[Endpoint, EndpointReading | None] = field(default_factory=dict)
    _hung: dict[Hashable, set[int]] = field(default_factory=dict)

    def __contains__(self, endpoint: Endpoint) -> bool:
        return endpoint in self._endpoints

    def add(self, endpoint: Endpoint, failed: EndpointReading | None) -> None:
        """Quarantine an endpoint, last in the queue; None while it is only suspected to hang."""
        self._endpoints.pop(endpoint, None)
        self._endpoints[endpoint] = failed

    def release(self, endpoint: Endpoint) -> None:
        """Let an endpoint that was read again be read with the others."""
        self._endpoints.pop(endpoint, None)

    def failures(self, endpoints: Collection[Endpoint]) -> Iterator[EndpointReading]:
        """Yield the failed readings of those endpoints that are quarantined."""
        for endpoint in endpoints:
            if (failed := self._endpoints.get(endpoint)) is not None:
                yield failed

    def queue(self) -> tuple[Endpoint, ...]:
        """Return the endpoints in the order in which they are to be tried again."""
        return tuple(self._endpoints)

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget endpoints that no pair has any more."""
        for removed in self._endpoints.keys() - set(endpoints):
            del self._endpoints[removed]

    def add_hung(self, file_system: Hashable, pid: int) -> None:
        """Record that a command on a file system was killed, and may still run."""
        self._hung.setdefault(file_system, set()).add(pid)

    def is_hanging(self, file_system: Hashable) -> bool:
        """Return whether a killed command on a file system still runs."""
        left = {pid for pid in self._hung.pop(file_system, set()) if not self.has_ended(pid)}
        if left:
            self._hung[file_system] = left
        return bool(left)
