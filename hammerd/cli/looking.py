"""Looks at the local ends of a config as they stand on the disk, without waiting for a disk.

In a child with a deadline, as the daemon does: a stat of a path on a disk that hangs never
returns. What was not told by then, or makes no sense, is not known.
"""

import contextlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator

from hammerd.core.config_ends import PfsLink
from hammerd.core.pairs import Pair
from hammerd.core.platform_facts import platform_of

PATIENCE_S = 3.0
KILLED_S = 0.5
DEVICES_TELL = platform_of(platform.system()).devices_tell


def pfs_links(pairs: Iterable[Pair]) -> dict[str, PfsLink]:
    """Return the PFS softlinks among the pairs' local ends, by the path of the config."""
    ends = (end for pair in pairs for end in (pair.master, pair.slave))
    paths = tuple(dict.fromkeys(end.path for end in ends if not end.is_remote))
    return dict(_read(_looked_at(paths))) if paths else {}


def _looked_at(paths: tuple[str, ...]) -> bytes:
    from hammerd.daemon import look

    argv = (sys.executable, "-IS", look.__file__, *paths)
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        return child.communicate(timeout=PATIENCE_S)[0]
    except subprocess.TimeoutExpired as expired:
        _give_up(child)
        return expired.stdout or b""


def _give_up(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    if child.stdout:
        child.stdout.close()
    # What a hanging disk holds does not even die.
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(KILLED_S)


def _read(lines: bytes) -> Iterator[tuple[str, PfsLink]]:
    for line in lines.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and found.get("is_pfs_link") is True:
            # The device is that of the path: of the softlink, when no link leads to it.
            is_told = DEVICES_TELL and found["operand"] == found["path"]
            yield str(found["path"]), PfsLink(found["real"], found["device"] if is_told else None)
