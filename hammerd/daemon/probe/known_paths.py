"""Holds the last known state of each endpoint's path, and the names that follow from it.

Paths are read again before each reading: a link may have been changed since the last one.
"""

from collections.abc import Collection, Hashable, Iterable
from dataclasses import replace
from posixpath import dirname

from hammerd.core.flush.flushes import FlushPath
from hammerd.core.pairs import Endpoint
from hammerd.daemon.paths.path_state import PathState
from hammerd.daemon.paths.prober import PathProber
from hammerd.daemon.timing.clock import Clock


class KnownPaths:
    """The last states of the paths of all endpoints on this machine."""

    def __init__(self, prober: PathProber, clock: Clock) -> None:
        self._prober = prober
        self._clock = clock
        self._states: dict[Endpoint, PathState] = {}
        self._asked_at: dict[Endpoint, float] = {}

    async def read(
        self, endpoints: Collection[Endpoint], *, is_quick: bool = False
    ) -> frozenset[Endpoint]:
        """Read paths; return the endpoints whose paths hang, or if quick those that are slow."""
        asked_at = self._clock.now().at
        answers = await self._prober.probe((one.path for one in endpoints), is_quick=is_quick)
        for endpoint in endpoints:
            if (state := answers.get(endpoint.path)) is not None:
                self._states[endpoint], self._asked_at[endpoint] = state, asked_at
        return frozenset(one for one in endpoints if answers.get(one.path, True) is None)

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget endpoints that no pair has any more."""
        for known in (self._states, self._asked_at):
            for removed in known.keys() - set(endpoints):
                del known[removed]

    def unknown(self, endpoints: Iterable[Endpoint]) -> set[Endpoint]:
        """Return those of these endpoints whose paths were never read."""
        return {one for one in endpoints if one not in self._states}

    def state(self, endpoint: Endpoint) -> PathState | None:
        """Return the last state of an endpoint's path, None before it was read."""
        return self._states.get(endpoint)

    def asked_at(self, endpoint: Endpoint) -> float | None:
        """Return when the read of that state was requested, None before one was."""
        return self._asked_at.get(endpoint)

    def operand(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint as hammer needs it: a symlink to a PFS softlink is followed."""
        state = self._states.get(endpoint)
        return replace(endpoint, path=state.operand) if state else endpoint

    def target(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint as a stream needs it: no link on its path can be changed."""
        state = self._states.get(endpoint)
        return replace(endpoint, path=state.target) if state else endpoint

    def names(self, endpoint: Endpoint) -> tuple[Endpoint, ...]:
        """Return an endpoint as it is written, as hammer needs it, and as a stream needs it."""
        return endpoint, self.operand(endpoint), self.target(endpoint)

    def real_path(self, endpoint: Endpoint) -> str | None:
        """Return a path without any symlink in it, None before it was read."""
        state = self._states.get(endpoint)
        return state.real if state else None

    def flush_path(self, endpoint: Endpoint) -> FlushPath | None:
        """Return the path through which an endpoint is flushed, None before it was read."""
        state = self._states.get(endpoint)
        if state is None:
            return None
        if state.is_pfs_link:
            return FlushPath(dirname(state.real), is_in_root_pfs=True)
        return FlushPath(state.operand)

    def file_system(self, endpoint: Endpoint) -> Hashable:
        """Return a key for the file system of an endpoint: its device, or else its directory."""
        state = self._states.get(endpoint)
        return state.device if state and state.device is not None else dirname(endpoint.path)
