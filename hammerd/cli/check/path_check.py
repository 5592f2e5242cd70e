"""Probes the paths of a config's local endpoints, without waiting for a disk that hangs.

A stat of a path on such a disk never returns, so a child does it with a deadline, as in the
daemon. A path without a result by then, or with an invalid one, is unknown.
"""

import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from hammerd.cli.check.bounded_command import run_command
from hammerd.core.config.path_warnings import PfsLink
from hammerd.core.pairs import Pair
from hammerd.core.platforms import platform_of

if TYPE_CHECKING:
    from hammerd.daemon.paths.path_state import PathState

TIMEOUT_S = 3.0
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


def _run_probe_program(paths: tuple[str, ...]) -> bytes:
    from hammerd.daemon.paths import probe_program

    argv = (sys.executable, "-IS", probe_program.__file__, *paths)
    return run_command(argv, TIMEOUT_S).out


def _parse(lines: bytes) -> "Iterator[tuple[str, PathState]]":
    from hammerd.daemon.paths.path_state import parse_path_state

    for line in lines.splitlines():
        try:
            found = parse_path_state(line)
        except (ValueError, KeyError, TypeError):
            continue
        if not isinstance(found, str):
            yield found.stat.path, found
