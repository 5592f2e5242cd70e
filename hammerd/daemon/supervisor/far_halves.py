"""Builds the environments of streams, from which hammerd-rsh learns how to start far halves.

A mirror-write on another host gets a guard before it. A key that is restricted to hammer's own
commands refuses that: the first refusal tells, and from then on such a host gets hammer's words
alone. `hammerd authorized-keys` prints a line with which the key itself has the guard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hammerd.core.hammer.commands import stream_environment
from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Gear, Pair


@dataclass(slots=True)
class FarHalves:
    """The start of far halves: hammer's `home`, hammerd-rsh, and this hammerd's owner word."""

    home: str
    rsh: str
    owner: str
    _refusing: set[Host] = field(default_factory=set)

    def environment(self, pair: Pair, gear: Gear) -> Mapping[str, str]:
        """Return the environment of a pair's mirror-stream."""
        host = pair.slave.host
        guard = "" if host in self._refusing else host.guard(self.owner, pair.slave.path)
        return stream_environment(self.home, self.rsh, pair, gear, guard)

    def guard_refused(self, pair: Pair) -> None:
        """Note that the key of a pair's slave lets only hammer's own commands run."""
        self._refusing.add(pair.slave.host)
