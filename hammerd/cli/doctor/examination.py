"""Examines all hosts and pairs of a config, in the order of the way: hosts, pairs, kernel logs.

What several pairs share is read once: each host, and in one go the paths and the pfs-status of all
local endpoints, as `hammerd check` does.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from hammerd.cli.check import path_check
from hammerd.cli.check.endpoint_check import pfs_status_result, probe_endpoints
from hammerd.cli.check.endpoint_verdicts import EndpointFacts
from hammerd.cli.doctor.findings import Block, Finding, not_tried
from hammerd.cli.doctor.machine import Machine
from hammerd.cli.doctor.other_streams import OtherStreams
from hammerd.cli.doctor.pair_way import MASTER, SLAVE, PairCase, PairEnd, examine_pair
from hammerd.cli.doctor.this_host import examine_kernel_log, examine_this_host
from hammerd.core.config.model import DaemonConfig
from hammerd.core.config.path_warnings import endpoint_warnings
from hammerd.core.hammer.commands import pfs_status_argv
from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.pair.probe_verdict import ProbeResult
from hammerd.core.pairs import Endpoint, Pair

if TYPE_CHECKING:
    from hammerd.core.api.free_space import FreeSpace
    from hammerd.daemon.paths.path_state import PathState


def examine(daemon: DaemonConfig, pairs: tuple[Pair, ...]) -> tuple[Block, ...]:
    """Try the whole way of these pairs."""
    return _Examination(daemon, pairs).blocks()


class _Examination:
    """The machines and the facts that the pairs share."""

    def __init__(self, daemon: DaemonConfig, pairs: tuple[Pair, ...]) -> None:
        self._hammer = daemon.hammer
        self._pairs = pairs
        self._here = Machine(THIS_HOST)
        self._this_host = examine_this_host(self._here, daemon.hammer)
        self._states = path_check.probe_paths(path_check.local_paths(pairs))
        self._facts = self._local_facts()
        self._streams = OtherStreams(self._here, daemon.run_dir)

    def blocks(self) -> tuple[Block, ...]:
        """Return all lines, in the order of the way."""
        this_host = self._this_host.block("this host", host="")
        pairs = [examine_pair(self._case(pair)) for pair in self._pairs]
        return (this_host, *pairs, examine_kernel_log(self._here))

    def _local_facts(self) -> Mapping[str, EndpointFacts]:
        if not self._this_host.ended_by:
            return probe_endpoints(self._hammer, self._pairs, self._states)
        return {
            path: EndpointFacts(state.link, None, state.real)
            for path, state in self._states.items()
        }

    def _case(self, pair: Pair) -> PairCase:
        links = path_check.pfs_links(self._states)
        return PairCase(
            pair,
            self._end(MASTER, pair.master),
            self._end(SLAVE, pair.slave),
            partial(self._read, pair.master),
            {"": self._streams},
            tuple((each.what, each.hint) for each in endpoint_warnings((pair,), links)),
        )

    def _end(self, name: str, endpoint: Endpoint) -> PairEnd:
        facts = self._facts.get(endpoint.path, EndpointFacts())
        return PairEnd(name, endpoint, self._here, facts, partial(self._space, endpoint))

    def _read(self, endpoint: Endpoint) -> ProbeResult:
        argv = pfs_status_argv(self._hammer, (endpoint,))
        return pfs_status_result(self._here.run_again(argv))

    def _space(self, endpoint: Endpoint) -> "FreeSpace | Finding":
        state: PathState | None = self._states.get(endpoint.path)
        found = state and state.free_space
        return found or not_tried("the file system tells no size")
