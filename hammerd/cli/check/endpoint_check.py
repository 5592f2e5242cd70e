"""Asks hammer what the local ends of a config are: a pfs-status for each, some at a time.

One that does not come back costs its end and no other one: when the time is up it is killed. A
slave whose softlink says that it is a master is not asked: to look at a promoted slave changes
what a later downgrade would store.
"""

import os
import pwd
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hammerd.cli.check.endpoint_verdicts import EndpointFacts
from hammerd.cli.check.path_check import give_up, local_paths
from hammerd.core.errors import BadOutput
from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import parse_pfs_status
from hammerd.core.pair.probe_verdict import EndpointSeen, ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair

if TYPE_CHECKING:
    from hammerd.daemon.paths.path_state import PathState

PATIENCE_S = 10.0
MOST_AT_ONCE = 8

_HANGS = "a look at its path does not come back: does its disk hang?"

Call = subprocess.Popen[bytes] | ProbeFailed
"""A pfs-status under way, or why there is none."""


def probe_endpoints(
    hammer: str, pairs: tuple[Pair, ...], seen: "Mapping[str, PathState]"
) -> dict[str, EndpointFacts]:
    """Return what hammer and the softlinks say of the local ends of these pairs."""
    paths = local_paths(pairs)
    slaves = {pair.slave.path for pair in pairs if not pair.slave.is_remote}
    asked = [path for path in paths if path in seen and not _is_promoted(seen[path], path, slaves)]
    answers = dict(_answers(hammer, {path: seen[path] for path in asked}))
    # Paths are looked at one after the other: only of the first is it known that it hangs.
    if hanging := [path for path in paths if path not in seen][:1]:
        answers[hanging[0]] = ProbeFailed(ProbeTrouble.PROBE_TIMEOUT, detail=_HANGS)
    return {
        path: EndpointFacts(
            seen[path].link if path in seen else None,
            answers.get(path),
            seen[path].real if path in seen else "",
        )
        for path in paths
    }


def _is_promoted(seen: "PathState", path: str, slaves: set[str]) -> bool:
    return path in slaves and seen.link is not None and seen.link.is_master


def _answers(hammer: str, seen: "Mapping[str, PathState]") -> Iterator[tuple[str, EndpointSeen]]:
    deadline_at = time.monotonic() + PATIENCE_S
    waiting = list(seen)
    while waiting and time.monotonic() < deadline_at:
        batch, waiting = waiting[:MOST_AT_ONCE], waiting[MOST_AT_ONCE:]
        calls = {path: _start(hammer, seen[path]) for path in batch}
        for path, call in calls.items():
            yield path, _answer(call, seen[path], deadline_at)


def _start(hammer: str, seen: "PathState") -> Call:
    argv = pfs_status_argv(hammer, (Endpoint(seen.target),))
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(pwd.getpwuid(os.getuid()).pw_dir),
            process_group=0,
        )
    except OSError as error:
        detail = f"cannot start {hammer}: {error.strerror}"
        return ProbeFailed(ProbeTrouble.SPAWN_FAILED, detail=detail)


def _answer(call: Call, seen: "PathState", deadline_at: float) -> EndpointSeen:
    if isinstance(call, ProbeFailed):
        return call
    try:
        out, err = call.communicate(timeout=max(deadline_at - time.monotonic(), 0.01))
        blocks = parse_pfs_status(out.decode("utf-8", "backslashreplace"))
    except subprocess.TimeoutExpired:
        give_up(call)
        return ProbeFailed(ProbeTrouble.PROBE_TIMEOUT, seen.look)
    except BadOutput as error:
        return ProbeFailed(ProbeTrouble.BAD_OUTPUT, seen.look, error.message)
    if call.returncode == 0 and blocks:
        return blocks[0]
    return ProbeFailed(find_cause(err) or ProbeTrouble.PROBE_SILENT, seen.look)
