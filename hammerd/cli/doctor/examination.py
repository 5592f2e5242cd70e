"""Examines all hosts and pairs of a config, in the order of the way: hosts, pairs, systems.

What several pairs share is read once: each host, and in one go the paths and the pfs-status of all
local endpoints, as `hammerd check` does.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from hammerd.cli.check import path_check
from hammerd.cli.check.endpoint_check import pfs_status_result, probe_endpoints
from hammerd.cli.check.endpoint_verdicts import EndpointFacts
from hammerd.cli.doctor.lines.findings import NEEDS_OPEN_KEY, Block, Finding, Way, not_tried
from hammerd.cli.doctor.pair_case import MASTER, SLAVE, PairCase, PairEnd
from hammerd.cli.doctor.pair_way import examine_pair
from hammerd.cli.doctor.ssh.batch import fetch
from hammerd.cli.doctor.ssh.far_end import commands_of, read_pfs, read_space
from hammerd.cli.doctor.ssh.ssh_way import HostWay, examine_login
from hammerd.cli.doctor.system.machine import Machine
from hammerd.cli.doctor.system.other_streams import OtherStreams
from hammerd.cli.doctor.system.this_host import examine_system, examine_this_host
from hammerd.core.config.model import DaemonConfig
from hammerd.core.config.path_warnings import endpoint_warnings
from hammerd.core.hammer.commands import pfs_status_argv
from hammerd.core.hosts.host import THIS_HOST, Host
from hammerd.core.pair.probe_verdict import ProbeResult
from hammerd.core.pairs import Endpoint, Pair, turns_of

if TYPE_CHECKING:
    from hammerd.core.api.free_space import FreeSpace
    from hammerd.daemon.paths.path_state import PathState


MOST_HOSTS_AT_ONCE = 8


def examine(daemon: DaemonConfig, pairs: tuple[Pair, ...]) -> tuple[Block, ...]:
    """Try the whole way of these pairs, to each slave of those whose slaves take turns."""
    return _Examination(daemon, tuple(turn for pair in pairs for turn in turns_of(pair))).blocks()


class _Examination:
    """The machines and the facts that the pairs share."""

    def __init__(self, daemon: DaemonConfig, pairs: tuple[Pair, ...]) -> None:
        self._hammer = daemon.hammer
        self._pairs = pairs
        self._here = Machine(THIS_HOST)
        self._this_host = examine_this_host(self._here, daemon.hammer)
        self._states = path_check.probe_paths(path_check.local_paths(pairs))
        self._facts = self._local_facts()
        self._run_dir = daemon.run_dir
        self._far = {host: Machine(host) for host in _hosts_with_login(pairs)}
        self._streams: dict[Host, OtherStreams] = {}
        # Hosts that do not answer cost seconds each.
        with ThreadPoolExecutor(MOST_HOSTS_AT_ONCE) as pool:
            logins = pool.map(self._examine_host, self._far)
            self._logins = dict(zip(self._far, logins, strict=True))

    def blocks(self) -> tuple[Block, ...]:
        """Return all lines, in the order of the way."""
        this_host = self._this_host.block("this host")
        far = [way.block(self._title(host), host=host.login) for host, way in self._ways()]
        pairs = [examine_pair(self._case(pair)) for pair in self._pairs]
        reached = [
            examine_system(self._far[host], self._logins[host].clock)
            for host, way in self._ways()
            if not way.ended_by
        ]
        return (this_host, *far, *pairs, examine_system(self._here), *reached)

    def _title(self, host: Host) -> str:
        """Return the name of a host, with its pairs if others reach it in another way."""
        if [other.login for other in self._far].count(host.login) == 1:
            return host.login
        names = [pair.name for pair in self._pairs if host in (pair.master.host, pair.slave.host)]
        return f"{host.login} (for {', '.join(names)})"

    def _ways(self) -> Iterator[tuple[Host, Way]]:
        return ((host, login.way) for host, login in self._logins.items())

    def _examine_host(self, host: Host) -> HostWay:
        machine = self._far[host]
        login = examine_login(machine)
        if machine.is_open and not login.way.ended_by:
            fetch(machine, self._needed(host))
        return login

    def _needed(self, host: Host) -> tuple[tuple[str, ...], ...]:
        """Return all commands that the lines about an open host need."""
        ends = [end for pair in self._pairs for end in (pair.master, pair.slave)]
        of_ends = [words for end in ends if end.host == host for words in commands_of(end)]
        return (*self._far[host].commands(), host.command(self._hammer, ("-h",)), *of_ends)

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
            self._streams_of(pair),
            tuple((each.what, each.hint) for each in endpoint_warnings((pair,), links)),
        )

    def _end(self, name: str, endpoint: Endpoint) -> PairEnd:
        if endpoint.host.shares_paths:
            facts = self._facts.get(endpoint.path, EndpointFacts())
            return PairEnd(name, endpoint, self._here, facts, partial(self._space, endpoint))
        machine, way = self._far[endpoint.host], self._logins[endpoint.host].way
        if way.ended_by:
            facts, ended_by = EndpointFacts(), f"{machine.name}: {way.ended_by}"
        else:
            facts, ended_by = EndpointFacts(probe=read_pfs(machine, endpoint)), ""
        space = partial(read_space, machine, endpoint)
        return PairEnd(name, endpoint, machine, facts, space, ended_by)

    def _streams_of(self, pair: Pair) -> Mapping[str, OtherStreams | Finding]:
        """Return the streams of this host, and of the other hosts by the name of the end."""
        streams: dict[str, OtherStreams | Finding] = {"": self._other_streams(self._here)}
        for name, endpoint in ((MASTER, pair.master), (SLAVE, pair.slave)):
            if endpoint.host.shares_processes:
                continue
            machine, way = self._far[endpoint.host], self._logins[endpoint.host].way
            if way.ended_by:
                streams[name] = not_tried(f"see {name} host")
            elif machine.is_open:
                streams[name] = self._other_streams(machine)
            else:
                streams[name] = not_tried(NEEDS_OPEN_KEY)
        return streams

    def _other_streams(self, machine: Machine) -> OtherStreams:
        if machine.host not in self._streams:
            self._streams[machine.host] = OtherStreams(machine, self._run_dir)
        return self._streams[machine.host]

    def _read(self, endpoint: Endpoint) -> ProbeResult:
        machine = self._far.get(endpoint.host, self._here)
        return pfs_status_result(machine.run_again(pfs_status_argv(self._hammer, (endpoint,))))

    def _space(self, endpoint: Endpoint) -> "FreeSpace | Finding":
        state: PathState | None = self._states.get(endpoint.path)
        found = state and state.free_space
        return found or not_tried("the file system tells no size")


def _hosts_with_login(pairs: tuple[Pair, ...]) -> tuple[Host, ...]:
    ends = (endpoint for pair in pairs for endpoint in (pair.master, pair.slave))
    return tuple(dict.fromkeys(each.host for each in ends if each.host.needs_login))
