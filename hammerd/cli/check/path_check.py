"""Looks at the local ends of a config as they stand on the disk, without waiting for a disk.

In a child with a deadline, as the daemon does: a stat of a path on a disk that hangs never
returns. What was not told by then, or makes no sense, is not known.
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

PATIENCE_S = 3.0
KILLED_S = 0.5
DEVICES_TELL = platform_of(platform.system()).has_pfs_devices


def local_paths(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Return the paths of the pairs' local ends, each once."""
    ends = (end for pair in pairs for end in (pair.master, pair.slave))
    return tuple(dict.fromkeys(end.path for end in ends if not end.is_remote))


def probe_paths(paths: tuple[str, ...]) -> "dict[str, PathState]":
    """Return what is at each path, up to the first that hangs."""
    return dict(_read(_looked_at(paths))) if paths else {}


def pfs_links(seen: "Mapping[str, PathState]") -> dict[str, PfsLink]:
    """Return the PFS softlinks among what was seen, by the path of the config."""
    return {
        path: PfsLink(each.real, each.end.device if DEVICES_TELL else None)
        for path, each in seen.items()
        if each.is_pfs_link
    }


def give_up(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and its group; what a hanging disk holds is waited for a moment only."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for pipe in (child.stdout, child.stderr):
        if pipe:
            pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILLED_S)


def _looked_at(paths: tuple[str, ...]) -> bytes:
    from hammerd.daemon.paths import probe_program

    argv = (sys.executable, "-IS", probe_program.__file__, *paths)
    child = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    )
    try:
        return child.communicate(timeout=PATIENCE_S)[0]
    except subprocess.TimeoutExpired as expired:
        give_up(child)
        return expired.stdout or b""


def _read(lines: bytes) -> "Iterator[tuple[str, PathState]]":
    from hammerd.daemon.paths.path_state import parse_path_state

    for line in lines.splitlines():
        try:
            found = parse_path_state(line)
        except (ValueError, KeyError, TypeError):
            continue
        if not isinstance(found, str):
            yield found.look.path, found
