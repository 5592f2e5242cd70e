"""Runs `hammer pfs-status` for each local endpoint of a config, a few at a time.

A pfs-status that does not return is killed after a timeout: only its endpoint stays unknown. A
slave whose softlink is that of a master gets no pfs-status, which would overwrite its stored TID
(docs/hammer.md 1.7).
"""

import os
import pwd
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hammerd.cli.check.bounded_command import Child, CommandResult, start_command, wait_for
from hammerd.cli.check.endpoint_verdicts import EndpointFacts
from hammerd.cli.check.path_check import local_paths
from hammerd.core.errors import BadOutput
from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import parse_pfs_status
from hammerd.core.pair.probe_verdict import PathStat, ProbeFailed, ProbeResult, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair

if TYPE_CHECKING:
    from hammerd.daemon.paths.path_state import PathState

TIMEOUT_S = 10.0
MOST_AT_ONCE = 8

_HANGS = "a look at its path does not come back: does its disk hang?"


def probe_endpoints(
    hammer: str, pairs: tuple[Pair, ...], states: "Mapping[str, PathState]"
) -> dict[str, EndpointFacts]:
    """Return the facts about the pairs' local endpoints, from their softlinks and pfs-status."""
    paths = local_paths(pairs)
    slaves = {pair.slave.path for pair in pairs if pair.slave.host.shares_paths}
    links = {path: state.link for path, state in states.items()}
    promoted = {path for path in slaves if (link := links.get(path)) and link.is_master}
    probed = {path: states[path] for path in paths if path in states and path not in promoted}
    results = dict(_run_all(hammer, probed))
    # Paths are probed one after the other: the first one without a state is the one that hangs.
    if hanging := [path for path in paths if path not in states][:1]:
        results[hanging[0]] = ProbeFailed(ProbeTrouble.PROBE_TIMEOUT, detail=_HANGS)
    return {
        path: EndpointFacts(
            links.get(path), results.get(path), states[path].real if path in states else ""
        )
        for path in paths
    }


def _run_all(hammer: str, states: "Mapping[str, PathState]") -> Iterator[tuple[str, ProbeResult]]:
    deadline_at = time.monotonic() + TIMEOUT_S
    waiting = list(states)
    while waiting and time.monotonic() < deadline_at:
        batch, waiting = waiting[:MOST_AT_ONCE], waiting[MOST_AT_ONCE:]
        calls = {path: _start(hammer, states[path]) for path in batch}
        for path, call in calls.items():
            yield path, _result(call, states[path], deadline_at)


def _start(hammer: str, state: "PathState") -> Child | CommandResult:
    argv = pfs_status_argv(hammer, (Endpoint(state.target),))
    return start_command(argv, environment(pwd.getpwuid(os.getuid()).pw_dir))


def _result(call: Child | CommandResult, state: "PathState", deadline_at: float) -> ProbeResult:
    done = call if isinstance(call, CommandResult) else wait_for(call, deadline_at)
    return pfs_status_result(done, state.stat)


def pfs_status_result(done: CommandResult, stat: PathStat | None = None) -> ProbeResult:
    """Return what a pfs-status of one PFS told; `stat` is its path, if that is on this machine."""
    if done.start_error:
        return ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=done.start_error)
    if done.is_late:
        return ProbeFailed(ProbeTrouble.PROBE_TIMEOUT, stat)
    try:
        blocks = parse_pfs_status(done.text)
    except BadOutput as error:
        return ProbeFailed(ProbeTrouble.BAD_OUTPUT, stat, error.message)
    if done.status == 0 and blocks:
        return blocks[0]
    return ProbeFailed(find_cause(done.err) or ProbeTrouble.PROBE_SILENT, stat)
