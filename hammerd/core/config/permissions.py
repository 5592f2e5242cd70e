"""Whom a config can come from: what root runs by, nobody but root may be able to change.

The config names the program that hammerd runs as root, and the files that it writes. So the file
itself, whatever link leads to it, and the directories in which the link and the file stand must
be root's; a directory that all may write to serves when it is sticky, as /tmp is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hammerd.core.errors import Fault

ROOT = 0
MOVE_CONFIG_HINT = (
    "move the config to a directory that only root can write to, like /usr/local/etc"
)
_GROUP_WRITES, _OTHERS_WRITE, _STICKY = 0o020, 0o002, 0o1000


@dataclass(frozen=True, slots=True)
class PathPermissions:
    """Whose a file or directory is, and who may do what with it; `mode` as stat has it."""

    path: str
    uid: int
    gid: int
    mode: int
    is_directory: bool = False
    is_link: bool = False


def permission_faults(
    standings: Iterable[PathPermissions], euid: int, elsewhere: str = MOVE_CONFIG_HINT
) -> tuple[Fault, ...]:
    """Find who else could change a config, for a process of this user; only root must care.

    `elsewhere` is the cure of a directory that is another user's: a person's home stays that.
    """
    if euid != ROOT:
        return ()
    return tuple(fault for each in standings for fault in _faults(each, elsewhere))


def _faults(standing: PathPermissions, elsewhere: str) -> Iterator[Fault]:
    kind = "directory" if standing.is_directory else "file"
    path, mode = standing.path, f"mode {standing.mode & 0o7777:04o}"
    if standing.uid != ROOT:
        chown = "chown -h" if standing.is_link else "chown"
        cure = elsewhere if standing.is_directory else f'"{chown} root {path}"'
        hint = f"who owns it can change what root runs: {cure}"
        yield Fault(kind, f"{path} is not root's", f"uid {standing.uid}", hint)
    if standing.is_directory and standing.mode & _STICKY:
        return
    is_theirs = standing.is_directory and standing.uid != ROOT
    cure = elsewhere if is_theirs else f'"chmod go-w {path}"'
    hint = f"they could change what root runs: {cure}"
    if standing.mode & _OTHERS_WRITE:
        yield Fault(kind, f"everybody may write to {path}", mode, hint)
    # Root's own group is root's: wheel on the BSDs.
    elif standing.mode & _GROUP_WRITES and standing.gid != ROOT:
        yield Fault(kind, f"group {standing.gid} may write to {path}", mode, hint)
