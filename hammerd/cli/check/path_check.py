"""Probes the paths of a config's local endpoints, without waiting for a disk that hangs.

A stat of a path on such a disk never returns, so a child does it with a deadline, as in the
daemon. A path without a result by then, or with an invalid one, is unknown.
"""

import contextlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from hammerd.core.config.path_warnings import PfsLink
from hammerd.core.pairs import Pair
from hammerd.core.platforms import platform_of

if TYPE_CHECKING:
    from hammerd.daemon.paths.path_state import PathState

TIMEOUT_S = 3.0
KILL_TIMEOUT_S = 0.5
HAS_PFS_DEVICES = platform_of(platform.system()).has_pfs_devices


def local_paths(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Return the paths of the pairs' local endpoints, each once."""
    endpoints = (endpoint for pair in pairs for endpoint in (pair.master, pair.slave))
    return tuple(dict.fromkeys(each.path for each in endpoints if each.host.shares_paths))


def probe_paths(paths: tuple[str, ...]) -> "dict[str, PathState]":
    """Return the state of each path, up to the first that hangs."""
    return dict(_parse(_run_probe_program(paths))) if paths else {}


def pfs_links(states: "Mapping[str, PathState]") -> dict[str, PfsLink]:
    """Return those paths that are PFS softlinks, by the path of the config."""
    return {
        path: PfsLink(each.real, each.real_file.device if HAS_PFS_DEVICES else None)
        for path, each in states.items()
        if each.is_pfs_link
    }


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child's group; wait only briefly, because a disk that hangs may hold the child."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for pipe in (child.stdout, child.stderr):
        if pipe:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILL_TIMEOUT_S)


def _run_probe_program(paths: tuple[str, ...]) -> bytes:
    from hammerd.daemon.paths import probe_program

    argv = (sys.executable, "-IS", probe_program.__file__, *paths)
    child = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    )
    try:
        return child.communicate(timeout=TIMEOUT_S)[0]
    except subprocess.TimeoutExpired as expired:
        kill_group(child)
        return expired.stdout or b""


def _parse(lines: bytes) -> "Iterator[tuple[str, PathState]]":
    from hammerd.daemon.paths.path_state import parse_path_state

    for line in lines.splitlines():
        try:
            found = parse_path_state(line)
        except (ValueError, KeyError, TypeError):
            continue
        if not isinstance(found, str):
            yield found.stat.path, found
